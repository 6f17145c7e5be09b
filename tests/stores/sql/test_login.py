"""Logins against a database that is there at once."""

from collections.abc import Callable, Sequence
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mxisd.drivers.passwords import UNKNOWN_USER
from mxisd.model.identifiers import UserId
from mxisd.model.login import Accepted, NoSuchUser, Refused, Verdict
from mxisd.model.secret import Secret
from mxisd.stores.sql.login import SqlAuthenticator
from mxisd.stores.sql.queries import Query
from mxisd.stores.sql.values import Naming
from tests.drivers.hashes import quick_hash
from tests.stores.sql.databases import InstantDatabase

OURS = "example.org"
NAMING = Naming(OURS, is_localpart=True)
PLAIN = "hush"
"""A form that is refused."""


@define
class CountingThreads:
    """
    A pool of threads that works at once.

    :ivar hashes: The stored hash of each password that was judged, in order.
    """

    hashes: list[str] = field(factory=list)

    def callInThreadWithCallback(
        self, take: Callable[[bool, Any], None], work: Callable[..., Any], *how: Any
    ) -> None:
        """Work, and tell what came of it."""
        _password, stored, _pepper = how
        self.hashes.append(stored.value)
        try:
            result = work(*how)
        except ValueError as error:
            take(False, Failure(error))
        else:
            take(True, result)


class ThreadedClock(Clock):
    """A reactor with such a pool."""

    def __init__(self) -> None:
        super().__init__()
        self.threads = CountingThreads()

    def getThreadPool(self) -> CountingThreads:
        """That pool."""
        return self.threads

    def callFromThread(self, work: Callable[..., Any], *how: Any) -> None:
        """There is but one thread."""
        work(*how)


class LoginTests(SynchronousTestCase):
    """What a login costs, and whom it lets in."""

    def setUp(self) -> None:
        """Start without any login before."""
        self.reactor = ThreadedClock()
        self.database = InstantDatabase(["hash", "name"])
        self.authenticator = SqlAuthenticator(
            reactor=self.reactor,
            store="staff",
            query=Query(self.database, self.reactor, "auth.query", "SELECT ?"),
            naming=NAMING,
            answers=NAMING,
            pepper=Secret(""),
        )

    def verdict(self, *rows: Sequence[Any], localpart: str = "ann") -> Verdict:
        """What is said to a password where these rows are found."""
        self.database.answer = rows
        asked: Any = self.authenticator.authenticate(
            UserId(localpart, OURS), Secret("pw")
        )
        verdict: Verdict = self.successResultOf(Deferred.fromCoroutine(asked))
        return verdict

    def hashed(self) -> list[str]:
        """The hashes since the last time."""
        found, self.reactor.threads.hashes = self.reactor.threads.hashes, []
        return found

    def test_an_unknown_user_costs_as_much_as_a_known_one(self) -> None:
        """One hash each, of the form and cost that was seen last."""
        self.assertEqual(self.verdict(), NoSuchUser())
        self.assertEqual(self.hashed(), [UNKNOWN_USER])
        stored = quick_hash("other")
        self.assertEqual(self.verdict((stored, "ann")), Refused())
        self.assertEqual(self.hashed(), [stored])
        self.assertEqual(self.verdict(), NoSuchUser())
        self.assertEqual(self.hashed(), [stored])

    def test_known_users_without_a_usable_hash(self) -> None:
        """They cost as much, too: no hash, one of a refused form, two rows."""
        stored = quick_hash("other")
        self.verdict((stored, "ann"))
        self.hashed()
        for rows in ([(None, "ann")], [(PLAIN, "ann")], [(stored, "ann")] * 2):
            self.assertEqual(self.verdict(*rows), Refused(), str(rows))
            self.assertEqual(self.hashed()[-1], stored, str(rows))

    def test_who_is_named_is_who_was_asked_for(self) -> None:
        """A database that takes two names for one logs nobody in."""
        stored = quick_hash("pw")
        ann = UserId("ann", OURS)
        for name, verdict in (
            ("ann", Accepted(ann)),
            ("Ann", Accepted(ann)),
            (f"@ann:{OURS}", Accepted(ann)),
            (None, Accepted(ann)),
            ("\u00e4nn", NoSuchUser()),
            ("bob", NoSuchUser()),
            ("a\nb", NoSuchUser()),
        ):
            self.assertEqual(self.verdict((stored, name)), verdict, repr(name))
