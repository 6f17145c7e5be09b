"""Programs that are started, so many at a time."""

import os
import shutil
from typing import Any

from twisted.internet.defer import DeferredList, DeferredSemaphore

from mxisd.drivers.process.running import Finished, Program, Running, Take
from mxisd.errors import StoreUnavailable


class NotExecutable(Exception):
    """There is no such program, or it may not be run; the message says which."""


def found(program: str) -> str:
    """
    The path of a program, by path or by its name in ``PATH``.

    :raise NotExecutable: If it cannot be run.
    """
    path = shutil.which(program)
    if path is not None:
        return path
    if not os.path.exists(program):
        raise NotExecutable("there is no such program")
    raise NotExecutable("is no program that we may execute")


class Processes:
    """Runs programs, up to so many at the same time; others wait for their turn."""

    def __init__(self, reactor: Any, limit: int) -> None:
        """
        Run nothing yet.

        :param limit: How many may run at once; one that does not end counts until it
            is gone.
        """
        self._reactor = reactor
        self._turns = DeferredSemaphore(limit)
        self._running: set[Running] = set()
        self._is_closed = False

    async def run(self, program: Program) -> Finished:
        """
        Run a program; it is ended if nobody waits any more.

        :raise NotExecutable: If it cannot be run.
        :raise StoreUnavailable: If it could not be started.
        """
        return await self._run(program, None)

    async def stream(self, program: Program, take: Take) -> Finished:
        """
        Run a program, and hand on what it prints as it comes.

        The program waits while a part is being taken. What ``take`` raises ends it, and
        is raised.

        :raise NotExecutable: If it cannot be run.
        :raise StoreUnavailable: If it could not be started.
        """
        return await self._run(program, take)

    async def close(self) -> None:
        """End everything, and wait until it is gone."""
        self._is_closed = True
        running = list(self._running)
        for each in running:
            each.stop("the server stops")
        await DeferredList([each.gone() for each in running])

    async def _run(self, program: Program, take: Take | None) -> Finished:
        await self._turns.acquire()
        try:
            running = self._started(program, take)
        except BaseException:
            # Not at once: of a thousand that wait, each would be called by the last.
            self._reactor.callLater(0, self._turns.release)
            raise
        self._running.add(running)
        running.gone().addCallback(lambda _: self._over(running))
        return await running.answer

    def _started(self, program: Program, take: Take | None) -> Running:
        if self._is_closed:
            raise StoreUnavailable("the server stops")
        argv = [found(program.argv[0]), *program.argv[1:]]
        if (setsid := shutil.which("setsid")) is not None:
            argv = [setsid, *argv]
        environment = {os.fsencode(k): v.encode() for k, v in program.env.items()}
        running = Running(self._reactor, program, take)
        try:
            self._reactor.spawnProcess(
                running,
                argv[0],
                [os.fsencode(argv[0]), *(each.encode() for each in argv[1:])],
                env={**os.environb, **environment},
            )
        except OSError as error:
            # Too many open files, or arguments that are too long.
            reason = error.strerror or type(error).__name__
            raise StoreUnavailable(f"could not be started: {reason}") from error
        return running

    def _over(self, running: Running) -> None:
        self._running.discard(running)
        self._turns.release()
