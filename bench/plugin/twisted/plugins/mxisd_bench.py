"""
A store for the benchmark: any number of people, made up while they are listed.

Its service watches the reactor of the server that it is in.
"""

import json
import time
from pathlib import Path
from typing import Any

from attrs import frozen
from twisted.application.service import Service
from twisted.internet.task import LoopingCall
from twisted.plugin import IPlugin
from zope.interface import implementer

from mxisd.interfaces import (
    BATCH_LIMIT,
    IAssociationSource,
    ISection,
    IStoreFactory,
    Put,
    Store,
    Tools,
)
from mxisd.model.identifiers import UserId
from mxisd.model.settings import option
from mxisd.model.threepids import ThreePid, canonical

TICK = 0.005


@frozen(kw_only=True)
class BenchSettings:
    """How many people there are."""

    people: int = option("Their number.")
    blocks: str = option("A file for the longest time that the reactor was blocked.")


@implementer(IPlugin, IStoreFactory)
class BenchFactory:
    """Makes the store."""

    store_type = "bench"
    summary = "any number of people, for the benchmark"

    def parse(self, section: ISection) -> BenchSettings:
        """Judge the section."""
        return section.read(BenchSettings)

    def build(self, settings: BenchSettings, tools: Tools) -> Store:
        """Make the store."""
        return Store(
            associations=People(settings.people, tools.domain),
            service=ReactorWatch(Path(settings.blocks), tools.reactor),
        )


@implementer(IAssociationSource)
@frozen
class People:
    """Each has one e-mail address."""

    count: int
    domain: str

    async def associations(self, put: Put) -> None:
        """List all of them."""
        for start in range(0, self.count, BATCH_LIMIT):
            end = min(start + BATCH_LIMIT, self.count)
            await put([self._person(number) for number in range(start, end)])

    def _person(self, number: int) -> tuple[ThreePid, UserId]:
        name = f"person{number}"
        return canonical("email", f"{name}@{self.domain}"), UserId.of(name, self.domain)


class ReactorWatch(Service):
    """
    Writes down how long the reactor kept others waiting, each time it was longer.

    Once by the clock, which also counts what other processes did meanwhile, and once
    by the CPU time of the reactor's thread alone. Whoever removes the file begins anew.
    """

    def __init__(self, path: Path, reactor: Any) -> None:
        self._path = path
        self._reactor = reactor
        self._ticking = LoopingCall(self._tick)
        self._last = (0.0, 0.0)
        self._longest = (0.0, 0.0)

    def startService(self) -> None:
        """Watch from when the reactor runs."""
        super().startService()
        self._reactor.callWhenRunning(self._start)

    def stopService(self) -> None:
        """Watch no more."""
        super().stopService()
        if self._ticking.running:
            self._ticking.stop()

    def _start(self) -> None:
        self._last = (time.perf_counter(), time.thread_time())
        self._ticking.start(TICK, now=False)

    def _tick(self) -> None:
        now = (time.perf_counter(), time.thread_time())
        waited, worked = now[0] - self._last[0] - TICK, now[1] - self._last[1]
        self._last = now
        if not self._path.exists():
            self._longest = (0.0, 0.0)
        longest = (max(waited, self._longest[0]), max(worked, self._longest[1]))
        if longest != self._longest:
            self._longest = longest
            self._path.write_text(json.dumps(longest))


factory = BenchFactory()
