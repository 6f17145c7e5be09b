"""The configuration of lookups: in the clear, and by hash."""

from enum import Enum

from attrs import frozen

from mxisd.config.checks import positive
from mxisd.model.hashing import ALGORITHMS
from mxisd.model.requesters import Network
from mxisd.model.settings import Duration, networks, option

NEAR = (
    "127.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "::1/128",
)


class RotationPolicy(Enum):
    """What makes a pepper old."""

    PER_SECONDS = "per_seconds"
    PER_REQUESTS = "per_requests"


def _pepper_length(value: int) -> None:
    if not 8 <= value <= 255:
        raise ValueError("must be 8 to 255 characters")


def _algorithms(value: tuple[str, ...]) -> None:
    unknown = [word for word in value if word not in ALGORITHMS]
    if unknown or not value:
        raise ValueError(f"a list of one or more of {', '.join(ALGORITHMS)}")


@frozen(kw_only=True)
class RecursiveSection:
    """Asking other identity servers."""

    enabled: bool = option("Whether other servers are ever asked.", True)
    allowed_cidr: tuple[Network, ...] = option(
        "Networks of the requesters for whom other servers are asked.",
        networks(*NEAR),
    )


@frozen(kw_only=True)
class BulkSection:
    """The v1 bulk lookup."""

    enabled: bool = option("Whether ``bulk_lookup`` answers.", True)


@frozen(kw_only=True)
class InboundSection:
    """The v1 lookup as others use it."""

    allowed_cidr: tuple[Network, ...] | None = option(
        "Networks that may use the v1 lookups, and nothing else. Widen it if you "
        "publish the ``_matrix-identity._tcp`` record.",
        None,
        default_note="``lookup.recursive.allowedCidr``",
    )


@frozen(kw_only=True)
class LookupSection:
    """How 3PIDs are looked up."""

    recursive: RecursiveSection = option("Other servers.", RecursiveSection)
    bulk: BulkSection = option("Bulk lookup.", BulkSection)
    inbound: InboundSection = option("Who may use v1.", InboundSection)
    timeout: Duration = option(
        "The longest a lookup takes; what is found by then is answered.",
        Duration(10),
        check=positive,
    )
    store_timeout: Duration = option(
        "The longest one question to one store takes.", Duration(5), check=positive
    )


@frozen(kw_only=True)
class HashingSection:
    """Lookup by hash."""

    enabled: bool = option("Whether lookups by hash are answered.", True)
    algorithms: tuple[str, ...] = option(
        "What clients may use; ``none`` sends addresses in the clear.",
        ALGORITHMS,
        check=_algorithms,
    )
    pepper_length: int = option(
        "The length of a pepper, in characters.", 20, check=_pepper_length
    )
    rotation_policy: RotationPolicy = option(
        "What makes a new pepper.", RotationPolicy.PER_SECONDS
    )
    delay: Duration = option(
        "The age at which a pepper is replaced (``per_seconds``); at least 10 minutes.",
        Duration(86400),
        check=positive,
    )
    requests: int = option(
        "The number of lookups after which a pepper is replaced (``per_requests``), "
        "though never before it is 10 minutes old.",
        10000,
        check=positive,
    )
    grace: Duration = option(
        "How long a replaced pepper is still answered; at least 10 minutes.",
        Duration(600),
        check=positive,
    )
    refresh: Duration = option(
        "How often stores are listed again. One that failed is tried after a minute, "
        "and then after ever longer pauses.",
        Duration(900),
        check=positive,
    )
    directory: str | None = option(
        "The folder of the index files.",
        None,
        default_note="``hashes`` beside the SQLite database",
    )
