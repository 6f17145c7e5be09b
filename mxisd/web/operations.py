"""The endpoints for operators: how the server is, and what it is."""

from collections.abc import Coroutine, Sequence
from typing import Any

from attrs import frozen
from twisted.internet.interfaces import IReactorTime

from mxisd import __version__
from mxisd.errors import DeadlineExceeded
from mxisd.features.health import Health, HealthReport
from mxisd.model.requesters import Network
from mxisd.waiting import in_time
from mxisd.web import messages
from mxisd.web.browsers import Browsers
from mxisd.web.exchange import Call, Reply

NAME = "mxisd"
FRESH_SECONDS = 1.0
PATIENCE_SECONDS = 5.0


class OperationsEndpoints:
    """
    Status and version.

    A report is good for a second, so that eager probes do not become a load.
    """

    def __init__(
        self,
        health: Health,
        internal_networks: Sequence[Network],
        browsers: Browsers,
        clock: IReactorTime,
    ) -> None:
        self._health = health
        self._internal_networks = tuple(internal_networks)
        self._browsers = browsers
        self._clock = clock
        self._replies = _Replies.of(HealthReport(False, {}))
        self._fresh_until = -1.0
        self._version = messages.version(NAME, __version__)

    def status(self, call: Call) -> Reply | Coroutine[Any, Any, Reply]:
        """
        Tell how we are.

        Which stores there are is for our own networks only, and not for the pages that
        are open in a browser there.
        """
        if self._clock.seconds() < self._fresh_until:
            return self._reply(call)
        return self._ask(call)

    def version(self, call: Call) -> Reply:
        """Tell what runs here."""
        return self._version

    async def _ask(self, call: Call) -> Reply:
        try:
            report = await in_time(self._health.report(), PATIENCE_SECONDS, self._clock)
        except DeadlineExceeded:
            report = HealthReport(False, {})
        self._replies = _Replies.of(report)
        self._fresh_until = self._clock.seconds() + FRESH_SECONDS
        return self._reply(call)

    def _reply(self, call: Call) -> Reply:
        is_near = call.origin.is_within(self._internal_networks)
        if is_near and not self._browsers.is_foreign(call.headers):
            return self._replies.near
        return self._replies.far


@frozen
class _Replies:
    """A report as our own networks see it, and as everybody else does."""

    near: Reply
    far: Reply

    @classmethod
    def of(cls, report: HealthReport) -> "_Replies":
        return cls(messages.status(report, True), messages.status(report, False))
