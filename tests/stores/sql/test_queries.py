from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mxisd.errors import Misconfigured, StoreUnavailable
from mxisd.model.identifiers import UserId
from mxisd.model.profiles import Profile, SearchBy
from mxisd.model.stored import StoredAddresses
from mxisd.model.threepids import canonical
from mxisd.stores.sql.directory import SPARE, Search, SqlDirectory
from mxisd.stores.sql.listing import SqlListing
from mxisd.stores.sql.lookup import ManyAtOnce, OneByOne, SqlLookup
from mxisd.stores.sql.profile import ROWS, Part, SqlProfile
from mxisd.stores.sql.queries import (
    ADDRESS,
    ADDRESSES,
    AGAIN,
    MEDIUM_AND_ADDRESS,
    NONE,
    Query,
)
from mxisd.stores.sql.values import Naming
from tests.stores.sql.databases import InstantDatabase

NAMING = Naming("example.org", is_localpart=True)
ANN, BEA = UserId("ann", "example.org"), UserId("bea", "example.org")
MAIL = canonical("email", "ann@example.org")
OTHER = canonical("email", "bea@example.org")


class QueryCase(SynchronousTestCase):
    """Makes queries, and listens to the log."""

    def setUp(self) -> None:
        """Begin to listen."""
        self.clock = Clock()
        self.events: list[Any] = []

        @implementer(ILogObserver)
        def observe(event: LogEvent) -> None:
            self.events.append(event)

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)

    def query(self, database: InstantDatabase, text: str = "?", **more: Any) -> Query:
        """A query of the database."""
        return Query(database, self.clock, "some.query", text, **more)

    def now(self, coroutine: Any) -> Any:
        """What a coroutine gives."""
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def misconfigured(self, coroutine: Any) -> str:
        """Why it fails."""
        failure = self.failureResultOf(Deferred.fromCoroutine(coroutine), Misconfigured)
        self.assertEqual(failure.value.path, "some.query")
        return str(failure.value)

    def logged(self, *levels: LogLevel) -> int:
        """How many events there were."""
        return sum(event["log_level"] in levels for event in self.events)


class QueryTests(QueryCase):
    """Queries that are judged before they are asked."""

    def test_judged_once(self) -> None:
        """A good query is not judged again."""
        database = InstantDatabase(["uid"], ["ann"])
        query = self.query(database, wanted=["uid"])
        for _ in range(2):
            self.assertEqual(self.now(query.rows(["x"])), (["ann"],))
        self.assertEqual((database.judged, self.logged(LogLevel.error)), (1, 0))

    def test_missing_columns(self) -> None:
        """Are named."""
        query = self.query(InstantDatabase(["uid"]), wanted=["uid", "medium"])
        self.assertIn("no column medium", self.misconfigured(query.check()))
        query = self.query(InstantDatabase(["uid"]), width=2)
        self.assertIn("must give 2", self.misconfigured(query.check()))

    def test_parameters_that_do_not_fit(self) -> None:
        """Are an error before anything is asked."""
        database = InstantDatabase(["uid"])
        for text, forms, words in (
            ("? ? ?", [MEDIUM_AND_ADDRESS], "two ?"),
            ("", [ADDRESS, MEDIUM_AND_ADDRESS], "one ?, for the address, or two"),
            ("?", [NONE], "no ?"),
            ("?", [ADDRESSES], "one ??"),
        ):
            query = self.query(database, text, forms=forms)
            self.assertIn(words, self.misconfigured(query.check()))
        self.assertEqual(database.judged, 0)

    def test_a_wrong_query(self) -> None:
        """Is logged once, with its key, and looked at again after a while."""
        database = InstantDatabase(["uid"], ["ann"])
        database.problem = "no such table: t"
        query = self.query(database)
        for _ in range(3):
            self.assertIn("no such table", self.misconfigured(query.rows(["x"])))
        self.assertEqual((database.judged, self.logged(LogLevel.error)), (1, 1))
        self.clock.advance(AGAIN + 1)
        self.misconfigured(query.rows(["x"]))
        self.assertEqual((database.judged, self.logged(LogLevel.error)), (2, 1))
        database.problem = None
        self.clock.advance(AGAIN + 1)
        self.assertEqual(len(self.now(query.rows(["x"]))), 1)
        self.assertEqual(self.logged(LogLevel.info), 1)

    def test_a_query_that_becomes_wrong(self) -> None:
        """Tables change while the server runs."""
        database = InstantDatabase(["uid"], ["ann"])
        query = self.query(database)
        self.now(query.rows(["x"]))
        database.problem = "no such table: t"
        self.misconfigured(query.rows(["x"]))
        self.misconfigured(query.each_batch(1, database.close))  # type: ignore[arg-type]

    def test_a_guess(self) -> None:
        """A default that does not fit is no error for the log."""
        database = InstantDatabase(["uid"])
        database.problem = "no such table: t"
        self.misconfigured(self.query(database, is_guess=True).check())
        self.assertEqual(self.logged(LogLevel.error), 0)


class LookupTests(QueryCase):
    """Rows that are found by address."""

    def one_by_one(self, database: InstantDatabase, text: str = "? ?") -> SqlLookup:
        """A store that asks for each address."""
        query = self.query(
            database, text, wanted=["uid"], forms=[ADDRESS, MEDIUM_AND_ADDRESS]
        )
        return SqlLookup("staff", {}, OneByOne(query, NAMING, 2))

    def test_parameters(self) -> None:
        """Medium and address, or the address alone; in each spelling."""
        sharp = canonical("email", "strauß@example.org")
        for text, expected in (
            (
                "? ?",
                [["email", "strauss@example.org"], ["email", "strauß@example.org"]],
            ),
            ("?", [["strauss@example.org"], ["strauß@example.org"]]),
        ):
            database = InstantDatabase(["uid"])
            self.now(self.one_by_one(database, text).lookup(frozenset([sharp])))
            self.assertEqual(sorted(database.asked), expected)

    def test_national_numbers(self) -> None:
        """Those of the default country are asked for, and read, as dialled there."""
        mobile = canonical("msisdn", "491711234567")
        database = InstantDatabase(["uid", "address"], ["ann", "0171/1234567"])
        query = self.query(database, "??", forms=[ADDRESSES])
        way = ManyAtOnce(query, NAMING, StoredAddresses("DE"))
        lookup = SqlLookup("staff", {"msisdn": way}, None)
        self.assertEqual(self.now(lookup.lookup(frozenset([mobile]))), {mobile: ANN})
        self.assertEqual(
            database.asked, [[["491711234567", "01711234567", "0171 1234567"]]]
        )
        database = InstantDatabase(["uid", "address"], ["ann", "0171/1234567"])
        query = self.query(database, "?", forms=[ADDRESS])
        single = OneByOne(query, NAMING, 1, StoredAddresses("DE"))
        lookup = SqlLookup("staff", {}, single)
        self.assertEqual(self.now(lookup.lookup(frozenset([mobile]))), {mobile: ANN})
        self.assertEqual(len(database.asked), 3)

    def test_several_users(self) -> None:
        """The first legal one has the address; the log tells how many, and no more."""
        database = InstantDatabase(["uid"], [None], ["j\nrg"], ["Ann"], ["bea"])
        found = self.now(self.one_by_one(database).lookup(frozenset([MAIL])))
        self.assertEqual(found, {MAIL: ANN})
        self.assertEqual(self.logged(LogLevel.warn), 2)
        self.assertNotIn(MAIL.address, repr(self.events))

    def test_compared_addresses(self) -> None:
        """Where the answer has the address, it must be the one."""
        near = ["ann", "änn@example.org"]
        database = InstantDatabase(["uid", "address"], near, ["bea", "ANN@example.org"])
        found = self.now(self.one_by_one(database).lookup(frozenset([MAIL])))
        self.assertEqual(found, {MAIL: BEA})

    def test_many_at_once(self) -> None:
        """One question; what was not asked for is not answered."""
        rows: tuple[list[Any], ...] = (
            ["ann", "ANN@example.org"],
            ["bea", "other@example.org"],
            ["x", None],
        )
        database = InstantDatabase(["uid", "address"], *rows)
        query = self.query(database, "??", forms=[ADDRESSES])
        lookup = SqlLookup("staff", {"email": ManyAtOnce(query, NAMING)}, None)
        found = self.now(lookup.lookup(frozenset([MAIL, OTHER])))
        self.assertEqual(found, {MAIL: ANN})
        self.assertEqual(database.asked, [[[MAIL.address, OTHER.address]]])

    def test_mediums_without_query(self) -> None:
        """Are not asked for."""
        database = InstantDatabase(["uid", "address"], ["ann", "4917112345"])
        way = ManyAtOnce(self.query(database, "??", forms=[ADDRESSES]), NAMING)
        phone = canonical("msisdn", "4917112345")
        lookup = SqlLookup("staff", {"email": way}, None)
        self.assertEqual(self.now(lookup.lookup(frozenset([phone]))), {})
        self.assertEqual(database.asked, [])

    def test_failures(self) -> None:
        """A lookup that fails at one address fails."""
        database = InstantDatabase(["uid"])
        lookup = self.one_by_one(database)
        self.now(lookup.lookup(frozenset([MAIL])))
        database.problem = "gone"
        self.misconfigured(lookup.lookup(frozenset([MAIL, OTHER])))


class OtherTests(QueryCase):
    """Lists, searches and profiles."""

    def test_bad_rows_of_a_list(self) -> None:
        """Are left out and counted."""
        database = InstantDatabase(
            ["address", "medium", "mxid"],
            ["Ann@example.org", "email", "Ann"],
            [None, "email", "bea"],
            ["nonsense", "email", "bea"],
            ["bea@example.org", "email", "j\nrg"],
            ["smtp:BEA@example.org", "Email", "bea"],
            [5, 5, 5],
        )
        query = self.query(
            database, "", forms=[NONE], wanted=["mxid", "medium", "address"]
        )
        listed: list[Any] = []

        async def put(batch: Any) -> None:
            listed.extend(batch)

        self.now(SqlListing("staff", query, NAMING).associations(put))
        self.assertEqual(len(listed), 3)
        self.assertEqual(listed[:2], [(MAIL, ANN), (OTHER, BEA)])
        for level, count in ((LogLevel.warn, 1), (LogLevel.info, 2)):
            (event,) = [e for e in self.events if e["log_level"] is level]
            self.assertEqual(event["count"], count)
        places = [e for e in self.events if e["log_level"] is LogLevel.debug]
        self.assertEqual([e["whose"] for e in places], [str(BEA)] * 2)
        self.assertNotIn("nonsense", repr(self.events))

    def test_search(self) -> None:
        """The term goes to every ``?``; doubles and nobodies are left out."""
        rows: list[list[Any]] = [
            ["ann", "Ann"],
            ["ANN", "Other"],
            ["jörg", "J"],
            ["bea", None],
        ]
        database = InstantDatabase(["a", "b"], *rows)
        search = Search(self.query(database, "? ?", width=2), NAMING)
        directory = SqlDirectory({SearchBy.NAME: search})
        page = self.now(directory.search(" a%_ ", SearchBy.NAME, 1, ANN))
        self.assertEqual([entry.user_id for entry in page.entries], [ANN])
        self.assertTrue(page.limited)
        self.assertEqual(database.asked, [["a%_", "a%_"]])
        for term, by in (("", SearchBy.NAME), ("a", SearchBy.THREEPID)):
            page = self.now(directory.search(term, by, 1, ANN))
            self.assertEqual(page.entries, ())
        self.assertEqual(len(database.asked), 1)

    def test_search_that_was_cut(self) -> None:
        """Rows beyond those that were read count as more."""
        database = InstantDatabase(["a", "b"], *([["ann", "Ann"]] * (SPARE + 10)))
        search = Search(self.query(database, "?", width=2), NAMING)
        directory = SqlDirectory({SearchBy.NAME: search})
        page = self.now(directory.search("a", SearchBy.NAME, 5, ANN))
        self.assertEqual((len(page.entries), page.limited), (1, True))

    def test_profile_of_a_guess(self) -> None:
        """A profile does without the part that was only guessed."""
        good = InstantDatabase(["a"], ["Ann"])
        bad = InstantDatabase(["a"])
        bad.problem = "no such table: user_threepids"
        profile = SqlProfile(
            "staff",
            Part(self.query(good), NAMING),
            Part(self.query(bad, is_guess=True), NAMING),
            None,
        )
        self.assertEqual(self.now(profile.profile(ANN)), Profile("Ann"))

    def test_roles_that_cannot_be_told(self) -> None:
        """Neither unreadable ones nor those beyond a limit are simply not there."""
        many = [[f"role{number}"] for number in range(ROWS + 1)]
        for rows in ([["staff"], [b"\xff"]], [["staff"], [5.5]], many):
            database = InstantDatabase(["role"], *rows)
            roles = Part(self.query(database), NAMING)
            profile = SqlProfile("staff", None, None, roles)
            asking = Deferred.fromCoroutine(profile.profile(ANN))
            self.failureResultOf(asking, StoreUnavailable)
        database = InstantDatabase(["role"], *many[2:], [None])
        roles = Part(self.query(database), NAMING)
        found = self.now(SqlProfile("staff", None, None, roles).profile(ANN))
        self.assertEqual(len(found.roles), ROWS - 1)

    def test_broken_part_of_a_profile(self) -> None:
        """A part that was written must work."""
        bad = InstantDatabase(["a"])
        bad.problem = "no such table"
        profile = SqlProfile("staff", Part(self.query(bad), NAMING), None, None)
        self.misconfigured(profile.profile(ANN))
