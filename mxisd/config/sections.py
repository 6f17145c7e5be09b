"""
The configuration: every key of the core, its type, default and meaning.

Stores describe their own keys beside their code; ``docs/configuration.rst`` is checked
against both. Names are those of mxisd and ma1sd where these have the key.
"""

from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from attrs import field, frozen

from mxisd.config.accounts import AccountSection, TermsSection
from mxisd.config.admin import AdminSection, InternalSection
from mxisd.config.checks import filled, optional
from mxisd.config.invitations import InviteSection
from mxisd.config.limits import LimitsSection
from mxisd.config.lookups import NEAR, HashingSection, LookupSection
from mxisd.config.notification import NotificationSection, ThreePidSection
from mxisd.config.validation import SessionSection, ViewSection
from mxisd.model.identifiers import IllegalIdentifier, ServerName
from mxisd.model.requesters import Network
from mxisd.model.settings import networks, option
from mxisd.model.stored import StoredAddresses

NAME_PLACEHOLDER = "%SERVER_NAME%"


class LogLevel(Enum):
    """How much is logged."""

    TRACE = "trace"
    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"
    OFF = "off"


class StorageBackend(Enum):
    """Where our own tables are."""

    SQLITE = "sqlite"


def _port(value: int) -> None:
    if not 0 <= value <= 65535:
        raise ValueError("a port is a number from 0 to 65535")


def _server_name(value: str) -> None:
    try:
        ServerName.parse(value)
    except IllegalIdentifier as error:
        raise ValueError("must be a server name such as example.org") from error


def _addresses(value: tuple[str, ...]) -> None:
    for each in value:
        if not _is_address(each):
            raise ValueError(f"{each}: not an address such as 192.0.2.1:53 or [::1]:53")


def _is_address(text: str) -> bool:
    try:
        return ServerName.parse(text).is_ip_literal
    except IllegalIdentifier:
        return False


def _public_url(value: str) -> None:
    _url(value)
    if "%" in value.replace(NAME_PLACEHOLDER, ""):
        raise ValueError(f"holds a %; the only placeholder is {NAME_PLACEHOLDER}")


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
        check=optional(_server_name),
    )
    hostname: str = option("The address to listen on.", "0.0.0.0")  # noqa: S104
    port: int = option("The port to listen on.", 8090, check=_port)
    public_url: str | None = option(
        "The URL under which clients reach this server; ``%SERVER_NAME%`` is replaced.",
        None,
        default_note="``https://<server.name>``",
        check=optional(_public_url),
    )
    trusted_proxies: tuple[Network, ...] = option(
        "Networks of reverse proxies whose ``X-Forwarded-For`` is believed.",
        networks("127.0.0.0/8", "::1/128"),
    )
    internal_networks: tuple[Network, ...] = option(
        "Networks of your own, such as your homeserver's: they may bind, invite and "
        "have messages sent in v1, which has no login, and see the names of stores in "
        "``/status``.",
        networks(*NEAR),
    )


@frozen(kw_only=True)
class KeySection:
    """Signing keys."""

    path: str = option(
        "The key store: a folder, or a key file of an old mxisd, which is migrated. "
        "``:memory:`` keeps keys only while the server runs.",
        check=filled,
    )


@frozen(kw_only=True)
class SqliteSection:
    """The SQLite database."""

    database: str = option(
        "The database file; ``:memory:`` is a temporary file.",
        "mxisd.db",
        check=filled,
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
    servers: tuple[str, ...] = option(
        "The name servers to ask for homeservers, with a port if it is not 53, such as "
        "``192.0.2.1`` or ``[2001:db8::1]:5353``. Names of stores, mail servers and "
        "gateways are resolved as the system does.",
        (),
        default_note="those in ``/etc/resolv.conf``",
        check=_addresses,
    )


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
    :ivar addresses: How its addresses are read.
    :ivar path: The section that it stands in.
    """

    name: str
    store_type: str
    settings: Any
    addresses: StoredAddresses = StoredAddresses()
    path: str = field(default="", eq=False)


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
        url = self.server.public_url or f"https://{NAME_PLACEHOLDER}"
        return url.replace(NAME_PLACEHOLDER, self.server_name).rstrip("/")

    @property
    def inbound_networks(self) -> tuple[Network, ...]:
        """Who may use the v1 lookups."""
        inbound = self.lookup.inbound.allowed_cidr
        return self.lookup.recursive.allowed_cidr if inbound is None else inbound
