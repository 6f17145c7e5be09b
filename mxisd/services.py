"""What starts and stops with the server, and belongs to no layer below."""

import atexit
import os
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.application.service import IService, Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mxisd.background import BackgroundTasks
from mxisd.drivers.listening import BoundPort
from mxisd.drivers.system_names import SystemNames
from mxisd.errors import StoreUnavailable, Unavailable
from mxisd.features.hash_index import HashIndex
from mxisd.resolver.broken import Broken
from mxisd.resolver.guard import Guard, apart
from mxisd.waiting import in_time
from mxisd.web.site import IdentitySite

CHECK_SECONDS = 60

STOP_SECONDS = 5.0
"""A store's service is given so long to stop."""

READY_SECONDS = 30.0
"""The server listens after so long, whatever it can answer."""

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
            if not isinstance(error, Unavailable):
                self._guard.tell_bug("its service", Broken(error))
            problem = f"its service did not start: {type(error).__name__}"
            self._guard.failed(StoreUnavailable(problem))

    async def _stop(self) -> None:
        try:
            await in_time(apart(self._stopped), STOP_SECONDS, self._clock)
        except Unavailable as error:
            if isinstance(error, Broken):
                self._guard.tell_bug("the end of its service", error)
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
    """
    Keeps the hash index going.

    :ivar opened: Fires when what an earlier run left is served, or cannot be.
    """

    def __init__(
        self, index: HashIndex, background: BackgroundTasks, refresh_seconds: float
    ) -> None:
        self.opened: Deferred[None] = Deferred()
        self._index = index
        self._background = background
        background.every(refresh_seconds, index.refresh, "listing the stores")
        background.every(CHECK_SECONDS, index.retry, "listing stores that failed")
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
        try:
            await self._index.start()
        finally:
            self.opened.callback(None)
        await self._index.refresh()


class ListeningService(Service):
    """
    Listens as soon as there is something to answer with.

    A port that is taken ends the server with one clear line.
    """

    def __init__(
        self,
        reactor: Any,
        site: IdentitySite,
        host: str,
        port: int,
        ready: Deferred[None],
    ) -> None:
        """
        Prepare to listen.

        :param ready: Fires when requests can be answered; after half a minute nobody
            waits for that any longer.
        """
        self._reactor = reactor
        self._site = site
        self._host = host
        self._port = port
        self._ready = ready
        self._bound: BoundPort | None = None
        self._listening: Any = None
        self._starting: Deferred[None] | None = None

    def privilegedStartService(self) -> None:
        """Take the port; nobody can connect yet."""
        try:
            self._bound = BoundPort(self._host, self._port)
        except CannotListenError as error:
            log.critical("server.port: {error}", error=error)
            raise SystemExit(1) from error

    def startService(self) -> None:
        """Listen in a moment."""
        super().startService()
        self._starting = Deferred.fromCoroutine(self._start())
        self._starting.addErrback(lambda failure: failure.trap(CancelledError))

    def stopService(self) -> Any:
        """Stop listening."""
        super().stopService()
        if self._starting is not None:
            self._starting.cancel()
        if self._bound is not None:
            self._bound.close()
        return self._listening and self._listening.stopListening()

    async def _start(self) -> None:
        try:
            await in_time(self._ready, READY_SECONDS, self._reactor)
        except Unavailable:
            log.warn("The hash index is not open yet; it is not waited for any longer")
        assert self._bound is not None
        try:
            self._listening = self._bound.listen(self._site, self._reactor)
        except CannotListenError as error:
            log.critical("server.port: {error}", error=error)
            # The reactor knows no exit code.
            atexit.register(os._exit, 1)
            self._reactor.callWhenRunning(self._reactor.stop)
        else:
            at = self._listening.getHost()
            log.info("Listening on {host}:{port}", host=at.host, port=at.port)
