"""Where a directory is, and how to get a connection to it, in the clear or by TLS."""

from typing import Any

from attrs import frozen
from twisted.internet import ssl
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import (
    HostnameEndpoint,
    connectProtocol,
    wrapClientTLS,
)
from twisted.internet.interfaces import IStreamClientEndpoint

from mxisd.drivers.ldap.connection import LdapConnection, TimedOut
from mxisd.errors import StoreUnavailable
from mxisd.model.secret import Secret

_PEM_END = b"-----END CERTIFICATE-----"


@frozen(kw_only=True)
class Server:
    """
    Where a directory is, and who we are there.

    :ivar ca_file: A PEM file of the authorities to trust, instead of the system's.
    :ivar bind_dn: Empty for an anonymous client.
    :ivar timeout: Seconds for a connection, and for each answer.
    """

    host: str
    port: int
    is_tls: bool = False
    ca_file: str | None = None
    bind_dn: str = ""
    bind_password: Secret = Secret("")
    timeout: float = 5.0

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


async def connected(reactor: Any, server: Server) -> LdapConnection:
    """
    Connect; with TLS, the certificate and its host name are verified by then.

    :raise StoreUnavailable: If it does not come to that in time.
    """
    start = reactor.seconds()
    attempt = Deferred.fromCoroutine(_connect(reactor, server))
    attempt.addTimeout(server.timeout, reactor)
    try:
        return await attempt
    except CancelledError:
        raise
    except Exception as error:
        # An endpoint that is cancelled fails as if the host did not exist.
        if reactor.seconds() - start >= server.timeout:
            raise TimedOut(
                f"no connection to {server} within {server.timeout:g} s"
            ) from error
        raise StoreUnavailable(f"no connection to {server}: {error}") from error


async def _connect(reactor: Any, server: Server) -> LdapConnection:
    connection = LdapConnection(reactor, server.timeout, server.is_tls)
    await connectProtocol(_endpoint(reactor, server), connection)
    try:
        await connection.ready()
    except BaseException:
        connection.disconnect()
        raise
    return connection


def _endpoint(reactor: Any, server: Server) -> IStreamClientEndpoint:
    plain = HostnameEndpoint(reactor, server.host, server.port)
    return wrapClientTLS(_tls_options(server), plain) if server.is_tls else plain


def _tls_options(server: Server) -> Any:
    if server.ca_file is None:
        return ssl.optionsForClientTLS(server.host)
    return ssl.optionsForClientTLS(server.host, trustRoot=_authorities(server.ca_file))


def _authorities(path: str) -> Any:
    # Read for every connection, so that a renewed file is noticed.
    try:
        with open(path, "rb") as file:
            blocks = file.read().split(_PEM_END)[:-1]
        found = [ssl.Certificate.loadPEM(b + _PEM_END) for b in blocks]
    except Exception as error:
        raise StoreUnavailable(f"connection.caFile cannot be read: {error}") from error
    if not found:
        raise StoreUnavailable("connection.caFile holds no certificate")
    return ssl.trustRootFromCertificates(found)
