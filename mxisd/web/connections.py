"""
The open connections: how many there may be, in all and from one source.

Each costs a descriptor, and what we need ourselves comes from the same store. Where
there are too many, the longest idle one gives way; one that is being read or answered
never does.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from attrs import define, field, frozen
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.logger import Logger

from mxisd.model.networks import network_of
from mxisd.model.requesters import NOT_FORWARDED, Network, contains, origin_of

if TYPE_CHECKING:
    from mxisd.web.channel import LimitedChannel

MAX_CONNECTIONS = 4096

RESERVED_DESCRIPTORS = 384
"""For ourselves: records, stores, homeservers, mail servers, name servers, files."""

CLOSING = 64
"""So many may have something to send on their way out; part of the reserve."""

SHARES = 8
"""One source gets this part of all connections, and of those on their way out."""

WARNING_SECONDS = 600.0
CACHED_SOURCES = 1024

log = Logger()


def connections_within(descriptors: int) -> int:
    """
    How many connections leave enough for ourselves.

    :param descriptors: How many the process may have open.
    """
    reserve = min(RESERVED_DESCRIPTORS, descriptors // 2)
    return min(MAX_CONNECTIONS, descriptors - reserve)


@frozen
class ConnectionLimits:
    """
    How many connections there may be.

    :ivar total: In all.
    :ivar proxies: Networks whose addresses may take all of them.
    """

    total: int = MAX_CONNECTIONS
    proxies: Sequence[Network] = ()

    @property
    def per_source(self) -> int:
        """From one address; of IPv6, from one network of 64 bits."""
        return max(self.total // SHARES, 1)


@define(eq=False)
class _Source:
    """What one source has; ``limit`` is ``None`` for a trusted proxy."""

    name: str
    limit: int | None
    count: int = 0
    closing: int = 0
    # In the order in which they became idle.
    idle: "dict[LimitedChannel, None]" = field(factory=dict)

    @property
    def is_full(self) -> bool:
        return self.limit is not None and self.count >= self.limit


class Connections:
    """
    Knows every connection, and makes room for new ones.

    :ivar limits: How many there may be.
    """

    def __init__(self, limits: ConnectionLimits, clock: IReactorTime) -> None:
        self.limits = limits
        self._clock = clock
        self._all: dict[LimitedChannel, _Source] = {}
        self._closing: set[LimitedChannel] = set()
        self._idle: dict[LimitedChannel, None] = {}
        self._sources: dict[str, _Source] = {}
        self._next_warning: dict[str, float] = {}
        self._name = lru_cache(CACHED_SOURCES)(_naming(limits.proxies))

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> "Iterator[LimitedChannel]":
        return iter(tuple(self._all))

    def make_room(self, address: IAddress | None) -> bool:
        """
        Whether one more connection from there is taken.

        The longest idle one is closed for it: of the same source if that has its share,
        of all otherwise.
        """
        source = self._source(address)
        if source.is_full:
            self._warn_of_source(source)
            may_close = source.closing < CLOSING // SHARES
            return may_close and self._close_first(source.idle)
        if len(self._all) - len(self._closing) >= self.limits.total:
            self._warn_of_total()
            return self._close_first(self._idle)
        return self._has_descriptors()

    def add(self, channel: "LimitedChannel", address: IAddress | None) -> None:
        """Count a connection; it is idle until it says otherwise."""
        source = self._source(address)
        source.count += 1
        self._sources[source.name] = source
        self._all[channel] = source
        self.idle(channel)

    def idle(self, channel: "LimitedChannel") -> None:
        """Note that a connection has begun to wait for a request."""
        self._idle[channel] = self._all[channel].idle[channel] = None

    def busy(self, channel: "LimitedChannel") -> None:
        """Note that a connection does not wait for a request any more."""
        if channel in self._idle:
            del self._idle[channel], self._all[channel].idle[channel]

    def discard(self, channel: "LimitedChannel") -> None:
        """Forget a connection that is no more."""
        self.busy(channel)
        source = self._all.pop(channel)
        if channel in self._closing:
            self._closing.discard(channel)
            source.closing -= 1
        else:
            source.count -= 1
        self._forget(source)

    def _source(self, address: IAddress | None) -> _Source:
        # A unix socket's address has no host.
        host: str = getattr(address, "host", "")
        name = self._name(host)
        limit = self.limits.per_source if name else None
        return self._sources.get(name) or _Source(name, limit)

    def _close_first(self, idle: "dict[LimitedChannel, None]") -> bool:
        channel = next(iter(idle), None)
        if channel is None or not self._has_descriptors():
            return False
        # It gives back its place at once; its descriptor, when all is sent.
        self._closing.add(channel)
        source = self._all[channel]
        source.count -= 1
        source.closing += 1
        channel.give_way()
        return True

    def _has_descriptors(self) -> bool:
        return len(self._all) < self.limits.total + CLOSING

    def _forget(self, source: _Source) -> None:
        if not source.count and not source.closing:
            del self._sources[source.name]

    def _warn_of_source(self, source: _Source) -> None:
        if self._is_time_to_warn("source"):
            log.warn(
                "{source} has {limit} connections, the share of one address: its idle "
                "ones are closed for new ones, or those are refused. If it is a "
                "reverse proxy, add it to server.trustedProxies",
                source=source.name,
                limit=source.limit,
            )

    def _warn_of_total(self) -> None:
        if self._is_time_to_warn("total"):
            log.warn(
                "{limit} connections are open, which is the limit: idle ones are "
                "closed for new ones, or those are refused. {remedy}",
                limit=self.limits.total,
                remedy=_remedy(self.limits.total),
            )

    def _is_time_to_warn(self, of: str) -> bool:
        now = self._clock.seconds()
        if now < self._next_warning.get(of, 0):
            return False
        self._next_warning[of] = now + WARNING_SECONDS
        return True


def _remedy(total: int) -> str:
    if total < MAX_CONNECTIONS:
        wanted = MAX_CONNECTIONS + RESERVED_DESCRIPTORS
        return f"Let the server open more files: LimitNOFILE={wanted}, or ulimit -n"
    return "A reverse proxy or a firewall can hold off whoever opens so many"


def _naming(proxies: Sequence[Network]) -> Callable[[str], str]:
    """Name what shares a limit; nothing does for a trusted proxy, or a unix socket."""

    def name(host: str) -> str:
        origin = origin_of(host, NOT_FORWARDED, ())
        if origin.address is None or contains(proxies, origin.address):
            return ""
        return network_of(origin)

    return name
