"""
LDAP URIs, as far as a referral needs them.

Source: RFC 4516.
"""

import re
from urllib.parse import unquote

from attrs import frozen

from mxisd.drivers.ldap.operations import Scope
from mxisd.drivers.ldap.server import Address, Security

_LENGTH = 4096
_URI = re.compile(
    r"(?P<scheme>ldaps?)://"
    r"(?P<host>\[[0-9a-f:.]+\]|[^\[\]/:?#@]+)(:(?P<port>[0-9]{1,5}))?"
    r"(/(?P<dn>[^?#]*)(\?[^?#]*(\?(?P<scope>base|one|sub)?(\?[^#]*)?)?)?)?",
    re.IGNORECASE,
)
_SCOPES = {"base": Scope.BASE, "one": Scope.ONE, "sub": Scope.SUBTREE}
_TLS_PORTS = {389: 636, 3268: 3269}

# Every Active Directory points to these; there are no people in them.
_PARTITIONS = (
    "dc=domaindnszones,",
    "dc=forestdnszones,",
    "cn=configuration,",
    "cn=schema,",
)


@frozen
class Uri:
    """
    Where a server points to.

    :ivar is_tls: Whether its scheme is ``ldaps``.
    :ivar port: ``None`` if it names none.
    :ivar base: ``None`` if it names none.
    :ivar scope: ``None`` if it names none.
    """

    is_tls: bool
    host: str
    port: int | None = None
    base: str | None = None
    scope: Scope | None = None

    @classmethod
    def parse(cls, text: str) -> "Uri":
        """
        Read a URI; the filter and the attributes in it are of no interest.

        :raise ValueError: If it is none that can be followed.
        """
        match = _URI.fullmatch(text) if len(text) <= _LENGTH else None
        if match is None:
            raise ValueError("no LDAP URI with a host")
        port = None if match["port"] is None else int(match["port"])
        if port is not None and not 1 <= port <= 65535:
            raise ValueError("no port")
        return cls(
            is_tls=match["scheme"].lower() == "ldaps",
            host=unquote(match["host"], errors="strict").strip("[]").lower(),
            port=port,
            base=unquote(match["dn"], errors="strict") if match["dn"] else None,
            scope=_SCOPES.get((match["scope"] or "").lower()),
        )

    @property
    def is_without_people(self) -> bool:
        """Whether it points to a partition that only servers are interested in."""
        return (self.base or "").replace(" ", "").lower().startswith(_PARTITIONS)

    def address(self, security: Security) -> Address:
        """Where to connect to, if this is how connections are protected."""
        if self.is_tls:
            return Address(self.host, self.port or 636)
        port = self.port or 389
        is_tls = security is Security.TLS
        return Address(self.host, _TLS_PORTS.get(port, port) if is_tls else port)

    def security(self, security: Security) -> Security:
        """How to protect that connection: never less than the others."""
        return Security.TLS if self.is_tls else security
