"""A ``treq`` client for one store: with authorities and a certificate of its own."""

from typing import Any

from attrs import define, field, frozen
from OpenSSL import SSL
from treq.client import HTTPClient
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from mxisd.drivers.http.bounds import BoundedAgent
from mxisd.drivers.http.clients import (
    STORE_LIMIT_BYTES,
    STORE_SECONDS,
    nobodys_cookies,
)
from mxisd.drivers.http.connections import Endpoints
from mxisd.drivers.http.keeping import Connections, RepeatingAgent
from mxisd.drivers.tls import ClientTls
from mxisd.drivers.tls_files import TlsFiles, UnusableFile
from mxisd.errors import Misconfigured


@implementer(IPolicyForHTTPS)
@define(eq=False)
class _Policy:
    """
    Insists on a good certificate, and shows ours.

    This is asked for each request, whereas renewed files are rare: what was read is
    kept as long as the files are the same.
    """

    _files: TlsFiles
    _read_at: Any = field(default=None, init=False)
    _context: SSL.Context | None = field(default=None, init=False)

    def creatorForNetloc(self, hostname: bytes, port: int) -> ClientTls:
        stamps = self._files.stamps
        if self._context is None or self._read_at != stamps:
            self._context = self._read()
            self._read_at = stamps
        return ClientTls(hostname.decode("ascii"), self._context)

    def _read(self) -> SSL.Context:
        try:
            return self._files.context()
        except UnusableFile as error:
            raise Misconfigured(error.key, error.problem) from error


@frozen
class OwnClient:
    """
    A client and its connections.

    :ivar treq: For :class:`mxisd.drivers.http.json_client.JsonClient`; with files that
        cannot be used, each request over TLS raises ``Misconfigured``.
    """

    treq: HTTPClient
    _pool: Connections

    async def close(self) -> None:
        """Close the connections that were kept alive."""
        await self._pool.close()


def own_client(reactor: Any, files: TlsFiles, *, user_agent: str) -> OwnClient:
    """Make a client with the bounds of a store's tools; the files are read later."""
    pool = Connections(reactor)
    schemes = frozenset({b"http", b"https"})
    endpoints = Endpoints(reactor, _Policy(files), schemes)
    agent = BoundedAgent(
        reactor,
        RepeatingAgent.over(reactor, endpoints, pool),
        user_agent=user_agent,
        limit_bytes=STORE_LIMIT_BYTES,
        seconds=STORE_SECONDS,
    )
    return OwnClient(HTTPClient(agent, nobodys_cookies()), pool)
