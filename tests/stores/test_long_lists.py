"""Long answers of back ends: others have their turn while stores read them."""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from attrs import define
from treq.testing import StubTreq
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Request

from mxisd.interfaces import BATCH_LIMIT, Tools
from mxisd.model.identifiers import UserId
from mxisd.model.stored import StoredAddresses
from mxisd.model.threepids import MSISDN, canonical
from mxisd.portions import PORTION_SECONDS, Portions
from mxisd.stores import memory
from mxisd.stores.command.lookup import ExecListing
from mxisd.stores.command.questions import Question
from mxisd.stores.command.settings import OutputType
from mxisd.stores.command.tables import PlainOutput
from mxisd.stores.command.users import Users
from mxisd.stores.ldap.lookup import LdapListing
from mxisd.stores.ldap.tree import Tree
from mxisd.stores.rest import factory as rest
from mxisd.stores.sql.listing import SqlListing
from mxisd.stores.sql.lookup import ManyAtOnce, SqlLookup
from mxisd.stores.sql.queries import ADDRESSES, NONE, Query
from mxisd.stores.sql.values import Naming
from mxisd.stores.wordpress.lookup import WordPressListing
from mxisd.testing.tools import GivenSection, tools_for_tests
from tests.clocks import WorkingClock
from tests.stores.ldap.test_entries import READER, entry
from tests.stores.sql.databases import InstantDatabase

COUNT = BATCH_LIMIT
DOMAIN = "example.org"


def number(index: int) -> str:
    """Somebody's phone number, as back ends have it."""
    return f"+49 171 {index:07d}"


PEOPLE = {canonical(MSISDN, number(i)): UserId(f"p{i}", DOMAIN) for i in range(COUNT)}


@define(eq=False)
class Printing:
    """A program that prints everybody in one go, one in each line."""

    portions: Portions
    output_type: OutputType
    left_out: int = 0

    @property
    def call(self) -> "Printing":
        """How it is called."""
        return self

    def _lines(self) -> list[str]:
        rows = [f"msisdn\t{number(i)}\tlocalpart\tp{i}" for i in range(COUNT)]
        return ["nonsense", *rows]

    async def each_line(
        self, take: Callable[[str], Awaitable[None]], stdin: bytes | None = None
    ) -> None:
        """Print."""
        for line in self._lines():
            await take(line)

    async def whole_list(self, stdin: bytes | None = None) -> str:
        """Print a document."""
        return "\n".join(self._lines())

    def report_left_out(self, count: int) -> None:
        """Take note."""
        self.left_out = count


class Rest(Resource):
    """A back end that lists everybody on a page."""

    isLeaf = True

    def render_POST(self, request: Request) -> bytes:
        """Answer."""
        people = [
            {
                "medium": MSISDN,
                "address": number(i),
                "id": {"type": "localpart", "value": f"p{i}"},
            }
            for i in range(COUNT)
        ]
        return json.dumps({"associations": people, "lookup": people}).encode()


class LongListTests(SynchronousTestCase):
    """Nobody waits until a store has read all that it was told."""

    def setUp(self) -> None:
        """Each look at the clock finds that a quarter of a portion has passed."""
        self.clock = WorkingClock(PORTION_SECONDS / 4)
        self.portions = Portions(self.clock)
        self.listed: list[Any] = []

    async def put(self, batch: Sequence[Any]) -> None:
        """Take a batch."""
        self.assertLessEqual(len(batch), BATCH_LIMIT)
        self.listed.extend(batch)

    def answer(self, asked: Awaitable[Any]) -> Any:
        """What comes of a question, after some turns."""

        async def ask() -> Any:
            return await asked

        running = Deferred.fromCoroutine(ask())
        self.assertGreater(self.clock.turns(running), 3)
        return self.successResultOf(running)

    def assert_lists(self, listing: Any) -> None:
        """Everybody, in portions; a list that is cancelled ends at once."""
        self.answer(listing.associations(self.put))
        self.assertEqual(dict(self.listed), PEOPLE)
        running = Deferred.fromCoroutine(listing.associations(self.put))
        self.assertNoResult(running)
        running.cancel()
        self.failureResultOf(running, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def query(self, columns: Sequence[str], **more: Any) -> Query:
        """A query whose answer is everybody."""
        rows = [[f"p{i}", MSISDN, number(i)] for i in range(COUNT)]
        database = InstantDatabase(columns, *rows)
        return Query(database, self.clock, "some.query", **more)

    def test_sql(self) -> None:
        """The rows of a batch."""
        query = self.query(["mxid", "medium", "address"], text="", forms=[NONE])
        self.assert_lists(SqlListing("staff", query, Naming(DOMAIN, True)))

    def test_sql_lookups(self) -> None:
        """The rows that were found."""
        query = self.query(["uid", "medium", "address"], text="??", forms=[ADDRESSES])
        lookup = SqlLookup("staff", {}, ManyAtOnce(query, Naming(DOMAIN, True)))
        self.assertEqual(self.answer(lookup.lookup(frozenset(PEOPLE))), PEOPLE)

    def test_wordpress(self) -> None:
        """The rows of a batch."""

        class Everybody:
            async def each_batch(self, take: Any) -> None:
                names = ("uid", "medium", "address")
                await take(
                    [
                        dict(zip(names, (f"p{i}", MSISDN, number(i)), strict=True))
                        for i in range(COUNT)
                    ]
                )

        query: Any = Everybody()
        known = StoredAddresses()
        listing = WordPressListing("blog", DOMAIN, query, known, self.portions)
        self.assert_lists(listing)

    def test_ldap(self) -> None:
        """The entries of a page."""

        class Client:
            async def each_page(self, search: Any, size: int, take: Any) -> None:
                await take(
                    [
                        entry(f"cn={i}", saMAccountName=[f"p{i}"], mobile=[number(i)])
                        for i in range(COUNT)
                    ]
                )

        client: Any = Client()
        tree = Tree(name="ad", client=client, bases=[""], reader=READER)
        self.assert_lists(LdapListing(tree, None, self.portions))

    def test_rest(self) -> None:
        """What is found, and the entries of a page."""
        tools = tools_for_tests(reactor=self.clock, http=StubTreq(Rest()))
        section = GivenSection({"host": "http://localhost"})
        store = rest.build(rest.parse(section), tools)
        assert store.lookup is not None
        found = self.answer(store.lookup.lookup(frozenset(list(PEOPLE)[:3])))
        self.assertEqual(len(found), 3)
        assert store.associations is not None
        self.answer(store.associations.associations(self.put))
        self.assertEqual(dict(self.listed), PEOPLE)

    def test_exec(self) -> None:
        """Lines as they are printed, and a document."""
        for output_type in (OutputType.PLAIN, OutputType.JSON):
            program: Any = Printing(self.portions, output_type)
            question = Question(
                program, PlainOutput(), Users(DOMAIN, StoredAddresses())
            )
            self.listed.clear()
            self.assert_lists(ExecListing(question))
            self.assertEqual(program.left_out, 1)

    def test_memory(self) -> None:
        """What is looked for."""
        one = memory.ThreePidSettings(medium=MSISDN, address=number(0))
        person = memory.IdentitySettings(username="p0", threepids=(one,))
        tools = Tools(name="memory", domain=DOMAIN, reactor=self.clock, http=None)
        store = memory.build(memory.MemorySettings(identities=(person,)), tools)
        nobody = {canonical(MSISDN, f"4930{i + 100_000}") for i in range(10 * COUNT)}
        assert store.lookup is not None
        found = self.answer(store.lookup.lookup(frozenset(nobody | PEOPLE.keys())))
        self.assertEqual(found, dict([next(iter(PEOPLE.items()))]))
