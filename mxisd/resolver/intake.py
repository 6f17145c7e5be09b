"""Takes what a store lists, one batch after the other."""

from collections.abc import Awaitable, Callable, Sequence
from itertools import islice

from twisted.internet.defer import CancelledError, Deferred

from mxisd.errors import StoreUnavailable
from mxisd.interfaces import BATCH_LIMIT, Put
from mxisd.model.identifiers import UserId
from mxisd.model.threepids import ThreePid
from mxisd.portions import Portions
from mxisd.resolver.answers import legal_association

Batch = Sequence[tuple[ThreePid, UserId]]


class Intake:
    """
    Takes batches as the contract has them, and remembers the first breach.

    A store that overlooks a refusal has not listed itself: what is missing would count
    as removed.
    """

    def __init__(
        self,
        put: Put,
        on_batch: Callable[[], None],
        on_illegal: Callable[[int], None],
        portions: Portions,
    ) -> None:
        """
        Take batches for somebody.

        :param on_batch: Called for each batch that was taken.
        :param on_illegal: Called with the number of lines that were left out.
        :param portions: For looking at the lines.
        """
        self._put = put
        self._on_batch = on_batch
        self._on_illegal = on_illegal
        self._portions = portions
        self._problem: Exception | None = None
        self._taking: Deferred[None] | None = None
        self._is_taking = False
        self._idle: Deferred[None] | None = None
        self._is_closed = False

    def put(self, batch: Batch) -> Awaitable[None]:
        """
        Take a batch; the work begins at once, even if nobody awaits it.

        :raise StoreUnavailable: At once, if this is no list of bearable length, or not
            the time for one; later, if its lines are no pairs.
        """
        if self._is_closed:
            raise StoreUnavailable("a batch after the end of the list")
        if self._problem is not None:
            raise self._problem
        if self._is_taking:
            raise self._refused("a batch that does not wait for the one before")
        rows = self._rows(batch)
        self._is_taking = True
        self._taking = Deferred.fromCoroutine(self._take(rows))
        return self._taking

    async def finish(self) -> None:
        """
        Wait for the last batch.

        :raise Exception: What went wrong, now or before.
        """
        if self._is_taking:
            self._idle = Deferred()
            await self._idle
        if self._problem is not None:
            raise self._problem

    def close(self) -> None:
        """Take no more."""
        self._is_closed = True
        if self._taking is not None:
            # The store may have forgotten it; nobody else is to hear of its end.
            self._taking.addErrback(lambda _: None)
            self._taking.cancel()

    def _rows(self, batch: Batch) -> Batch:
        """The batch as it is now: the store may use its list again."""
        try:
            rows = list(islice(batch, BATCH_LIMIT + 1))
        except Exception as error:
            raise self._nonsense(error) from error
        if len(rows) > BATCH_LIMIT:
            raise self._refused(f"a batch of more than {BATCH_LIMIT}")
        return rows

    async def _take(self, rows: Batch) -> None:
        try:
            await self._put(await self._legal(rows))
        except Exception as error:
            self._problem = error
            raise
        finally:
            self._is_taking = False
            if self._idle is not None:
                self._idle.callback(None)
        if not self._is_closed:
            self._on_batch()

    async def _legal(self, rows: Batch) -> Batch:
        try:
            judged = await self._portions.mapped(legal_association, rows)
        except (StoreUnavailable, CancelledError):
            raise
        except Exception as error:
            raise self._nonsense(error) from error
        legal = [each for each in judged if each is not None]
        self._on_illegal(len(rows) - len(legal))
        return legal

    def _nonsense(self, error: Exception) -> StoreUnavailable:
        return self._refused(f"a batch that is none ({type(error).__name__})")

    def _refused(self, reason: str) -> StoreUnavailable:
        problem = self._problem = StoreUnavailable(reason)
        return problem
