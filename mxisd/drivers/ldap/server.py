"""Where a directory is, and how to get in."""

import enum

from attrs import frozen

from mxisd.model.secret import Secret


class Security(enum.Enum):
    """How a connection is protected; with TLS the certificate is always verified."""

    NONE = "none"
    START_TLS = "startTls"
    TLS = "tls"


@frozen
class Address:
    """A server on the network."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@frozen
class SocketAddress:
    """A server on this machine, behind a UNIX socket (ldapi)."""

    path: str

    def __str__(self) -> str:
        return self.path


AnyAddress = Address | SocketAddress


@frozen(kw_only=True)
class Access:
    """
    How to get in: the same at every address.

    :ivar security: Without effect at a :class:`SocketAddress`.
    :ivar ca_file: A PEM file of the authorities to trust, instead of the system's.
    :ivar certificate_file: A client certificate, PEM; goes with ``key_file``.
    :ivar tls_name: The name in the server's certificate, where it is not the host's.
    :ivar bind_dn: Empty for an anonymous client.
    :ivar timeout: Seconds for a connection, and for each answer.
    """

    security: Security = Security.NONE
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    tls_name: str | None = None
    bind_dn: str = ""
    bind_password: Secret = Secret("")
    timeout: float = 5.0
