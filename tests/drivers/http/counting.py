"""A server of HTTP that counts requests and connections, and ends them as told."""

from collections.abc import Callable
from typing import Any

from attrs import define, field
from twisted.internet.protocol import Factory, Protocol

Script = Callable[[Any, int, int], None]
"""Answers a request: with a transport, the number of the connection, and its own."""


def answer(*headers: bytes, version: bytes = b"1.1", body: bytes = b"{}") -> bytes:
    """An answer with a length."""
    length = b"Content-Length: %d" % len(body)
    lines = [b"HTTP/%s 200 OK" % version, length, *headers, b"", body]
    return b"\r\n".join(lines)


class _Connection(Protocol):
    transport: Any

    def __init__(self, server: "Counting", number: int) -> None:
        self._server, self._number = server, number
        self._requests = 0
        self._received = b""

    def dataReceived(self, data: bytes) -> None:
        self._received += data
        head, gap, body = self._received.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if gap and len(body) >= int(length or 0):
            self._received = b""
            self._requests += 1
            self._server.heard.append(head.split(b" ")[0])
            self._server.script(self.transport, self._number, self._requests)


@define(eq=False)
class Counting(Factory):
    """
    A server that does as it is told.

    :ivar heard: The method of each request.
    :ivar connections: How many there have been.
    """

    script: Script
    heard: list[bytes] = field(factory=list)
    connections: int = 0
    noisy = False

    def buildProtocol(self, addr: Any) -> Protocol:
        """Count another one."""
        self.connections += 1
        return _Connection(self, self.connections)


def saying(text: bytes) -> Script:
    """Say the same to every request, and let the client hang up."""
    return lambda transport, connection, request: transport.write(text)


def hanging_up(transport: Any, connection: int, request: int) -> None:
    """Answer the first request of a connection; hang up at the next, in two ways."""
    if request == 1:
        transport.write(answer())
    elif connection == 1:
        transport.loseConnection()
    else:
        transport.abortConnection()
