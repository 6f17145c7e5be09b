"""
What a store does in a second; every figure is printed as it comes.

Back ends share the machine with us: the ratios are what to trust.
"""

import argparse
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from attrs import define, frozen
from twisted.internet import task
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import LoopingCall

from bench.processes import own_memory
from mxisd.interfaces import Store
from mxisd.model.identifiers import UserId
from mxisd.model.login import Accepted
from mxisd.model.secret import Secret
from mxisd.model.threepids import EMAIL, ThreePid, canonical

DOMAIN = "example.org"
TICK = 0.005
BATCHES = (100, 1000)
LOOKUPS_AT_ONCE = 32
LOGINS_AT_ONCE = 8
FOUND_SHARE = 0.5


@frozen
class Effort:
    """How much to measure."""

    people: int
    seconds: float


QUICK = Effort(10_000, 1.0)
FULL = Effort(100_000, 3.0)


@define
class Watch:
    """
    Sees how long the reactor keeps others waiting.

    :ivar waited: The longest time by the clock, in seconds.
    :ivar worked: The same by the CPU time of this thread.
    """

    reactor: Any
    waited: float = 0.0
    worked: float = 0.0

    def start(self) -> LoopingCall:
        """Watch from now on."""
        last = [time.perf_counter(), time.thread_time()]

        def tick() -> None:
            now = [time.perf_counter(), time.thread_time()]
            self.waited = max(self.waited, now[0] - last[0] - TICK)
            self.worked = max(self.worked, now[1] - last[1])
            last[:] = now

        looping = LoopingCall(tick)
        looping.clock = self.reactor
        looping.start(TICK, now=False)
        return looping

    def __str__(self) -> str:
        return (
            f"longest block {self.waited * 1000:.0f} ms "
            f"(CPU {self.worked * 1000:.0f} ms)"
        )


class Bench:
    """
    One store, whose people are numbered.

    Number ``i`` has the localpart ``person.<i>``, the address
    ``person.<i>@example.org`` and the password ``secret <i>``.
    """

    def __init__(self, reactor: Any, store: Store, effort: Effort) -> None:
        self._reactor = reactor
        self._store = store
        self._effort = effort

    async def run(self) -> None:
        """Measure whatever the store can do."""
        if self._store.lookup is not None:
            await self._lookups(self._store.lookup.lookup)
        if self._store.associations is not None:
            await self.listing("as associations", self._list)
        if self._store.authenticator is not None:
            await self._rate("1 login at a time", self._login, 1, 1, "logins")
            title = f"{LOGINS_AT_ONCE} logins at once"
            await self._rate(title, self._login, 1, LOGINS_AT_ONCE, "logins")
        if self._store.service is not None:
            await self._store.service.stopService()

    async def listing(
        self, what: str, listing: Callable[[], Awaitable[object]]
    ) -> None:
        """Measure a list of everybody."""
        watch, before = Watch(self._reactor), own_memory()
        watching = watch.start()
        began, cpu = time.perf_counter(), time.process_time()
        await listing()
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        watching.stop()
        after, people = own_memory(), self._effort.people
        print(
            f"list of all, {what:18} {people / seconds:8.0f} people/s     "
            f"{people / cpu:8.0f} per CPU second; {watch}; resident "
            f"{before.resident:.0f} to {after.resident:.0f} MB, "
            f"{after.peak:.0f} MB at most",
            flush=True,
        )

    async def _lookups(self, lookup: Callable[[frozenset[ThreePid]], Any]) -> None:
        def some(count: int) -> Callable[[], Awaitable[Any]]:
            return lambda: lookup(frozenset(self._address() for _ in range(count)))

        single = await self._rate("1 address at a time", some(1), 1, 1)
        title = f"1 address, {LOOKUPS_AT_ONCE} at once"
        await self._rate(title, some(1), 1, LOOKUPS_AT_ONCE)
        for batch in BATCHES:
            rate = await self._rate(
                f"{batch} addresses at a time", some(batch), batch, 1
            )
            print(f"{'':31} {rate / single:8.1f} times one by one", flush=True)

    def _address(self) -> ThreePid:
        # Those beyond the number of people are nobody.
        number = random.randrange(int(self._effort.people / FOUND_SHARE))
        return canonical(EMAIL, f"person.{number}@{DOMAIN}")

    async def _list(self) -> None:
        count = 0

        async def put(batch: Sequence[Any]) -> None:
            nonlocal count
            count += len(batch)

        assert self._store.associations is not None
        await self._store.associations.associations(put)
        assert count >= self._effort.people, count

    async def _login(self) -> None:
        number = random.randrange(self._effort.people)
        assert self._store.authenticator is not None
        verdict = await self._store.authenticator.authenticate(
            UserId(f"person.{number}", DOMAIN), Secret(f"secret {number}")
        )
        assert isinstance(verdict, Accepted), verdict

    async def _rate(
        self,
        title: str,
        question: Callable[[], Awaitable[Any]],
        size: int,
        at_once: int,
        unit: str = "addresses",
    ) -> float:
        watch = Watch(self._reactor)
        watching = watch.start()
        began, cpu, count = time.perf_counter(), time.process_time(), 0
        end = began + self._effort.seconds

        async def ask() -> None:
            nonlocal count
            while time.perf_counter() < end:
                await question()
                count += size

        await gatherResults([Deferred.fromCoroutine(ask()) for _ in range(at_once)])
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        watching.stop()
        print(
            f"{title:31} {count / seconds:8.0f} {unit + '/s':12} "
            f"{count / cpu:8.0f} per CPU second; {watch}",
            flush=True,
        )
        return count / seconds


def run(program: str, measure: Callable[[Any, Effort], Any], about: str | None) -> None:
    """
    Run a benchmark as a program.

    :param measure: A coroutine function of the reactor and the effort.
    """
    parser = argparse.ArgumentParser(prog=program, description=about)
    parser.add_argument("--quick", action="store_true", help="fewer people, less time")
    effort = QUICK if parser.parse_args().quick else FULL
    task.react(lambda reactor: Deferred.fromCoroutine(measure(reactor, effort)))
