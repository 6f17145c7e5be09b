"""Names that the operator wrote: resolved as the system does, in own threads."""

import socket
from collections.abc import Callable, Sequence
from threading import Thread
from typing import Any

from attrs import define, field, frozen
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IResolutionReceiver,
)
from twisted.logger import Logger
from zope.interface import implementer

from mxisd.drivers.names import is_literal

AT_ONCE = 50
"""So many names are asked for at a time; there are hardly more in a configuration."""

_KINDS: dict[int, Any] = {socket.AF_INET: IPv4Address, socket.AF_INET6: IPv6Address}
_SOCKET_TYPES = {"TCP": socket.SOCK_STREAM, "UDP": socket.SOCK_DGRAM}

log = Logger()


@frozen
class _Question:
    """What is asked in one thread."""

    name: str
    family: int
    transport: str

    def answers(self, look_up: Callable[..., Sequence[Any]]) -> Sequence[Any]:
        """Ask the system; blocks, perhaps for half a minute."""
        try:
            return look_up(self.name, 0, self.family, _SOCKET_TYPES[self.transport])
        except (OSError, UnicodeError):
            return ()


@implementer(IHostResolution)
@define(eq=False)
class _Waiting:
    """Somebody who waits for an answer."""

    receiver: IResolutionReceiver
    name: str
    port: int
    transport: str
    _is_over: bool = field(default=False, init=False)

    def cancel(self) -> None:
        """Wait no longer; the thread goes on."""
        self._end()

    def take(self, answers: Sequence[Any]) -> None:
        """Hand over what was found."""
        if not self._is_over:
            for family, _, _, _, (host, _, *more) in answers:
                found = _KINDS[family](self.transport, host, self.port, *more)
                self.receiver.addressResolved(found)
            self._end()

    def _end(self) -> None:
        if not self._is_over:
            self._is_over = True
            self.receiver.resolutionComplete()


@implementer(IHostnameResolver)
@define(eq=False)
class SystemNames:
    """
    Asks the system's resolver, which knows ``search`` and ``nsswitch.conf``.

    A question cannot be cancelled, and may hang for long. It holds up neither the
    threads in which files are written and passwords judged, nor other names: each name
    has one thread, whoever asks and however often. No thread holds up the end of the
    server.
    """

    _reactor: Any
    _look_up: Callable[..., Sequence[Any]] = socket.getaddrinfo
    at_once: int = AT_ONCE
    _asked: dict[_Question, list[_Waiting]] = field(factory=dict, init=False)

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Any = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """Look up, unless somebody does already, and hand over what was found."""
        waiting = _Waiting(resolutionReceiver, hostName, portNumber, transportSemantics)
        resolutionReceiver.resolutionBegan(waiting)
        question = _Question(hostName, _family(addressTypes), transportSemantics)
        if is_literal(hostName):
            waiting.take(question.answers(self._look_up))
        elif question in self._asked:
            self._asked[question].append(waiting)
        elif len(self._asked) >= self.at_once:
            log.warn("Too many names hang: {name} is not resolved", name=hostName)
            waiting.take(())
        else:
            self._asked[question] = [waiting]
            self._ask(question)
        return waiting

    def _ask(self, question: _Question) -> None:
        def work() -> None:
            found = question.answers(self._look_up)
            self._reactor.callFromThread(self._answer, question, found)

        Thread(target=work, name="mxisd-name", daemon=True).start()

    def _answer(self, question: _Question, found: Sequence[Any]) -> None:
        for waiting in self._asked.pop(question):
            waiting.take(found)


def _family(address_types: Sequence[type[IAddress]] | None) -> int:
    wanted = frozenset(address_types or (IPv4Address, IPv6Address))
    families = [family for family, kind in _KINDS.items() if kind in wanted]
    return families[0] if len(families) == 1 else socket.AF_UNSPEC


# --- For those who need the addresses themselves --------------------------------------


@implementer(IResolutionReceiver)
@define(eq=False)
class _Collector:
    addresses: list[str] = field(factory=list, init=False)
    complete: "Deferred[None]" = field(factory=Deferred, init=False)

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        """Wait."""

    def addressResolved(self, address: Any) -> None:
        """Keep one."""
        self.addresses.append(address.host)

    def resolutionComplete(self) -> None:
        """That was all."""
        self.complete.callback(None)


async def addresses_of(name: str, resolver: IHostnameResolver) -> Sequence[str]:
    """
    Ask a resolver for the addresses of a name.

    :return: Empty if there are none, or they could not be found: it does not tell.
    """
    collector = _Collector()
    resolver.resolveHostName(collector, name)
    await collector.complete
    return tuple(dict.fromkeys(collector.addresses))
