"""How a connection is made: in the clear, by StartTLS, by TLS, by a UNIX socket."""

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import (
    HostnameEndpoint,
    UNIXClientEndpoint,
    connectProtocol,
    wrapClientTLS,
)

from mxisd.drivers.ldap import filters
from mxisd.drivers.ldap.connection import LdapConnection
from mxisd.drivers.ldap.errors import SUCCESS, ServerHangs, TimedOut, bind_refused
from mxisd.drivers.ldap.operations import Scope, Search
from mxisd.drivers.ldap.server import Access, AnyAddress, Security, SocketAddress
from mxisd.drivers.ldap.tls import client_tls
from mxisd.drivers.tls import ClientTls
from mxisd.errors import Misconfigured, StoreUnavailable

NEXT_ADDRESS = 0.1
"""
Seconds after which the next address of a name is tried beside the one before.

A refusal by the last one is not noticed earlier either, so that it is less than usual.
"""

_ANYBODY_THERE = Search(
    base="", filter=filters.present("objectClass"), attributes=[], scope=Scope.BASE
)


async def connected(
    reactor: Any,
    address: AnyAddress,
    access: Access,
    *,
    within: float | None = None,
    patience: float | None = None,
    as_service: bool = True,
) -> LdapConnection:
    """
    Connect; with TLS, the certificate and its host name are verified by then.

    :param within: Seconds for all of it; the access's ``timeout`` if not given.
    :param patience: As :class:`LdapConnection` has it.
    :param as_service: Whether to bind as the access says. Who is anonymous asks for
        something instead: a system accepts connections for a server that hangs.
    :raise StoreUnavailable: If it does not come to that in time.
    """
    seconds = access.timeout if within is None else within
    start = reactor.seconds()
    attempt = Deferred.fromCoroutine(
        _connect(reactor, address, access, patience, as_service)
    )
    attempt.addTimeout(seconds, reactor)
    try:
        return await attempt
    except CancelledError:
        raise
    except Misconfigured as error:
        problem = f"{address}: {error.problem}"
        raise Misconfigured(error.path, problem, is_whole=True) from error
    except Exception as error:
        # An endpoint that is cancelled fails as if the host did not exist.
        if isinstance(error, ServerHangs) or reactor.seconds() - start >= seconds:
            raise TimedOut(
                f"no connection to {address} within {seconds:g} s"
            ) from error
        raise StoreUnavailable(f"no connection to {address}: {error}") from error


async def _connect(
    reactor: Any,
    address: AnyAddress,
    access: Access,
    patience: float | None,
    as_service: bool,
) -> LdapConnection:
    tls = _tls(address, access)
    is_tls = tls is not None and access.security is Security.TLS
    connection = LdapConnection(
        reactor, access.timeout, is_tls=is_tls, patience=patience
    )
    endpoint = _endpoint(reactor, address)
    if tls is not None and is_tls:
        endpoint = wrapClientTLS(tls, endpoint)
    await connectProtocol(endpoint, connection)
    try:
        await connection.ready()
        if tls is not None and not is_tls:
            await connection.start_tls(tls)
        if as_service:
            await _introduce(connection, access)
    except BaseException:
        connection.disconnect()
        raise
    return connection


def _tls(address: AnyAddress, access: Access) -> ClientTls | None:
    if isinstance(address, SocketAddress) or access.security is Security.NONE:
        return None
    return client_tls(address.host, access)


def _endpoint(reactor: Any, address: AnyAddress) -> Any:
    if isinstance(address, SocketAddress):
        return UNIXClientEndpoint(reactor, address.path)
    return HostnameEndpoint(
        reactor, address.host, address.port, attemptDelay=NEXT_ADDRESS
    )


async def _introduce(connection: LdapConnection, access: Access) -> None:
    if not access.bind_dn:
        await connection.search(_ANYBODY_THERE)
        return
    result = await connection.bind(access.bind_dn, access.bind_password)
    if result.code != SUCCESS:
        raise bind_refused(result.code, result.diagnostic)
