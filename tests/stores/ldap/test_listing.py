"""What the log tells of a directory that was listed."""

from collections.abc import Sequence
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from mxisd.errors import StoreUnavailable
from mxisd.portions import Portions
from mxisd.stores.ldap.lookup import LdapListing
from mxisd.stores.ldap.tree import Tree
from tests.stores.ldap.test_entries import READER


@define(eq=False)
class EmptyDirectory:
    """Has nobody, and fails when it is asked for the second time."""

    asked: int = 0

    async def each_page(self, search: Any, size: int, take: Any) -> None:
        """Answer a page without entries."""
        self.asked += 1
        if self.asked == 2:
            raise StoreUnavailable("gone")
        await take([])


class ListingTests(SynchronousTestCase):
    """What an operator is warned of."""

    def setUp(self) -> None:
        """A directory."""
        client: Any = EmptyDirectory()
        tree = Tree(name="ad", client=client, bases=[""], reader=READER)
        self.listing = LdapListing(tree, None, Portions(Clock()))

    def warnings(self) -> Sequence[str]:
        """What one list is worth."""

        async def put(batch: Any) -> None:
            """Nobody comes."""

        with capturedLogs() as log:
            running = Deferred.fromCoroutine(self.listing.associations(put))
            self.successResultOf(running)
        return [formatEvent(e) for e in log if e["log_level"] is LogLevel.warn]

    def test_a_count_that_failed_is_made_up_for(self) -> None:
        """Who is missing is told as soon as people could be counted, and then once."""
        self.assertEqual(self.warnings(), [])
        self.assertEqual(self.warnings(), ["ad: identity.filter: 0 people"])
        self.assertEqual(self.warnings(), [])
