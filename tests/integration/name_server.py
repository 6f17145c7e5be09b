"""A name server that knows nobody, and is silent about some; in a thread of its own."""

import socket
import threading
from pathlib import Path

from twisted.names import dns

SILENT = ".slow.test"


class NameServer:
    """
    Answers over UDP on loopback that there is no such name, or not at all.

    :ivar asked: The names that were asked for.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.asked: set[str] = set()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def start(self) -> "NameServer":
        """Begin."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """End."""
        self._socket.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            datagram, asker = self._socket.recvfrom(4096)
            if not datagram:
                return
            message = dns.Message()
            message.fromStr(datagram)
            name = message.queries[0].name.name.decode().lower()
            self.asked.add(name)
            if not name.endswith(SILENT):
                message.answer, message.rCode = 1, dns.ENAME
                self._socket.sendto(message.toStr(), asker)


def let_the_system_hang(folder: Path) -> None:
    """
    Write a module that makes ``getaddrinfo`` hang for some names.

    So it does where the system's name servers say nothing; a process that has the
    folder first in ``PYTHONPATH`` imports it.
    """
    (folder / "sitecustomize.py").write_text(
        "import socket, time\n"
        "real = socket.getaddrinfo\n"
        "def getaddrinfo(host, *more, **options):\n"
        f"    if str(host).endswith({SILENT!r}):\n"
        "        time.sleep(120)\n"
        "    return real(host, *more, **options)\n"
        "socket.getaddrinfo = getaddrinfo\n"
    )
