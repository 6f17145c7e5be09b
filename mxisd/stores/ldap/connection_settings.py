"""The keys that say where a directory is, and how to get in."""

import re
from collections.abc import Iterator

from attrs import frozen

from mxisd.drivers.ldap.server import Access, Address, Security, SocketAddress
from mxisd.errors import Problem
from mxisd.model.secret import Secret
from mxisd.model.settings import Duration, option
from mxisd.stores.ldap import checks

GLOBAL_CATALOG = (3268, 3269)
"""The ports of the Global Catalog of an Active Directory, plain and by TLS."""

_HOST = re.compile(
    r"(?P<name>\[[0-9A-Fa-f:.%]+\]|[^\s:/\[\]]+)(:(?P<port>[0-9]{1,5}))?"
)
_V6 = re.compile(r"[0-9A-Fa-f:.%]*:[0-9A-Fa-f:.%]*:[0-9A-Fa-f:.%]*")


def _host(value: str) -> None:
    if "://" in value:
        raise ValueError(
            "is the name only; TLS is switched on by connection.tls or "
            "connection.startTls, a UNIX socket is connection.socket"
        )
    text = value.strip()
    if not text or _V6.fullmatch(text):
        return
    match = _HOST.fullmatch(text)
    if match is None:
        raise ValueError("is no host: a name, or an address, perhaps with :port")
    checks.port(None if match["port"] is None else int(match["port"]))


def _hosts(value: tuple[str, ...]) -> None:
    for each in value:
        if not each.strip():
            raise ValueError("a host must not be empty")
        _host(each)


@frozen(kw_only=True)
class ConnectionSettings:
    """Where the directory is."""

    host: str = option("The server's name or address.", "", check=_host)
    hosts: tuple[str, ...] = option(
        "More servers with the same content, as ``name`` or ``name:port``; each is "
        "asked when those before it cannot be reached.",
        (),
        check=_hosts,
    )
    socket: str | None = option(
        "The path of a UNIX socket (ldapi), instead of ``host``.", None
    )
    port: int | None = option(
        "The port of every host that is written without one.",
        None,
        default_note="389, or 636 with ``tls``; univention: 7389 and 7636",
        check=checks.port,
    )
    tls: bool = option("Whether TLS is spoken from the first byte (ldaps).", False)
    start_tls: bool = option(
        "Whether the connection changes to TLS before anything else is said.", False
    )
    ca_file: str | None = option(
        "A PEM file of the certificate authorities to trust instead of the system's.",
        None,
    )
    tls_name: str | None = option(
        "The name that the servers' certificates must have.",
        None,
        default_note="the host's",
    )
    certificate_file: str | None = option(
        "A PEM file with a certificate of our own, where the servers want one.", None
    )
    key_file: str | None = option(
        "A PEM file with the key of ``certificateFile``.", None
    )
    timeout: Duration = option(
        "How long a connection, and each answer, may take.",
        Duration(5),
        check=checks.positive,
    )
    bind_dn: str = option("Who we are in the directory; empty: anonymous.", "")
    bind_password: Secret = option("The password of ``bindDn``.", Secret(""))
    base_dns: tuple[str, ...] = option(
        "The subtrees with people, in order of priority.", (), key="baseDNs"
    )
    base_dn: str | None = option("One more subtree; the old form of ``baseDNs``.", None)
    page_size: int = option(
        "How many entries are asked for at once in a list; 0: all of them.",
        500,
        check=checks.page_size,
    )
    connections: int = option(
        "How many connections searches share at most.", 4, check=checks.positive
    )
    follow_referrals: bool = option(
        "Whether other servers are asked that the server refers to.", False
    )

    @property
    def bases(self) -> tuple[str, ...]:
        """Every subtree, once."""
        legacy = () if not self.base_dn else (self.base_dn,)
        return tuple(dict.fromkeys((*self.base_dns, *legacy)))

    @property
    def is_encrypted(self) -> bool:
        """Whether nobody on the way can read along."""
        return self.tls or self.start_tls or self.socket is not None

    @property
    def addresses(self) -> tuple[Address | SocketAddress, ...]:
        """The servers, in order of preference."""
        if self.socket is not None:
            return (SocketAddress(self.socket),)
        names = (self.host.strip(), *(each.strip() for each in self.hosts))
        return tuple(dict.fromkeys(self._address(each) for each in names if each))

    @property
    def access(self) -> Access:
        """How to get in."""
        plain = Security.START_TLS if self.start_tls else Security.NONE
        return Access(
            security=Security.TLS if self.tls else plain,
            ca_file=self.ca_file,
            certificate_file=self.certificate_file,
            key_file=self.key_file,
            tls_name=self.tls_name,
            bind_dn=self.bind_dn,
            bind_password=self.bind_password,
            timeout=self.timeout,
        )

    def _address(self, text: str) -> Address:
        assert self.port is not None, "defaults are filled in"
        if _V6.fullmatch(text):
            return Address(text, self.port)
        match = _HOST.fullmatch(text)
        assert match is not None
        return Address(match["name"].strip("[]"), int(match["port"] or self.port))


def problems(connection: ConnectionSettings) -> Iterator[Problem]:
    """What does not fit together; paths are relative to the section of the store."""
    yield from _place_problems(connection)
    yield from _account_problems(connection)
    yield from _tls_problems(connection)


def _place_problems(connection: ConnectionSettings) -> Iterator[Problem]:
    has_host = bool(connection.host.strip() or connection.hosts)
    if not has_host and connection.socket is None:
        yield Problem("connection.host", "is required: The server's name or address")
    if has_host and connection.socket is not None:
        yield Problem("connection.socket", "is instead of host and hosts: choose one")
    is_catalog = connection.port in GLOBAL_CATALOG
    if not connection.bases or not (
        is_catalog or any(map(str.strip, connection.bases))
    ):
        yield Problem(
            "connection.baseDNs",
            "is required: say where the people are, such as "
            "ou=people,dc=example,dc=org",
        )


def _account_problems(connection: ConnectionSettings) -> Iterator[Problem]:
    if bool(connection.bind_dn) != bool(connection.bind_password):
        missing = "bindDn" if connection.bind_password else "bindPassword"
        yield Problem(
            f"connection.{missing}", "is required: bindDn and bindPassword go together"
        )
    if bool(connection.certificate_file) != bool(connection.key_file):
        missing = "certificateFile" if connection.key_file else "keyFile"
        yield Problem(
            f"connection.{missing}",
            "is required: certificateFile and keyFile go together",
        )


def _tls_problems(connection: ConnectionSettings) -> Iterator[Problem]:
    if connection.tls and connection.start_tls:
        yield Problem(
            "connection.startTls", "is another way than tls: true; choose one of them"
        )
    has_tls = connection.tls or connection.start_tls
    if has_tls and connection.socket is not None:
        key = "tls" if connection.tls else "startTls"
        yield Problem(f"connection.{key}", "has no use on a UNIX socket")
    for key, value in (
        ("caFile", connection.ca_file),
        ("tlsName", connection.tls_name),
        ("certificateFile", connection.certificate_file),
    ):
        if value is not None and not has_tls:
            yield Problem(
                f"connection.{key}", "has no effect without tls or startTls: true"
            )
