"""Whether our tables can be read and written, found out by doing it."""

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from zope.interface import implementer

from mxisd.ports import IRecordsHealth
from mxisd.records.database import Database, Transaction

ANY_PEPPER = "SELECT pepper FROM peppers LIMIT 1"
WRITE = (
    "INSERT INTO health (id, checked_ms, filler) VALUES (1, ?, ?) ON CONFLICT (id) "
    "DO UPDATE SET checked_ms = excluded.checked_ms, filler = excluded.filler"
)

FRESH_SECONDS = 5.0
"""So long a write that succeeded is believed: anybody may ask how we are."""

FILLER = bytes(64 << 10)
"""
What is written once writing has failed.

On a full disk there may be room for a few bytes, in what a write that failed has left
behind; that is not yet a disk to work with.
"""


@implementer(IRecordsHealth)
@define(eq=False)
class RecordsHealth:
    """
    Goes the way of a read and of a write, to see whether they are open.

    Whoever asks during a write waits for that one, so that no number of questions is
    a burden.
    """

    _database: Database
    _clock: IReactorTime
    _good_until: float = field(default=-1.0, init=False)
    _waiting: "list[Deferred[None]]" = field(factory=list, init=False)

    async def check(self) -> None:
        """
        Read a row; write one, unless that has just succeeded, and nothing failed since.

        :raise RecordsUnavailable: If one of them fails.
        """
        self._database.rows(ANY_PEPPER)
        if self._clock.seconds() < self._good_until and not self._database.is_failing:
            return
        waiter: Deferred[None] = Deferred()
        self._waiting.append(waiter)
        if len(self._waiting) == 1:
            Deferred.fromCoroutine(self._write()).addBoth(self._deliver)
        await waiter

    async def _write(self) -> None:
        now_ms = int(self._clock.seconds() * 1000)
        filler = FILLER if self._database.is_failing else b""

        async def work(tx: Transaction) -> None:
            await tx.run(WRITE, now_ms, filler)

        await self._database.transact(work)
        self._good_until = self._clock.seconds() + FRESH_SECONDS

    def _deliver(self, outcome: "Failure | None") -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(outcome)
