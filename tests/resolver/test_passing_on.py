"""Every layer passes on what it was asked, and what was answered, as it is."""

from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mxisd.errors import Misconfigured, StoreUnavailable
from mxisd.interfaces import (
    BATCH_LIMIT,
    IAuthenticator,
    IDirectory,
    IProfile,
    IRoomNames,
    IThreePidLookup,
)
from mxisd.model.identifiers import UserId
from mxisd.model.login import Accepted, NoSuchUser, Refused
from mxisd.model.profiles import DirectoryEntry, DirectoryPage, Profile, SearchBy
from mxisd.model.secret import Secret
from mxisd.model.threepids import ThreePid, canonical
from mxisd.ports import Resolution
from mxisd.resolver.answers import NAME_LENGTH, PROFILE_LIMIT
from mxisd.resolver.chain import Chain
from mxisd.resolver.gates import RecursionGate
from mxisd.resolver.guard import COOL_DOWN
from mxisd.resolver.sharing import Sharing
from tests.resolver.doubles import (
    BOB,
    BOB_ID,
    EVE,
    EVE_ID,
    RecordingResolver,
    context,
)
from tests.resolver.guarding import TIMEOUT, GuardTestCase, under_way

ROOM = "!room:example.org"


@implementer(IThreePidLookup, IAuthenticator, IDirectory, IProfile, IRoomNames)
class Remembering:
    """A store that remembers what it was asked, and answers what the test says."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: list[tuple[Any, ...]] = []

    def _told(self, *question: Any) -> Any:
        self.asked.append(question)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def lookup(self, threepids: frozenset[ThreePid]) -> Any:
        """Answer."""
        return self._told(threepids)

    async def authenticate(self, user_id: UserId, password: Secret) -> Any:
        """Answer."""
        return self._told(user_id, password)

    async def search(
        self, term: str, by: SearchBy, limit: int, searcher: UserId
    ) -> Any:
        """Answer."""
        return self._told(term, by, limit, searcher)

    async def profile(self, user_id: UserId) -> Any:
        """Answer."""
        return self._told(user_id)

    async def room_name(self, room_id: str) -> Any:
        """Answer."""
        return self._told(room_id)


class GuardedTests(GuardTestCase):
    """What reaches a guarded store, and what comes back."""

    def result(self, answer: Any) -> Any:
        """The answer, which is there at once."""
        return self.successResultOf(under_way(answer))

    def test_lookup(self) -> None:
        """A lookup asks for all addresses, and gets what was found of them."""
        store = Remembering({BOB: BOB_ID})
        asked = frozenset([BOB, EVE])
        answer = self.guarded(lookup=store).lookup.lookup(asked)
        self.assertEqual(self.result(answer), {BOB: BOB_ID})
        self.assertEqual(store.asked, [(asked,)])

    def test_login(self) -> None:
        """The store judges the user and the password that were typed."""
        store = Remembering(Accepted(BOB_ID))
        guarded = self.guarded(authenticator=store).authenticator
        answer = guarded.authenticate(BOB_ID, Secret("secret"))
        self.assertEqual(self.result(answer), Accepted(BOB_ID))
        self.assertEqual(store.asked, [(BOB_ID, Secret("secret"))])

    def test_a_password_with_a_nul(self) -> None:
        """It is wrong: for some back ends a password ends there."""
        store = Remembering(Accepted(BOB_ID))
        guarded = self.guarded(authenticator=store).authenticator
        answer = guarded.authenticate(BOB_ID, Secret("secret\0"))
        self.assertEqual(self.result(answer), Refused())
        self.assertEqual(store.asked, [])

    def test_search(self) -> None:
        """The store searches for the term, as it was meant, for whoever searches."""
        page = DirectoryPage((DirectoryEntry(BOB_ID, "Bob"),), limited=False)
        store = Remembering(page)
        guarded = self.guarded(directory=store).directory
        answer = guarded.search("bo", SearchBy.THREEPID, 5, EVE_ID)
        self.assertEqual(self.result(answer), page)
        self.assertEqual(store.asked, [("bo", SearchBy.THREEPID, 5, EVE_ID)])

    def test_a_page_that_is_full_is_not_limited(self) -> None:
        """Exactly as many as were wanted may be all; one more are not."""
        for count, limited in ((2, False), (3, True)):
            entries = (DirectoryEntry(BOB_ID, "Bob"),) * count
            store = Remembering(DirectoryPage(entries, limited=False))
            guarded = self.guarded(directory=store).directory
            answer = guarded.search("bo", SearchBy.NAME, 2, EVE_ID)
            self.assertEqual(self.result(answer), DirectoryPage(entries[:2], limited))

    def test_profile(self) -> None:
        """The store is asked for the profile of that user."""
        profile = Profile("Bob", frozenset([BOB]), frozenset(["staff"]))
        store = Remembering(profile)
        answer = self.guarded(profile=store).profile.profile(BOB_ID)
        self.assertEqual(self.result(answer), profile)
        self.assertEqual(store.asked, [(BOB_ID,)])

    def test_the_largest_profile(self) -> None:
        """So many 3PIDs and roles, and names so long, are still somebody's."""
        threepids = frozenset(
            canonical("email", f"bob{i}@example.org") for i in range(PROFILE_LIMIT)
        )
        roles = frozenset(
            ["r" * NAME_LENGTH, *(str(i) for i in range(PROFILE_LIMIT - 1))]
        )
        profile = Profile("Bob", threepids, roles)
        answer = self.guarded(profile=Remembering(profile)).profile.profile(BOB_ID)
        self.assertEqual(self.result(answer), profile)

    def test_room_name(self) -> None:
        """The store is asked for the name of that room."""
        store = Remembering("Garden")
        answer = self.guarded(room_names=store).room_names.room_name(ROOM)
        self.assertEqual(self.result(answer), "Garden")
        self.assertEqual(store.asked, [(ROOM,)])

    def test_the_stores_own_parts(self) -> None:
        """The service and the self-check are the store's own."""
        service, check = Service(), object()
        store = self.guarded(service=service, self_check=check)
        self.assertIs(store.service, service)
        self.assertIs(store.self_check, check)

    def test_the_part_that_is_misconfigured_is_named(self) -> None:
        """The operator reads which capability needs a key that is wrong."""
        store = Remembering(Misconfigured("query", "is empty"))
        parts: dict[str, tuple[str, tuple[Any, ...]]] = {
            "lookups": ("lookup", ("lookup", frozenset([BOB]))),
            "logins": ("authenticator", ("authenticate", BOB_ID, Secret("x"))),
            "searches": ("directory", ("search", "b", SearchBy.NAME, 1, EVE_ID)),
            "profiles": ("profile", ("profile", BOB_ID)),
            "room names": ("room_names", ("room_name", ROOM)),
        }
        for capability, (method, *arguments) in parts.values():
            part = getattr(self.guarded(**{capability: store}), capability)
            question = under_way(getattr(part, method)(*arguments))
            self.failureResultOf(question, StoreUnavailable)
        named = [each["part"] for each in self.warnings() if "part" in each]
        self.assertEqual(named, list(parts))

    def test_the_count_of_illegal_answers(self) -> None:
        """All that was dropped of one answer is counted, and each is one."""
        illegal: Any = UserId("b\0b", "example.org")
        good = canonical("email", "good@example.org")
        found = {BOB: illegal, EVE: illegal, good: BOB_ID}
        page = DirectoryPage((DirectoryEntry(illegal, "B"),), limited=False)
        profile = Profile("Bob", frozenset([ThreePid("email", "x")]), frozenset())
        asked = frozenset(found)
        store = self.guarded(lookup=Remembering(found)).lookup
        self.assertEqual(self.result(store.lookup(asked)), {good: BOB_ID})
        self.assertEqual(self.counts(), [2])
        self.clock.advance(3600)
        search = self.guarded(directory=Remembering(page)).directory.search
        self.result(search("b", SearchBy.NAME, 5, EVE_ID))
        self.assertEqual(self.counts(), [2, 1])
        self.clock.advance(3600)
        login = self.guarded(authenticator=Remembering(Accepted(BOB_ID, profile)))
        self.result(login.authenticator.authenticate(BOB_ID, Secret("x")))
        self.assertEqual(self.counts(), [2, 1, 1])

    def counts(self) -> list[int]:
        """How many illegal answers the log told of, each time."""
        return [each["count"] for each in self.warnings() if "count" in each]

    def test_refusals_have_nothing_illegal(self) -> None:
        """A plain refusal is no illegal answer."""
        for verdict in (Refused(), NoSuchUser()):
            store = self.guarded(authenticator=Remembering(verdict)).authenticator
            answer = store.authenticate(BOB_ID, Secret("x"))
            self.assertEqual(self.result(answer), verdict)
        self.assertEqual(self.counts(), [])


class BreakerTests(GuardTestCase):
    """When the guard gives up on a store, and why it says so."""

    def ask(self, answer: "Deferred[Any]", is_long: bool = False) -> "Deferred[Any]":
        """Ask something that answers when the test says so."""
        return under_way(self.guard.ask("lookups", lambda: answer, is_long))

    def time_out(self) -> None:
        """Let one question take too long."""
        question = self.ask(Deferred())
        self.clock.advance(TIMEOUT)
        self.failureResultOf(question, StoreUnavailable)

    def is_open(self) -> bool:
        """Whether the store is not even asked."""
        asked: Deferred[Any] = Deferred()
        question = self.ask(asked)
        waits = not question.called
        if waits:
            asked.callback(None)
            self.successResultOf(question)
        else:
            self.failureResultOf(question, StoreUnavailable)
        return not waits

    def test_an_answer_counts_anew(self) -> None:
        """After any answer it takes three time-outs again, neither two nor four."""
        refusals: tuple[Any, ...] = (
            None,
            StoreUnavailable("down"),
            Misconfigured("query", "is empty"),
        )
        for refusal in refusals:
            self.time_out()
            self.time_out()
            answered: Deferred[Any] = Deferred()
            question = self.ask(answered)
            answered.callback(None) if refusal is None else answered.errback(refusal)
            question.addErrback(lambda _: None)
            self.time_out()
            self.time_out()
            self.assertFalse(self.is_open())

    def test_why(self) -> None:
        """Whoever asked reads it."""
        slow = self.ask(Deferred())
        self.clock.advance(TIMEOUT)
        wrong: Deferred[Any] = Deferred()
        misled = self.ask(wrong)
        wrong.errback(Misconfigured("query", "is empty"))
        for question, sentence in (
            (slow, "staff did not answer: no answer within 5 s"),
            (misled, "staff: query: is empty"),
        ):
            error = self.failureResultOf(question, StoreUnavailable).value
            self.assertEqual(str(error), sentence)

    def test_three_open_it(self) -> None:
        """The third time-out in a row opens the circuit, until the cool-down ends."""
        for _ in range(3):
            self.time_out()
        self.assertTrue(self.is_open())
        self.clock.advance(COOL_DOWN)
        self.assertTrue(self.is_open())  # it is asked in the background
        self.clock.advance(0)

    def test_a_withdrawn_question(self) -> None:
        """Half of the time-out is waited for at least, before it counts as one."""
        for waited, count in ((TIMEOUT * 0.4, 0), (TIMEOUT * 0.6, 1)):
            question = self.ask(Deferred())
            self.clock.advance(waited)
            question.cancel()
            self.failureResultOf(question)
            self.assertEqual(len(self.warnings()), count)
        self.assertIn("no answer within 3.0 s", self.warnings()[0]["reason"])

    def test_two_habits_are_two_news(self) -> None:
        """A store that blocks is named though its illegal answers were."""

        def block() -> Any:
            self.clock.advance(1)
            return Deferred()

        self.guard.report_illegal(1)
        under_way(self.guard.ask("lookups", block)).addErrback(lambda _: None)
        self.assertEqual(len(self.warnings()), 2)


class ResolverTests(GuardTestCase):
    """What passes through resolvers around others."""

    def test_a_gate(self) -> None:
        """An open gate is called like what is behind it, and passes all on."""
        inner = RecordingResolver("far", Resolution({BOB: BOB_ID}))
        gate, asked = RecursionGate(inner), context()
        self.assertEqual(gate.name, "far")
        answer = under_way(gate.resolve(frozenset([BOB]), asked))
        self.assertEqual(self.successResultOf(answer), Resolution({BOB: BOB_ID}))
        self.assertEqual((inner.asked, inner.contexts), ([frozenset([BOB])], [asked]))

    def test_sharing(self) -> None:
        """So does what lets several share one run."""
        inner = RecordingResolver("chain", Resolution({BOB: BOB_ID}))
        sharing, asked = Sharing(inner), context()
        self.assertEqual(sharing.name, "chain")
        answer = under_way(sharing.resolve(frozenset([BOB]), asked))
        self.assertEqual(self.successResultOf(answer), Resolution({BOB: BOB_ID}))
        self.assertEqual((inner.asked, inner.contexts), ([frozenset([BOB])], [asked]))

    def test_a_run_that_all_have_left_is_forgotten(self) -> None:
        """Whoever asks then starts another one."""
        runs: list[Deferred[Resolution]] = [Deferred(lambda _: None), Deferred()]
        inner = RecordingResolver(pending=runs)
        sharing = Sharing(inner)
        first = under_way(sharing.resolve(frozenset([BOB]), context()))
        first.cancel()
        self.failureResultOf(first)
        under_way(sharing.resolve(frozenset([BOB]), context()))
        self.assertEqual(len(inner.asked), 2)

    def test_all_links_after_the_deadline_are_named(self) -> None:
        """Each of them is one that could not be asked; and all is well without."""
        links = [RecordingResolver(name) for name in ("first", "second")]
        links[0].resolution = Resolution({BOB: BOB_ID, EVE: EVE_ID})
        chain, asked = Chain(links, self.clock), frozenset([BOB, EVE])
        late = under_way(chain.resolve(asked, context(deadline=0)))
        expected = Resolution({}, frozenset(["first", "second"]))
        self.assertEqual(self.successResultOf(late), expected)
        answer = under_way(chain.resolve(asked, context(deadline=100)))
        self.assertEqual(self.successResultOf(answer), links[0].resolution)


class NonsenseTests(GuardTestCase):
    """Answers that are none: the operator reads what is wrong with a store."""

    def assert_said(
        self, problem: str, answer: Any, capability: str, *ask: Any
    ) -> None:
        """The log names the problem."""
        self.events.clear()
        self.guard.is_answering = True
        part = getattr(self.guarded(**{capability: Remembering(answer)}), capability)
        method, *arguments = ask
        question = under_way(getattr(part, method)(*arguments))
        error = self.failureResultOf(question, StoreUnavailable).value
        self.assertEqual(str(error), f"staff did not answer: {problem}")
        (warning,) = self.warnings()
        self.assertEqual(warning["reason"], problem)

    def test_answers(self) -> None:
        """Each capability has its own."""
        login = ("authenticate", BOB_ID, Secret("x"))
        search = ("search", "b", SearchBy.NAME, 1, EVE_ID)
        lookup = ("lookup", frozenset([BOB]))
        many = frozenset(map(str, range(PROFILE_LIMIT + 1)))
        profiles = {
            "its profile makes no sense": 5,
            "its profile is no set of up to 1000": Profile(None, frozenset(), many),
            "its profile has roles that make no sense": Profile(
                None, frozenset(), frozenset(["r" * (NAME_LENGTH + 1)])
            ),
        }
        said = self.assert_said
        said("its answer makes no sense", 5, "lookup", *lookup)
        said("its verdict makes no sense", 5, "authenticator", *login)
        for problem, profile in profiles.items():
            said(problem, profile, "profile", "profile", BOB_ID)
        said("its directory page makes no sense", 5, "directory", *search)
        said("its room name makes no sense", 5, "room_names", "room_name", ROOM)
        empty = ("authenticate", BOB_ID, Secret(""))
        problem = "it accepts an empty password"
        said(problem, Accepted(BOB_ID), "authenticator", *empty)

    def listed(self, *batches: Any, waits: bool = True) -> str:
        """Why a list is none; the batches are handed over one after the other."""

        async def taken(batch: Any) -> None:
            if not waits:
                await Deferred()

        async def listing(put: Any) -> None:
            for batch in batches:
                put(batch)

        failing = under_way(self.guard.list(listing, taken))
        reason = str(self.failureResultOf(failing, StoreUnavailable).value)
        return reason.removeprefix("staff did not list itself: ")

    def test_lists(self) -> None:
        """Batches that are too long, too early, or none."""
        pair = (BOB, BOB_ID)
        self.listed_as_a_whole([pair] * BATCH_LIMIT)
        problem = f"a batch of more than {BATCH_LIMIT}"
        self.assertEqual(self.listed([pair] * (BATCH_LIMIT + 1)), problem)
        problem = "a batch that does not wait for the one before"
        self.assertEqual(self.listed([pair], [pair], waits=False), problem)
        self.assertEqual(self.listed(5), "a batch that is none (TypeError)")
        self.assertEqual(self.listed([5]), "a line that is no pair")

    def listed_as_a_whole(self, batch: Any) -> None:
        """Hand over one batch that is good, and then one that is too late."""
        kept: list[Any] = []

        async def listing(put: Any) -> None:
            kept.append(put)
            await put(batch)

        async def taken(batch: Any) -> None:
            kept.append(batch)

        listed = under_way(self.guard.list(listing, taken))
        self.clock.pump([1] * 20)
        self.successResultOf(listed)
        put, *batches = kept
        self.assertEqual(batches, [batch])
        error = self.assertRaises(StoreUnavailable, put, batch)
        self.assertEqual(str(error), "a batch after the end of the list")
