"""What a store holds open ends with the server."""

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred


class Closing(Service):
    """Closes connections, and the like, when the server stops."""

    def __init__(self, close: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._close = close

    def stopService(self) -> "Deferred[None]":
        """Wait until all is closed."""
        super().stopService()
        return Deferred.fromCoroutine(self._close())
