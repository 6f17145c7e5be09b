"""Questions to the DNS: asked over sockets of our own, so many at a time."""

from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from ipaddress import ip_address
from typing import Any, TypeVar

from attrs import define, frozen
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.defer import TimeoutError as ResolverTimeout
from twisted.internet.error import CannotListenError, ConnectError, ConnectionClosed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.names.client import Resolver
from twisted.names.dns import Record_A, Record_AAAA, Record_CNAME, Record_SRV
from twisted.names.error import (
    DNSNameError,
    DomainError,
    ResolverError,
)

from mxisd.drivers.slots import AT_ONCE, WAITING, Slots
from mxisd.errors import DeadlineExceeded, Unavailable
from mxisd.waiting import in_time

T = TypeVar("T")

RESOLV_CONF = "/etc/resolv.conf"
READ_AGAIN_SECONDS = 60
ATTEMPTS_SECONDS = (1, 2)

SECONDS = 3.5
"""The longest a question takes, its time in the line included."""

ALIASES = 8
NAME_LENGTH, LABEL_LENGTH = 253, 63

log = Logger()


class DnsFailed(Unavailable):
    """A name server did not answer, or could not; this is never "no such record"."""


class DnsCrowded(DnsFailed):
    """There are too many questions already; nobody was asked."""


# --- Name servers ---------------------------------------------------------------------


class NameServers(Resolver):
    """Twisted's resolver, whose failures are failures and not silence."""

    @classmethod
    def of_system(cls, reactor: Any) -> "NameServers":
        """Ask the name servers in ``resolv.conf``, which is read now and watched."""
        return cls(resolv=RESOLV_CONF, reactor=reactor)

    @classmethod
    def at(cls, servers: Sequence[tuple[str, int]], reactor: Any) -> "NameServers":
        """Ask these, by address and port."""
        return cls(servers=list(servers), reactor=reactor)

    def maybeParseConfig(self) -> None:
        """Read the file, and again later, whatever comes in between."""
        try:
            super().maybeParseConfig()
        except (OSError, LookupError, ValueError) as error:
            log.warn("{file} cannot be read: {error}", file=self.resolv, error=error)
            self._reactor.callLater(READ_AGAIN_SECONDS, self.maybeParseConfig)

    def queryUDP(self, queries: Any, timeout: Any = None) -> "Deferred[Any]":
        """Ask; without a socket, the question fails rather than stays open for ever."""
        return maybeDeferred(super().queryUDP, queries, timeout)


# --- Questions ------------------------------------------------------------------------


@frozen
class SrvRecord:
    """Where a service of a domain is (RFC 2782)."""

    priority: int
    weight: int
    port: int
    target: str


@define(eq=False)
class Dns:
    """
    Asks name servers, so many questions at a time.

    Each has its own slots: what is asked through one does not hold up the others. A
    question whose asker has gone keeps its sockets, and therefore its slot.
    """

    _resolver: Any
    _clock: IReactorTime
    _slots: Slots

    @classmethod
    def using(
        cls,
        resolver: Any,
        clock: IReactorTime,
        at_once: int = AT_ONCE,
        waiting: int = WAITING,
    ) -> "Dns":
        """
        Ask through a resolver of ``twisted.names``, which others may use, too.

        :param at_once: How many questions there are at a time.
        :param waiting: How many more wait in line.
        """
        return cls(resolver, clock, Slots(clock, at_once, waiting))

    async def services(self, name: str) -> tuple[SrvRecord, ...]:
        """
        Find the SRV records of a name.

        :return: As received, unordered; empty if there are none. The target of a
            service that is decidedly not offered is the empty text.
        :raise DnsFailed: If it cannot be told whether there are any.
        """

        async def ask() -> Sequence[Any]:
            return await _payloads(self._resolver.lookupService(name, ATTEMPTS_SECONDS))

        found = await self._in_turn(name, ask)
        return tuple(_service(each) for each in found if isinstance(each, Record_SRV))

    async def addresses(self, name: str) -> tuple[str, ...]:
        """
        Find the addresses of a name, IPv4 and IPv6; aliases are followed.

        :return: Empty if there is no such name, or it has none.
        :raise DnsFailed: If it cannot be told which there are.
        """
        return await self._in_turn(name, lambda: self._addresses(name))

    async def _in_turn(
        self, name: str, question: Callable[[], Coroutine[Any, Any, T]]
    ) -> T:
        if not _is_legal(name):
            raise DnsFailed("not a legal name")
        if self._slots.is_full:
            raise DnsCrowded("too many names are asked for right now")
        try:
            return await in_time(self._slots.run(question), SECONDS, self._clock)
        except DeadlineExceeded as error:
            raise DnsFailed("no answer from the name servers in time") from error

    async def _addresses(self, name: str) -> tuple[str, ...]:
        deadline = self._clock.seconds() + SECONDS
        for _ in range(ALIASES + 1):
            records = await self._address_records(name)
            found = tuple(_address(each.payload) for each in records if _is_one(each))
            alias = _alias(name, records)
            if found or alias is None:
                return found
            if self._clock.seconds() >= deadline or not _is_legal(alias):
                break
            name = alias
        raise DnsFailed("its aliases lead nowhere")

    async def _address_records(self, name: str) -> Sequence[Any]:
        """Ask for both kinds at the same time: some name servers drop type ANY."""
        asking = [
            Deferred.fromCoroutine(_records(look_up(name, ATTEMPTS_SECONDS)))
            for look_up in (
                self._resolver.lookupAddress,
                self._resolver.lookupIPV6Address,
            )
        ]
        outcomes: Any = await DeferredList(asking, consumeErrors=True)
        records = [each for is_good, found in outcomes if is_good for each in found]
        if not any(map(_is_one, records)):
            for is_good, failure in outcomes:
                if not is_good:
                    failure.raiseException()
        return records


async def _payloads(asking: Awaitable[Any]) -> Sequence[Any]:
    return [each.payload for each in await _records(asking)]


async def _records(asking: Awaitable[Any]) -> Sequence[Any]:
    """
    The records of an answer; none if there is no such name.

    :raise DnsFailed: If there is no answer.
    """
    try:
        answers, _, _ = await asking
    except DNSNameError:
        return ()
    except ResolverTimeout as error:
        raise DnsFailed("no answer from the name servers") from error
    except (
        DomainError,
        ResolverError,
        CannotListenError,
        ConnectError,
        ConnectionClosed,
        OSError,
    ) as error:
        reason = type(error).__name__
        raise DnsFailed(f"the name servers failed ({reason})") from error
    except ValueError as error:
        raise DnsFailed("not a legal name") from error
    found: Sequence[Any] = answers
    return found


def _service(payload: Record_SRV) -> SrvRecord:
    target = _text(payload.target).rstrip(".")
    return SrvRecord(payload.priority, payload.weight, payload.port, target)


def _is_one(record: Any) -> bool:
    return isinstance(record.payload, Record_A | Record_AAAA)


def _address(payload: Any) -> str:
    return str(ip_address(payload.address))


def _alias(name: str, records: Sequence[Any]) -> str | None:
    """Where the aliases among some records lead; ``None`` if there are none."""
    aliases = {
        _text(each.name).lower(): _text(each.payload.name)
        for each in records
        if isinstance(each.payload, Record_CNAME)
    }
    followed = list(_chain(name, aliases))
    return followed[-1] if followed else None


def _chain(name: str, aliases: dict[str, str]) -> Iterator[str]:
    while (target := aliases.pop(name.lower(), None)) is not None:
        yield target
        name = target


def _text(name: Any) -> str:
    text: str = name.name.decode("ascii", "replace")
    return text


def _is_legal(name: str) -> bool:
    """Whether it can be asked for at all."""
    text = name.removesuffix(".")
    labels = text.split(".")
    return (
        text.isascii()
        and len(text) <= NAME_LENGTH
        and all(0 < len(label) <= LABEL_LENGTH for label in labels)
    )
