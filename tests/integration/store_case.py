"""What tests of a store against a real back end share, whatever the store."""

from collections.abc import Sequence
from typing import Any

from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from mxisd.errors import StoreUnavailable
from mxisd.interfaces import Store
from mxisd.model.identifiers import UserId
from mxisd.model.threepids import ThreePid


class StoreCase(TestCase):
    """Asks stores, and listens to the log."""

    async def listed(self, store: Store) -> list[tuple[ThreePid, UserId]]:
        """Everything that the store lists."""
        result: list[tuple[ThreePid, UserId]] = []

        async def put(batch: Sequence[tuple[ThreePid, UserId]]) -> None:
            result.extend(batch)

        assert store.associations is not None
        await store.associations.associations(put)
        return result

    def log_lines(self) -> list[str]:
        """The lines that will have been logged."""
        lines: list[str] = []

        @implementer(ILogObserver)
        def observe(event: LogEvent) -> None:
            lines.append(formatEvent(event))

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        return lines

    async def assert_unavailable(self, answer: Any, words: str = "") -> Any:
        """The question fails as it should; gives the error."""
        with self.assertRaises(StoreUnavailable) as caught:
            await answer
        self.assertIn(words, str(caught.exception))
        return caught.exception
