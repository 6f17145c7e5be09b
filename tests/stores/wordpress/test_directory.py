"""What a site's database says about its people."""

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mxisd.errors import StoreUnavailable
from mxisd.model.identifiers import UserId
from mxisd.model.stored import StoredAddresses
from mxisd.stores.wordpress.directory import PROFILE_ROWS, WordPressProfile
from mxisd.stores.wordpress.queries import Query
from tests.stores.sql.databases import InstantDatabase

COLUMNS = ("user_login", "display_name", "user_email", "capabilities")
ANN = ["ann", "Ann", "ann@example.org"]


class ProfileTests(SynchronousTestCase):
    """Profiles, and the roles in them."""

    def profile(self, rows: Sequence[Sequence[str | None]]) -> "Deferred[Any]":
        """What a site with these rows says of Ann."""
        database = InstantDatabase(COLUMNS, *rows)
        query = Query(database, "x", "?", wanted=COLUMNS)  # type: ignore[arg-type]
        profile = WordPressProfile("example.org", query, None, StoredAddresses())
        return Deferred.fromCoroutine(profile.profile(UserId("ann", "example.org")))

    def test_roles_that_cannot_be_told(self) -> None:
        """Neither what is unreadable nor what is too much is simply not there."""
        good = [*ANN, 'a:1:{s:6:"editor";b:1;}']
        for rows in ([good, [*ANN, "a:1:{s:6:"]], [good] * (PROFILE_ROWS + 1)):
            self.failureResultOf(self.profile(rows), StoreUnavailable)
        found = self.successResultOf(self.profile([good, [*ANN, None]]))
        self.assertEqual(found.roles, {"editor"})
