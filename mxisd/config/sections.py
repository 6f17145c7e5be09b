"""
The configuration: every key of the core, its type, default and meaning.

Stores describe their own keys beside their code; ``docs/configuration.rst`` is checked
against both. Names are those of mxisd and ma1sd where these have the key.
"""

import re
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from attrs import frozen

from mxisd.config.admin import AdminSection, InternalSection
from mxisd.config.invitations import InviteSection
from mxisd.config.notification import NotificationSection, ThreePidSection
from mxisd.config.validation import LimitsSection, SessionSection, ViewSection
from mxisd.model.hashing import ALGORITHMS
from mxisd.model.identifiers import IllegalIdentifier, ServerName
from mxisd.model.requesters import Network
from mxisd.model.settings import Duration, networks, option

NEAR = (
    "127.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "::1/128",
)


class LogLevel(Enum):
    """How much is logged."""

    TRACE = "trace"
    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"
    OFF = "off"


class RotationPolicy(Enum):
    """What makes a pepper old."""

    PER_SECONDS = "per_seconds"
    PER_REQUESTS = "per_requests"


class StorageBackend(Enum):
    """Where our own tables are."""

    SQLITE = "sqlite"


def _port(value: int) -> None:
    if not 0 <= value <= 65535:
        raise ValueError("a port is a number from 0 to 65535")


def _positive(value: float) -> None:
    if value <= 0:
        raise ValueError("must be more than 0")


def _server_name(value: str) -> None:
    try:
        ServerName.parse(value)
    except IllegalIdentifier as error:
        raise ValueError("must be a server name such as example.org") from error


def _url(value: str) -> None:
    try:
        url = urlsplit(value)
        is_good = url.scheme in ("http", "https") and bool(url.hostname)
        # A port out of range raises ValueError when it is read.
        is_good = is_good and url.port != 0 and not url.query and not url.fragment
    except ValueError:
        is_good = False
    if not is_good or not value.isprintable() or " " in value:
        raise ValueError("must be a URL such as https://matrix.example.org")


def _optional(check: Callable[[Any], None]) -> Callable[[Any], None]:
    return lambda value: None if value is None else check(value)


def _filled(value: Any) -> None:
    if not value:
        raise ValueError("must not be empty")


def _pepper_length(value: int) -> None:
    if not 8 <= value <= 255:
        raise ValueError("must be 8 to 255 characters")


def _algorithms(value: tuple[str, ...]) -> None:
    unknown = [word for word in value if word not in ALGORITHMS]
    if unknown or not value:
        raise ValueError(f"a list of one or more of {', '.join(ALGORITHMS)}")


def _regexps(value: tuple[str, ...]) -> None:
    for text in value:
        try:
            re.compile(text)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error


@frozen(kw_only=True)
class MatrixSection:
    """Your Matrix domain and the API versions served."""

    domain: str = option(
        "The server name of your homeserver: what follows : in user IDs.",
        check=_server_name,
    )
    v1: bool = option(
        "Serve the historic v1 lookup API. Key validity and mailed links stay served.",
        True,
    )
    v2: bool = option("Serve the v2 API.", True)


@frozen(kw_only=True)
class ServerSection:
    """This server: where it listens and what it is called."""

    name: str | None = option(
        "The name under which signatures are published.",
        None,
        default_note="``matrix.domain``",
        check=_optional(_server_name),
    )
    hostname: str = option("The address to listen on.", "0.0.0.0")  # noqa: S104
    port: int = option("The port to listen on.", 8090, check=_port)
    public_url: str | None = option(
        "The URL under which clients reach this server; ``%SERVER_NAME%`` is replaced.",
        None,
        default_note="``https://<server.name>``",
        check=_optional(_url),
    )
    trusted_proxies: tuple[Network, ...] = option(
        "Networks of reverse proxies whose ``X-Forwarded-For`` is believed.",
        networks("127.0.0.0/8", "::1/128"),
    )
    internal_networks: tuple[Network, ...] = option(
        "Networks that may see the names of stores in ``/status``.", networks(*NEAR)
    )


@frozen(kw_only=True)
class KeySection:
    """Signing keys."""

    path: str = option(
        "The key store: a folder, or a key file of an old mxisd, which is migrated. "
        "``:memory:`` keeps keys only while the server runs.",
        check=_filled,
    )


@frozen(kw_only=True)
class SqliteSection:
    """The SQLite database."""

    database: str = option(
        "The database file; ``:memory:`` is a temporary file.",
        "mxisd.db",
        check=_filled,
    )


@frozen(kw_only=True)
class StorageProviderSection:
    """One section per database engine."""

    sqlite: SqliteSection = option("The embedded engine.", SqliteSection)


@frozen(kw_only=True)
class StorageSection:
    """Our own tables: accounts, terms, peppers, bindings, sessions, invites."""

    backend: StorageBackend = option("The database engine.", StorageBackend.SQLITE)
    provider: StorageProviderSection = option(
        "Settings of each engine.", StorageProviderSection
    )


@frozen(kw_only=True)
class DnsOverwriteEntry:
    """One name whose server you know better than the DNS."""

    name: str = option("The Matrix domain.")
    value: str = option(
        "The base URL of its federation API, used as it is.", check=_url
    )


@frozen(kw_only=True)
class HomeserverOverwriteSection:
    """Homeservers that are found here instead of by server discovery."""

    federation: tuple[DnsOverwriteEntry, ...] = option(
        "Where to reach homeservers for server-to-server questions.", ()
    )


@frozen(kw_only=True)
class DnsOverwriteSection:
    """What to find where the DNS says otherwise."""

    homeserver: HomeserverOverwriteSection = option(
        "Homeservers.", HomeserverOverwriteSection
    )


@frozen(kw_only=True)
class DnsSection:
    """Server discovery."""

    overwrite: DnsOverwriteSection = option("Overwrites.", DnsOverwriteSection)


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
        "Networks that may use the v1 lookups. Widen it if you publish the "
        "``_matrix-identity._tcp`` record.",
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
        check=_positive,
    )
    store_timeout: Duration = option(
        "The longest one question to one store takes.", Duration(5), check=_positive
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
        check=_positive,
    )
    requests: int = option(
        "The number of lookups after which a pepper is replaced (``per_requests``), "
        "though never before it is 10 minutes old.",
        10000,
        check=_positive,
    )
    grace: Duration = option(
        "How long a replaced pepper is still answered; at least 10 minutes.",
        Duration(600),
        check=_positive,
    )
    refresh: Duration = option(
        "How often stores are listed again.", Duration(900), check=_positive
    )
    directory: str | None = option(
        "The folder of the index files.",
        None,
        default_note="``hashes`` beside the SQLite database",
    )


@frozen(kw_only=True)
class AccountSection:
    """Who may have an account here, and for how long."""

    allow_only_trust_domains: bool = option(
        "Whether only users of ``matrix.domain`` may register.", True
    )
    allowed_homeservers: tuple[str, ...] = option(
        "Server names whose users may register besides; needs "
        "``allowOnlyTrustDomains: false`` to have any effect; empty: all.",
        (),
    )
    token_lifetime: Duration = option(
        "How long an account token is good.", Duration(7 * 86400), check=_positive
    )


@frozen(kw_only=True)
class TermsDocumentSection:
    """A policy in one language."""

    name: str = option("Its title.")
    url: str = option("Where it can be read; a changed document needs a new URL.")


@frozen(kw_only=True)
class PolicySection:
    """One policy."""

    version: str = option("Its version.")
    terms: Mapping[str, TermsDocumentSection] = option(
        "Its documents, by language code.", check=_filled
    )
    regexp: tuple[str, ...] = option(
        "Paths that need it, as regular expressions; empty: all that need a login.",
        (),
        check=_regexps,
    )


@frozen(kw_only=True)
class TermsSection:
    """Terms of service."""

    policies: Mapping[str, PolicySection] = option("Policies by ID.", dict)


@frozen(kw_only=True)
class BindingsSection:
    """Associations that users publish with us."""

    enabled: bool = option(
        "Whether users may bind, and bindings are found. Otherwise, they may still "
        "unbind.",
        True,
    )


@frozen(kw_only=True)
class OutboundSection:
    """Questions to servers that others named."""

    allowed_cidr: tuple[Network, ...] = option(
        "Private networks that may be reached all the same, for tests and intranets.",
        (),
    )
    ca_file: str | None = option(
        "A PEM file of certificate authorities to trust besides the system's.", None
    )


@frozen(kw_only=True)
class LoggingSection:
    """Logs."""

    root: LogLevel = option("The level of the libraries.", LogLevel.INFO)
    app: LogLevel = option("The level of mxisd itself.", LogLevel.INFO)
    access: str = option(
        "The access log: a file, ``-`` for the standard output, empty for none.", "-"
    )


@frozen(kw_only=True)
class StoreEntry:
    """
    A configured store.

    :ivar store_type: The factory's word.
    :ivar settings: What the factory's ``parse`` returned.
    """

    name: str
    store_type: str
    settings: Any


@frozen(kw_only=True)
class Config:
    """
    The whole configuration.

    :ivar stores: From ``stores:`` and the classic sections, in order of priority.
    """

    matrix: MatrixSection = option("Your domain.")
    server: ServerSection = option("This server.", ServerSection)
    key: KeySection = option("Signing keys.")
    storage: StorageSection = option("Our own tables.", StorageSection)
    dns: DnsSection = option("Server discovery.", DnsSection)
    lookup: LookupSection = option("Lookups.", LookupSection)
    hashing: HashingSection = option("Lookup by hash.", HashingSection)
    account_config: AccountSection = option("Accounts.", AccountSection)
    policy: TermsSection = option("Terms of service.", TermsSection)
    bindings: BindingsSection = option("Bindings.", BindingsSection)
    session: SessionSection = option("Validation sessions.", SessionSection)
    view: ViewSection = option("Pages.", ViewSection)
    invite: InviteSection = option("Invitations.", InviteSection)
    limits: LimitsSection = option("Limits.", LimitsSection)
    threepid: ThreePidSection = option("Messages by medium.", ThreePidSection)
    notification: NotificationSection = option("Messages.", NotificationSection)
    admin: AdminSection = option("The operator's door.", AdminSection)
    internal: InternalSection = option("ma1sd's internal API.", InternalSection)
    outbound: OutboundSection = option("Outgoing questions.", OutboundSection)
    logging: LoggingSection = option("Logs.", LoggingSection)
    stores: tuple[StoreEntry, ...] = ()

    @property
    def server_name(self) -> str:
        """The name under which we sign."""
        return self.server.name or self.matrix.domain

    @property
    def public_url(self) -> str:
        """The base URL that clients see, without a trailing slash."""
        url = self.server.public_url or "https://%SERVER_NAME%"
        return url.replace("%SERVER_NAME%", self.server_name).rstrip("/")

    @property
    def inbound_networks(self) -> tuple[Network, ...]:
        """Who may use the v1 lookups."""
        inbound = self.lookup.inbound.allowed_cidr
        return self.lookup.recursive.allowed_cidr if inbound is None else inbound
