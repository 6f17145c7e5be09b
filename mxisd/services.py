"""What starts and stops with the server, and belongs to no layer below."""

from collections.abc import Awaitable, Callable
from typing import Any

from twisted.application.service import IService, Service
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mxisd.background import BackgroundTasks
from mxisd.drivers.system_names import SystemNames
from mxisd.errors import StoreUnavailable, Unavailable
from mxisd.features.hash_index import HashIndex
from mxisd.resolver.guard import Guard, apart
from mxisd.waiting import in_time
from mxisd.web.site import IdentitySite

CHECK_SECONDS = 60

STOP_SECONDS = 5.0
"""A store's service is given so long to stop."""

log = Logger()


class StoreService(Service):
    """A store's own service: what is wrong with it is contained, and named."""

    def __init__(self, inner: IService, guard: Guard, clock: IReactorTime) -> None:
        self._inner = inner
        self._guard = guard
        self._clock = clock

    def privilegedStartService(self) -> None:
        """Start what needs privileges."""
        self._start(self._inner.privilegedStartService)

    def startService(self) -> None:
        """Start."""
        super().startService()
        self._start(self._inner.startService)

    def stopService(self) -> "Deferred[None]":
        """Stop; the server does not wait for ever."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    def _start(self, start: Callable[[], object]) -> None:
        try:
            start()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            problem = f"its service did not start: {type(error).__name__}"
            self._guard.failed(StoreUnavailable(problem))

    async def _stop(self) -> None:
        try:
            await in_time(apart(self._stopped), STOP_SECONDS, self._clock)
        except Unavailable as error:
            log.warn(
                "Store {store} did not stop as it should: {error}",
                store=self._guard.name,
                error=error,
            )

    async def _stopped(self) -> None:
        ending: object = self._inner.stopService()
        if isinstance(ending, Awaitable):
            await ending


class NamesService(Service):
    """
    Lets the reactor resolve names in threads that do nothing else.

    Its own ten threads are for files and passwords, and for plug-ins.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._former: Any = None

    def startService(self) -> None:
        """Take over."""
        super().startService()
        names = SystemNames(self._reactor)
        self._former = self._reactor.installNameResolver(names)

    def stopService(self) -> None:
        """Give back."""
        super().stopService()
        self._reactor.installNameResolver(self._former)


class HashIndexService(Service):
    """Keeps the hash index going."""

    def __init__(
        self, index: HashIndex, background: BackgroundTasks, refresh_seconds: float
    ) -> None:
        self._index = index
        self._background = background
        background.every(refresh_seconds, index.refresh, "listing the stores")
        background.every(CHECK_SECONDS, index.rotate_if_due, "replacing the pepper")

    def startService(self) -> None:
        """Serve what there is, then list the stores for the first time."""
        super().startService()
        self._background.spawn(self._start(), "starting the hash index")

    def stopService(self) -> None:
        """Release the files."""
        super().stopService()
        self._index.close()

    async def _start(self) -> None:
        await self._index.start()
        await self._index.refresh()


class ListeningService(Service):
    """Listens; a port that is taken ends the server with one clear line."""

    def __init__(self, reactor: Any, site: IdentitySite, host: str, port: int) -> None:
        self._reactor = reactor
        self._site = site
        self._host = host
        self._port = port
        self._listening: Any = None

    def privilegedStartService(self) -> None:
        """Listen."""
        try:
            self._listening = self._reactor.listenTCP(
                self._port, self._site, interface=self._host, backlog=511
            )
        except CannotListenError as error:
            log.critical("server.port: {error}", error=error)
            raise SystemExit(1) from error

    def startService(self) -> None:
        """Say so."""
        super().startService()
        at = self._listening.getHost()
        log.info("Listening on {host}:{port}", host=at.host, port=at.port)

    def stopService(self) -> Any:
        """Stop listening."""
        super().stopService()
        return self._listening.stopListening()
