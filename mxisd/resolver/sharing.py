"""One run for everybody who asks the same thing at the same time."""

from collections.abc import Hashable

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from zope.interface import implementer

from mxisd.model.threepids import ThreePid
from mxisd.ports import IThreePidResolver, LookupContext, Resolution


@define(eq=False)
class _Run:
    waiters: "set[Deferred[Resolution]]" = field(factory=set)
    running: "Deferred[Resolution] | None" = None


@implementer(IThreePidResolver)
class Sharing:
    """
    Lets identical lookups in flight share one run.

    Clients repeat a lookup while the first is still on its way. A run belongs to all
    its waiters: it is cancelled when the last of them has gone.
    """

    def __init__(self, inner: IThreePidResolver) -> None:
        self.name = inner.name
        self._inner = inner
        self._runs: dict[Hashable, _Run] = {}

    async def resolve(
        self, threepids: frozenset[ThreePid], context: LookupContext
    ) -> Resolution:
        """Join the run that is under way, or start one."""
        # Of which 3PID a lowered spelling is, it tells itself.
        lowered = frozenset(t.lowered for t in threepids if t.lowered is not None)
        key = (threepids, lowered, context.recursive)
        run = self._runs.get(key)
        is_first = run is None
        if run is None:
            run = self._runs[key] = _Run()
        waiter = self._join(key, run)
        if is_first:
            self._start(key, run, threepids, context)
        return await waiter

    def _join(self, key: Hashable, run: _Run) -> "Deferred[Resolution]":
        # Two coroutines that await one Deferred disturb each other: a fresh one each.
        def leave(waiter: "Deferred[Resolution]") -> None:
            run.waiters.discard(waiter)
            if not run.waiters and run.running is not None:
                self._forget(key, run)
                run.running.cancel()

        waiter: Deferred[Resolution] = Deferred(leave)
        run.waiters.add(waiter)
        return waiter

    def _start(
        self,
        key: Hashable,
        run: _Run,
        threepids: frozenset[ThreePid],
        context: LookupContext,
    ) -> None:
        async def ask() -> Resolution:
            return await self._inner.resolve(threepids, context)

        def deliver(outcome: Resolution | Failure) -> None:
            self._forget(key, run)
            waiters, run.waiters = run.waiters, set()
            for waiter in waiters:
                waiter.callback(outcome)

        run.running = Deferred.fromCoroutine(ask())
        run.running.addBoth(deliver)

    def _forget(self, key: Hashable, run: _Run) -> None:
        if self._runs.get(key) is run:
            del self._runs[key]
