"""
The two HTTP clients.

*Configured* is for servers that the operator named: any address, http too, kept-alive
connections. *Guarded* is for names out of requests and remote answers: https only,
public addresses only, a new connection for each request.
"""

from collections.abc import Mapping, Sequence
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from attrs import define, evolve, field, frozen
from treq.client import HTTPClient
from twisted.web.client import Agent
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IResponse

from mxisd.drivers.http.bounds import BodyCollector, BoundedAgent, BytesBody
from mxisd.drivers.http.connections import (
    Endpoints,
    GuardedReactor,
    Leash,
    Route,
    Trust,
)
from mxisd.drivers.http.failures import (
    LIBRARY_ERRORS,
    HttpFailed,
    NotConnected,
    explained,
)
from mxisd.drivers.http.keeping import Connections, RepeatingAgent
from mxisd.drivers.names import Names
from mxisd.drivers.tls_files import UnusableFile
from mxisd.errors import ConfigError
from mxisd.model.requesters import Network

HEAD_BYTES = 64 << 10
STORE_LIMIT_BYTES = 16 << 20
STORE_SECONDS = 30
REDIRECTS = frozenset({301, 302, 303, 307, 308})


@frozen
class HttpReply:
    """
    An HTTP answer, read to its end.

    :ivar headers: By lower-case name; repeated ones are joined with commas.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


@frozen
class Rules:
    """
    What a client may do.

    :ivar schemes: Which URLs it may ask.
    :ivar allowed: Networks that it may reach besides public addresses; ``None`` is any.
    :ivar trust: Whose certificates it believes.
    :ivar names: How it resolves names; ``None``: as the reactor does.
    """

    schemes: frozenset[bytes]
    allowed: Sequence[Network] | None
    trust: Trust
    user_agent: str
    names: Names | None = None


@define(eq=False)
class HttpClient:
    """
    Sends requests and reads the whole answer, within bounds.

    :ivar pool: Keeps connections alive; without it each request makes its own.
    :ivar elsewhere: Follows redirects to the hosts of others; this one if not given.
    """

    _reactor: Any
    _rules: Rules
    _pool: Connections | None = None
    _elsewhere: "HttpClient | None" = None

    async def request(
        self,
        method: str,
        url: str,
        *,
        limit_bytes: int,
        seconds: float,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        route: Route | None = None,
    ) -> HttpReply:
        """
        Ask once; a redirect is an answer like any other.

        :param limit_bytes: How long the answer's body may be.
        :param seconds: For everything from name resolution to the last byte.
        :param route: Where to connect, if not to the URL's host and port; the
            certificate is still to be for the URL's host.
        :raise NotConnected: If nothing was sent.
        :raise HttpFailed: If there is no complete answer.
        """
        sent = Headers({name: [value] for name, value in (headers or {}).items()})
        content = None if body is None else BytesBody(body)
        leash = Leash(limit_bytes + HEAD_BYTES)
        agent = self._agent(limit_bytes, seconds, route, leash)
        try:
            response = await agent.request(
                method.encode("ascii"), url.encode("ascii"), sent, content
            )
            return await _read(response)
        except LIBRARY_ERRORS as error:
            raise explained(leash.unresolved or error) from error
        except ValueError:
            # Without the cause: its message is the URL, and a URL may hold a token.
            raise HttpFailed("not a legal URL or host name") from None
        finally:
            leash.cut()

    async def get_following(
        self, url: str, *, limit_bytes: int, seconds: float, redirects: int = 3
    ) -> HttpReply:
        """
        Get by https, and follow redirects, to https only.

        Whoever decides on a redirect speaks for the first host. So nobody in the middle
        may; and a host that is neither the first one nor below it is asked as a
        stranger's, with those to which it leads in turn.

        :param seconds: For all of them together.
        :raise HttpFailed: If there is no complete answer, or there are too many.
        """
        deadline = self._reactor.seconds() + seconds
        client, first = self, url
        for _ in range(redirects + 1):
            client = client._for(url, first)
            left = max(0.0, deadline - self._reactor.seconds())
            reply = await client.request(
                "GET", url, limit_bytes=limit_bytes, seconds=left
            )
            if reply.status not in REDIRECTS or "location" not in reply.headers:
                return reply
            url = _redirected(url, reply.headers["location"])
        raise HttpFailed("too many redirects")

    def _for(self, url: str, first: str) -> "HttpClient":
        if urlsplit(url).scheme != "https":
            raise NotConnected("only https is allowed")
        return self if _is_within(url, first) else self._elsewhere or self

    def resolving(self, names: Names) -> "HttpClient":
        """Make a client without kept connections that resolves names in another way."""
        return HttpClient(self._reactor, evolve(self._rules, names=names))

    def agent(self, limit_bytes: int, seconds: float) -> IAgent:
        """Make an agent with the same rules, for code that wants one."""
        return self._agent(limit_bytes, seconds, None, Leash(limit_bytes + HEAD_BYTES))

    def _agent(
        self, limit_bytes: int, seconds: float, route: Route | None, leash: Leash
    ) -> IAgent:
        return BoundedAgent(
            self._reactor,
            self._unbounded(route, leash),
            user_agent=self._rules.user_agent,
            limit_bytes=limit_bytes,
            seconds=seconds,
        )

    def _unbounded(self, route: Route | None, leash: Leash) -> IAgent:
        reactor, rules = self._reactor, self._rules
        # A connection along a route is not kept: the pool knows connections by the
        # URL's host and port alone.
        if self._pool is None or route is not None:
            guarded = GuardedReactor(reactor, rules.allowed, leash, rules.names)
            endpoints = Endpoints(guarded, rules.trust, rules.schemes, route)
            pool = Connections(reactor, persistent=False)
            agent: IAgent = Agent.usingEndpointFactory(reactor, endpoints, pool)
            return agent
        endpoints = Endpoints(reactor, rules.trust, rules.schemes)
        return RepeatingAgent.over(reactor, endpoints, self._pool)

    async def close(self) -> None:
        """Close the connections that were kept alive."""
        if self._pool is not None:
            await self._pool.close()


@frozen
class HttpClients:
    """
    The two clients, and the configured one in the shape that stores use.

    :ivar stores: A ``treq`` client: any address, 30 seconds and 16 MiB at most.
    """

    configured: HttpClient
    guarded: HttpClient
    stores: HTTPClient = field(init=False)

    @stores.default
    def _treq(self) -> HTTPClient:
        agent = self.configured.agent(STORE_LIMIT_BYTES, STORE_SECONDS)
        return HTTPClient(agent, nobodys_cookies())


def nobodys_cookies() -> Any:
    """
    A jar that keeps nothing.

    A server's cookie for one user must not go along with the next one's question.
    """
    return CookieJar(DefaultCookiePolicy(allowed_domains=()))


def http_clients(
    reactor: Any,
    *,
    user_agent: str,
    allowed: Sequence[Network] = (),
    ca_file: Path | None = None,
) -> HttpClients:
    """
    Make both clients.

    :param allowed: Networks that the guarded client may reach although they are not
        public.
    :param ca_file: A PEM file of authorities to trust besides the system's.
    :raise ConfigError: If that file is no good.
    """
    trust = _trust(ca_file)
    secure = frozenset({b"https"})
    anywhere = Rules(secure | {b"http"}, None, trust, user_agent)
    outside = Rules(secure, allowed, trust, user_agent)
    guarded = HttpClient(reactor, outside)
    configured = HttpClient(reactor, anywhere, Connections(reactor), guarded)
    return HttpClients(configured, guarded)


def _trust(ca_file: Path | None) -> Trust:
    try:
        return Trust.reading(ca_file)
    except UnusableFile as error:
        raise ConfigError.at("outbound.caFile", error.problem) from error


async def _read(response: IResponse) -> HttpReply:
    headers = {
        name.decode("latin-1").lower(): b", ".join(values).decode("latin-1")
        for name, values in response.headers.getAllRawHeaders()
    }
    collector = BodyCollector()
    response.deliverBody(collector)
    return HttpReply(response.code, headers, await collector.body)


def _is_within(url: str, first: str) -> bool:
    """Whether a URL's host is that of the first one, or a name below it."""
    host, own = urlsplit(url).hostname, urlsplit(first).hostname
    return host is not None and (host == own or host.endswith(f".{own}"))


def _redirected(url: str, location: str) -> str:
    try:
        target = urljoin(url, location)
        place = urlsplit(target).netloc
    except ValueError:
        raise HttpFailed("a redirect leads to no legal URL") from None
    if "@" in place:
        raise HttpFailed("a redirect carries a user name")
    return target
