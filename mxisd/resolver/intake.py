"""Takes what a store lists, one batch after the other."""

from collections.abc import Awaitable, Callable, Sequence
from itertools import islice

from twisted.internet.defer import Deferred

from mxisd.errors import StoreUnavailable
from mxisd.interfaces import BATCH_LIMIT, Put
from mxisd.model.identifiers import UserId
from mxisd.model.threepids import ThreePid
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
    ) -> None:
        """
        Take batches for somebody.

        :param on_batch: Called for each batch that was taken.
        :param on_illegal: Called with the number of lines that were left out.
        """
        self._put = put
        self._on_batch = on_batch
        self._on_illegal = on_illegal
        self._problem: Exception | None = None
        self._taking: Deferred[None] | None = None
        self._is_taking = False
        self._idle: Deferred[None] | None = None
        self._is_closed = False

    def put(self, batch: Batch) -> Awaitable[None]:
        """
        Take a batch; the work begins at once, even if nobody awaits it.

        :raise StoreUnavailable: At once, if this is no batch, or not the time for one.
        """
        if self._is_closed:
            raise StoreUnavailable("a batch after the end of the list")
        if self._problem is not None:
            raise self._problem
        if self._is_taking:
            raise self._refused("a batch that does not wait for the one before")
        rows = self._legal(batch)
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

    def _legal(self, batch: Batch) -> Batch:
        try:
            rows = list(islice(batch, BATCH_LIMIT + 1))
            if len(rows) > BATCH_LIMIT:
                raise StoreUnavailable(f"a batch of more than {BATCH_LIMIT}")
            judged = [legal_association(row) for row in rows]
        except StoreUnavailable as error:
            self._problem = error
            raise
        except Exception as error:
            reason = f"a batch that is none ({type(error).__name__})"
            raise self._refused(reason) from error
        legal = [each for each in judged if each is not None]
        self._on_illegal(len(rows) - len(legal))
        return legal

    async def _take(self, rows: Batch) -> None:
        try:
            await self._put(rows)
        except Exception as error:
            self._problem = error
            raise
        finally:
            self._is_taking = False
            if self._idle is not None:
                self._idle.callback(None)
        if not self._is_closed:
            self._on_batch()

    def _refused(self, reason: str) -> StoreUnavailable:
        problem = self._problem = StoreUnavailable(reason)
        return problem
