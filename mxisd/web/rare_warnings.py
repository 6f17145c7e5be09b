"""Warnings that strangers can cause: they must not fill the log."""

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

PERIOD_SECONDS = 3600.0
AT_MOST = 10

log = Logger()


class RareWarnings:
    """Gives each warning once an hour for an address, and for ten addresses at most."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._since = clock.seconds()
        self._told: dict[str, set[str]] = {}

    def warn(self, text: str, address: str, **fields: str) -> None:
        """
        Warn, unless it has been said already.

        :param text: The format, with ``{address}`` in it.
        """
        now = self._clock.seconds()
        if now - self._since >= PERIOD_SECONDS:
            self._since = now
            self._told.clear()
        told = self._told.setdefault(text, set())
        if address not in told and len(told) < AT_MOST:
            told.add(address)
            log.warn(text, address=address, **fields)
