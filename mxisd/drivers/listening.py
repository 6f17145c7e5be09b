"""A TCP port that is taken first, and listened on later."""

import socket
from typing import Any

from twisted.internet.abstract import isIPv6Address
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocolFactory

BACKLOG = 511


class BoundPort:
    """A port that is ours; nobody can connect to it yet."""

    def __init__(self, host: str, port: int) -> None:
        """
        Take it.

        :param host: The address to listen on.
        :raise CannotListenError: If another process listens there, among others.
        """
        self._address = (host, port)
        family = socket.AF_INET6 if isIPv6Address(host) else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        try:
            self._bind(host, port)
        except (OSError, UnicodeError) as error:
            self.close()
            raise CannotListenError(host, port, error) from error

    def listen(self, factory: IProtocolFactory, reactor: Any) -> IListeningPort:
        """
        Listen.

        :raise CannotListenError: If another process, which also had bound the port and
            did not listen yet, was faster.
        """
        try:
            self._socket.listen(BACKLOG)
        except OSError as error:
            raise CannotListenError(*self._address, error) from error
        with self._socket as bound:
            # The reactor takes a copy.
            listening: IListeningPort = reactor.adoptStreamPort(
                bound.fileno(), bound.family, factory
            )
        return listening

    def close(self) -> None:
        """Let go of it, unless it is listened on."""
        self._socket.close()

    def _bind(self, host: str, port: int) -> None:
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found = socket.getaddrinfo(
            host, port, self._socket.family, socket.SOCK_STREAM, 0, socket.AI_PASSIVE
        )
        self._socket.bind(found[0][4])
