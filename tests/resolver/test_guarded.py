"""The guard around a store: what its answers look like from outside."""

from collections.abc import Iterator, Mapping
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mxisd.errors import StoreUnavailable
from mxisd.interfaces import (
    IAuthenticator,
    IDirectory,
    IProfile,
    IRoomNames,
    IThreePidLookup,
    Store,
)
from mxisd.model.identifiers import UserId
from mxisd.model.login import Accepted, NoSuchUser, Refused, Verdict
from mxisd.model.profiles import DirectoryEntry, DirectoryPage, Profile, SearchBy
from mxisd.model.secret import Secret
from mxisd.model.threepids import ThreePid
from mxisd.resolver.answers import NAME_LENGTH, PROFILE_LIMIT
from mxisd.resolver.guard import SILENCE
from mxisd.resolver.guarded import guarded
from tests.resolver.doubles import BOB, BOB_ID, EVE, EVE_ID, KnownPeople
from tests.resolver.guarding import GuardTestCase, under_way

ILLEGAL_IDS = (
    UserId("b\0b", "example.org"),
    UserId("", ""),
    UserId("bob", "example.org:x"),
    UserId("bob:example.org", "x"),
    UserId("b" * 300, "example.org"),
    UserId(5, "example.org"),  # type: ignore[arg-type]
    UserId(None, None),  # type: ignore[arg-type]
    "@bob:example.org",
    5,
    None,
)


@implementer(IThreePidLookup, IAuthenticator, IDirectory, IProfile, IRoomNames)
class Answering:
    """Answers whatever the test gave it."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    async def lookup(self, threepids: frozenset[ThreePid]) -> Any:
        """Answer."""
        return self.answer

    async def authenticate(self, user_id: UserId, password: Secret) -> Any:
        """Answer."""
        return self.answer

    async def search(
        self, term: str, by: SearchBy, limit: int, searcher: UserId
    ) -> Any:
        """Answer."""
        return self.answer

    async def profile(self, user_id: UserId) -> Any:
        """Answer."""
        return self.answer

    async def room_name(self, room_id: str) -> Any:
        """Answer."""
        return self.answer


class TwoFaced(UserId):
    """A user ID that looks like another one."""

    def __str__(self) -> str:
        return str(EVE_ID)

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


class Endless(Mapping[ThreePid, UserId]):
    """A mapping that has everything, and no end."""

    def __getitem__(self, key: ThreePid) -> UserId:
        return BOB_ID

    def __iter__(self) -> Iterator[ThreePid]:
        while True:
            yield EVE

    def __len__(self) -> int:
        return 10**12


class Broken(Mapping[ThreePid, UserId]):
    """A mapping that fails when it is looked at."""

    def __getitem__(self, key: ThreePid) -> UserId:
        raise SystemExit

    def __iter__(self) -> Iterator[ThreePid]:
        raise SystemExit

    def __len__(self) -> int:
        return 1


class EmptyContainer(KnownPeople):
    """A capability that counts as false."""

    def __len__(self) -> int:
        return 0


class LookupTests(GuardTestCase):
    """Lookups give legal IDs for what was asked, or fail."""

    def found(self, answer: Any) -> "Deferred[Any]":
        """Look Bob up in a store that answers this."""
        return self.lookup(Answering(answer))

    def test_a_wrong_type_is_unavailable(self) -> None:
        """A lookup that answers with no mapping could not answer."""
        nonsense = (["nonsense"], None, "bob", {BOB}, iter([(BOB, BOB_ID)]), Broken())
        for answer in nonsense:
            self.failureResultOf(self.found(answer), StoreUnavailable)

    def test_extra_keys_are_not_even_looked_at(self) -> None:
        """Only what was asked for comes through, however much there is."""
        self.assertEqual(self.successResultOf(self.found(Endless())), {BOB: BOB_ID})

    def test_keys_of_no_sense_are_ignored(self) -> None:
        """A text is no 3PID, even with the right address in it."""
        nonsense: Any = {"bob@example.org": BOB_ID, ("email", "x"): BOB_ID}
        answer = self.found(nonsense)
        self.assertEqual(self.successResultOf(answer), {})

    def test_an_illegal_user_id_is_dropped(self) -> None:
        """An ID that no homeserver could have is no answer; the store is named."""
        for user_id in (*ILLEGAL_IDS, TwoFaced("bob", "example.org")):
            answer = self.found({BOB: user_id})
            self.assertEqual(self.successResultOf(answer), {}, repr(user_id))
        self.assertEqual(self.warnings()[0]["store"], "staff")

    def test_users_of_other_servers_are_legal(self) -> None:
        """A store may know people from elsewhere."""
        other = UserId("bob", "elsewhere.example:8448")
        answer = self.found({BOB: other})
        self.assertEqual(self.successResultOf(answer), {BOB: other})

    def test_the_log_has_illegal_answers_once_an_hour(self) -> None:
        """A store that lies all the time does not fill the log."""
        for _ in range(10):
            self.successResultOf(self.found({BOB: None}))
        self.assertEqual(len(self.warnings()), 1)
        self.clock.advance(SILENCE)
        self.successResultOf(self.found({BOB: None}))
        self.assertEqual(len(self.warnings()), 2)

    def test_questions_cannot_be_changed(self) -> None:
        """A store that tries to change what it was given fails alone."""

        @implementer(IThreePidLookup)
        class Meddling:
            async def lookup(self, threepids: Any) -> Any:
                for threepid in threepids:
                    threepid.address = "eve@example.org"

        self.failureResultOf(self.lookup(Meddling()), StoreUnavailable)
        self.assertEqual(BOB.address, "bob@example.org")

    def test_an_empty_container_is_guarded_too(self) -> None:
        """A capability is there unless it is ``None``, whatever its truth value."""
        store = EmptyContainer({BOB: UserId("", "")})
        self.assertEqual(self.successResultOf(self.lookup(store)), {})


class AuthenticatorTests(GuardTestCase):
    """Verdicts are verdicts."""

    def verdict(self, answer: Any, password: str = "secret") -> "Deferred[Verdict]":
        """Check a password through the guard."""
        store = self.guarded(authenticator=Answering(answer))
        return under_way(store.authenticator.authenticate(BOB_ID, Secret(password)))

    def test_a_name_with_blanks_is_nobodys(self) -> None:
        """Whatever a store makes of it: it is not even asked."""
        answering = Answering(Accepted(BOB_ID))
        for localpart in ("bob\n", " bob", "bob\0", "b\tob"):
            somebody = UserId(localpart, "example.org")
            store = self.guarded(authenticator=answering, profile=answering)
            asked = under_way(store.authenticator.authenticate(somebody, Secret("x")))
            self.assertEqual(self.successResultOf(asked), NoSuchUser())
            asked = under_way(store.profile.profile(somebody))
            self.assertIsNone(self.successResultOf(asked))

    def test_verdicts_pass(self) -> None:
        """The three verdicts come through as they are."""
        for verdict in (Accepted(BOB_ID), Refused(), NoSuchUser()):
            self.assertEqual(self.successResultOf(self.verdict(verdict)), verdict)

    def test_verdicts_of_no_sense_are_unavailable(self) -> None:
        """Nobody gets in by a store's mistake: no truth value is a verdict."""
        accepted = [Accepted(each) for each in ILLEGAL_IDS]  # type: ignore[arg-type]
        profiles: list[Any] = [None, "Bob", {"display_name": "Bob"}]
        accepted += [Accepted(BOB_ID, profile) for profile in profiles]
        for verdict in (True, 1, None, "yes", Accepted, Refused, BOB_ID, *accepted):
            self.failureResultOf(self.verdict(verdict), StoreUnavailable)

    def test_accepted_may_name_the_user_canonically(self) -> None:
        """The store knows better how the user is called."""
        verdict = Accepted(EVE_ID, Profile("Eve"))
        self.assertEqual(self.successResultOf(self.verdict(verdict)), verdict)

    def test_an_empty_password_is_never_accepted(self) -> None:
        """Even where a store says so."""
        answer = self.verdict(Accepted(BOB_ID), password="")
        self.failureResultOf(answer, StoreUnavailable)


class DirectoryTests(GuardTestCase):
    """Pages are short, and lead to people."""

    def search(self, answer: Any, limit: int = 10) -> "Deferred[DirectoryPage]":
        """Search through the guard."""
        store = self.guarded(directory=Answering(answer))
        return under_way(store.directory.search("b", SearchBy.NAME, limit, BOB_ID))

    def test_a_directory_keeps_to_the_limit(self) -> None:
        """Too many entries are cut and the page says so; illegal ones are dropped."""
        entries = (DirectoryEntry(UserId("", "")),) + (DirectoryEntry(BOB_ID),) * 3
        page = self.successResultOf(self.search(DirectoryPage(entries), 2))
        self.assertEqual(page, DirectoryPage((DirectoryEntry(BOB_ID),), True))

    def test_a_million_entries_are_cut_before_they_are_judged(self) -> None:
        """A flood costs no more than a page."""
        flood: Any = range(10**12)
        page = self.successResultOf(self.search(DirectoryPage(flood), 2))
        self.assertEqual(page, DirectoryPage((), True))
        self.assertEqual(self.warnings()[0]["count"], 2)

    def test_pages_of_no_sense_are_unavailable(self) -> None:
        """A page has a sequence of entries."""
        entries: tuple[Any, ...] = (None, 5, iter(()), {DirectoryEntry(BOB_ID)})
        pages = map(DirectoryPage, entries)
        for answer in (None, [DirectoryEntry(BOB_ID)], {"results": ()}, *pages):
            self.failureResultOf(self.search(answer), StoreUnavailable)

    def test_entries_of_no_sense_are_dropped(self) -> None:
        """One bad line does not spoil the page."""
        good = DirectoryEntry(BOB_ID, "Bob")
        user_ids: tuple[Any, ...] = (None, "x")
        nonsense = (None, "bob", BOB_ID, *map(DirectoryEntry, user_ids))
        entries: Any = (*nonsense, good)
        page = self.successResultOf(self.search(DirectoryPage(entries)))
        self.assertEqual(page, DirectoryPage((good,)))

    def test_names_can_be_shown(self) -> None:
        """No flood, nothing that JSON cannot say; a person without a name is found."""
        for name, shown in (
            ("Bob", "Bob"),
            ("", ""),
            ("x" * 10**6, "x" * NAME_LENGTH),
            ("\ud800", "?"),
            (b"Bob", None),
            (["Bob"], None),
            (5, None),
        ):
            entry = DirectoryEntry(BOB_ID, name)  # type: ignore[arg-type]
            page = self.successResultOf(self.search(DirectoryPage((entry,))))
            self.assertEqual(page.entries, (DirectoryEntry(BOB_ID, shown),))


class ProfileTests(GuardTestCase):
    """Profiles fit a person."""

    def profile(self, answer: Any) -> "Deferred[Profile | None]":
        """Ask for a profile through the guard."""
        store = self.guarded(profile=Answering(answer))
        return under_way(store.profile.profile(BOB_ID))

    def test_good_profiles_pass(self) -> None:
        """As they are; so does their absence."""
        full = Profile("Bob", frozenset([BOB, EVE]), frozenset(["staff"]))
        for answer in (None, Profile(), full):
            self.assertEqual(self.successResultOf(self.profile(answer)), answer)

    def test_profiles_of_no_sense_are_unavailable(self) -> None:
        """Wrong types, and more than a person has."""
        flood = frozenset(ThreePid("employee", str(n)) for n in range(100_000))
        many = frozenset(map(str, range(PROFILE_LIMIT + 1)))
        wrong: list[dict[str, Any]] = [
            {"threepids": flood},
            {"threepids": None},
            {"threepids": "bob@example.org"},
            {"threepids": [BOB]},
            {"roles": many},
            {"roles": "staff"},
            {"roles": frozenset([5])},
            {"roles": frozenset(["x" * 10**6])},
        ]
        answers = [attrs.evolve(Profile("Bob"), **changes) for changes in wrong]
        for answer in ("Bob", {}, False, *answers):
            self.failureResultOf(self.profile(answer), StoreUnavailable)

    def test_illegal_threepids_are_dropped(self) -> None:
        """One bad address does not hide the person; nor does a bad name."""
        threepids: Any = frozenset([BOB, ThreePid("email", "Not Canonical"), "x", 5])
        answer = Profile(5, threepids)  # type: ignore[arg-type]
        profile = self.successResultOf(self.profile(answer))
        self.assertEqual(profile, Profile(None, frozenset([BOB])))
        self.assertEqual(self.warnings()[0]["count"], 3)


class RoomNameTests(GuardTestCase):
    def test_room_names(self) -> None:
        """A text of bearable length or nothing."""
        for answer, shown in (
            ("Room", "Room"),
            (None, None),
            ("x" * 10**6, "x" * NAME_LENGTH),
        ):
            store = self.guarded(room_names=Answering(answer)).room_names
            self.assertEqual(
                self.successResultOf(under_way(store.room_name("!a"))), shown
            )
        store = self.guarded(room_names=Answering(5)).room_names
        self.failureResultOf(under_way(store.room_name("!a")), StoreUnavailable)


class StoreTests(GuardTestCase):
    def test_absent_capabilities_stay_absent(self) -> None:
        """A guard adds nothing."""
        self.assertEqual(guarded(Store(), self.guard), Store())
