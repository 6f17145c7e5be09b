"""A name server on loopback, over UDP and TCP."""

from contextlib import suppress
from typing import Any

from twisted.internet import defer
from twisted.internet.error import CannotListenError
from twisted.names import dns, error
from twisted.names.server import DNSServerFactory

from mxisd.drivers.dns import NameServers


class Zone:
    """
    Knows some names; the others do not exist.

    :ivar records: What there is, by name.
    :ivar failures: What fails instead, by name and perhaps type (``name AAAA``).
    :ivar silent: Names about which nothing is said.
    :ivar asked: Name and type of each question.
    """

    def __init__(self) -> None:
        self.records: dict[str, list[Any]] = {}
        self.failures: dict[str, Exception] = {}
        self.silent: set[str] = set()
        self.asked: list[str] = []

    def query(self, query: Any, timeout: Any = None) -> "defer.Deferred[Any]":
        """Answer, fail, or say nothing."""
        name = query.name.name.decode().lower()
        question = f"{name} {dns.QUERY_TYPES[query.type]}"
        self.asked.append(question)
        if name in self.silent or question in self.silent:
            return defer.Deferred()
        for key in (name, question):
            if key in self.failures:
                return defer.fail(self.failures[key])
        if name not in self.records:
            return defer.fail(error.DNSNameError())
        return defer.succeed((list(self._found(name, query.type)), [], []))

    def _found(self, name: str, kind: int) -> Any:
        for payload in self.records.get(name, []):
            if payload.TYPE in (kind, dns.CNAME):
                yield dns.RRHeader(name, payload.TYPE, dns.IN, 60, payload)


class NameServer:
    """
    Answers from a zone.

    :ivar port: The same for both.
    """

    def __init__(self, case: Any, reactor: Any) -> None:
        """Listen until the test is over."""
        self.zone = Zone()
        self._reactor = reactor
        factory: Any = DNSServerFactory(clients=[self.zone])
        factory.noisy = False
        self._listen(case, factory)

    def _listen(self, case: Any, factory: Any) -> None:
        """On a port that is free for TCP and, questions being many, for UDP too."""
        while True:
            tcp = self._reactor.listenTCP(0, factory, interface="127.0.0.1")
            case.addCleanup(tcp.stopListening)
            self.port = tcp.getHost().port
            datagrams = dns.DNSDatagramProtocol(factory)
            with suppress(CannotListenError):
                udp = self._reactor.listenUDP(self.port, datagrams, "127.0.0.1")
                case.addCleanup(udp.stopListening)
                return

    def resolver(self) -> NameServers:
        """What asks it."""
        return NameServers.at([("127.0.0.1", self.port)], self._reactor)
