"""
The load: a process of its own that asks over a few kept connections.

It reads a job from its standard input and prints what came of it, both as JSON.
"""

import json
import selectors
import socket
import sys
import time
from collections.abc import Sequence
from itertools import cycle
from typing import Any

from attrs import asdict, frozen

PATIENCE = 30.0
PIECE_BYTES = 1 << 18


@frozen
class Job:
    """
    What to ask.

    :ivar requests: Whole HTTP requests, asked in turn.
    """

    port: int
    requests: Sequence[str]
    connections: int
    seconds: float


@frozen
class Outcome:
    """What came of it; times in seconds."""

    count: int
    failures: int
    seconds: float
    p50: float
    p99: float


class Connection:
    """One connection with one question under way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.asked_at = 0.0
        self._received = bytearray()

    def ask(self, request: bytes) -> None:
        """Send a question."""
        self._received.clear()
        self.asked_at = time.perf_counter()
        self.socket.sendall(request)

    def answer(self) -> bool | None:
        """Read on; tells whether the answer is good, or ``None`` if it is not whole."""
        piece = self.socket.recv(PIECE_BYTES)
        if not piece:
            raise ConnectionError("the server hung up")
        self._received += piece
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator or len(body) < _length(head):
            return None
        return head.startswith(b"HTTP/1.1 200 ")


def _length(head: bytearray) -> int:
    _, _, rest = head.lower().partition(b"content-length:")
    return int(rest.split(b"\r\n", 1)[0])


def run(job: Job) -> Outcome:
    """Ask for so many seconds."""
    requests = cycle([text.encode() for text in job.requests])
    connections = [Connection(job.port) for _ in range(job.connections)]
    times: list[float] = []
    failures = 0
    began = time.perf_counter()
    with selectors.DefaultSelector() as selector:
        for each in connections:
            selector.register(each.socket, selectors.EVENT_READ, each)
            each.ask(next(requests))
        while connections:
            for key, _ in selector.select(PATIENCE):
                connection = key.data
                is_good = connection.answer()
                if is_good is None:
                    continue
                now = time.perf_counter()
                times.append(now - connection.asked_at)
                failures += not is_good
                if now - began < job.seconds:
                    connection.ask(next(requests))
                else:
                    selector.unregister(connection.socket)
                    connection.socket.close()
                    connections.remove(connection)
    times.sort()
    return Outcome(
        len(times),
        failures,
        time.perf_counter() - began,
        times[len(times) // 2],
        times[len(times) * 99 // 100],
    )


def main() -> None:
    """Do the job."""
    values: dict[str, Any] = json.load(sys.stdin)
    json.dump(asdict(run(Job(**values))), sys.stdout)


if __name__ == "__main__":
    main()
