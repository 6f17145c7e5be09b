"""What stands in for other servers where no socket is needed."""

from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, fail, succeed
from twisted.names.dns import IN, Record_SRV, RRHeader
from twisted.names.error import DNSNameError
from zope.interface import implementer

from mxisd.drivers.http import HttpFailed, HttpReply
from mxisd.ports import IRandom


def delegating(name: str, **headers: str) -> HttpReply:
    """A reply that delegates to a server."""
    return HttpReply(200, headers, b'{"m.server": "%s"}' % name.encode())


@define
class FakeClient:
    """Gives its answers in turn; the last one stays."""

    answers: list[HttpReply | HttpFailed]
    asked: list[str] = field(factory=list)

    async def get_following(self, url: str, **bounds: Any) -> HttpReply:
        """Answer, or fail."""
        self.asked.append(url)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, HttpFailed):
            raise answer
        return answer


@define
class FakeResolver:
    """
    A resolver of SRV records; other names do not exist.

    :ivar failures: Names whose servers fail.
    """

    records: dict[str, list[Record_SRV]] = field(factory=dict)
    failures: dict[str, Exception] = field(factory=dict)
    asked: list[str] = field(factory=list)

    def add(
        self, name: str, target: str, port: int, priority: int = 0, weight: int = 0
    ) -> None:
        """Publish a record."""
        record = Record_SRV(priority, weight, port, target.encode())
        self.records.setdefault(name, []).append(record)

    def lookupService(self, name: str, timeout: Any = None) -> "Deferred[Any]":
        """Answer at once."""
        self.asked.append(name)
        if name in self.failures:
            return fail(self.failures[name])
        if name not in self.records:
            return fail(DNSNameError())
        answers = [
            RRHeader(name, record.TYPE, IN, 60, record) for record in self.records[name]
        ]
        return succeed((answers, [], []))


@implementer(IRandom)
class LowestLots:
    """Randomness that always draws the lowest lot."""

    def token_bytes(self, size: int) -> bytes:
        """Zeros."""
        return bytes(size)

    def alphanumeric(self, length: int) -> str:
        """Zeros."""
        return "0" * length
