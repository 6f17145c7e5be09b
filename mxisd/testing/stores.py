# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""
What every identity store must do, as tests that a store's author runs.

There is one suite for each capability. Mix it with ``twisted.trial.unittest.TestCase``
and say how a store with given people comes to be::

    class MyLookupTests(ThreePidLookupContract, TestCase):
        async def store_with(self, people):
            ...  # fill the back end, clean up with self.addCleanup
            return factory.build(settings, tools)

Give the store the domain :data:`DOMAIN`. The built-in stores pass the same suites.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from attrs import frozen

from mxisd.errors import StoreUnavailable
from mxisd.interfaces import (
    BATCH_LIMIT,
    IAssociationSource,
    IAuthenticator,
    IDirectory,
    IProfile,
    IThreePidLookup,
    Store,
)
from mxisd.model.identifiers import UserId
from mxisd.model.login import Accepted, NoSuchUser, Refused
from mxisd.model.profiles import DirectoryEntry, SearchBy
from mxisd.model.secret import Secret
from mxisd.model.threepids import EMAIL, MSISDN, ThreePid, canonical

if TYPE_CHECKING:
    from twisted.trial.unittest import TestCase as _TestCase
else:
    _TestCase = object

DOMAIN = "example.org"


@frozen(kw_only=True)
class Person:
    """
    Somebody whom a store shall know.

    :ivar username: The localpart, perhaps with capitals.
    :ivar threepids: Mediums and addresses, spelled as a back end may hold them.
    :ivar roles: A store that has no roles may forget them.
    """

    username: str
    password: str | None = None
    display_name: str | None = None
    threepids: Sequence[tuple[str, str]] = ()
    roles: Sequence[str] = ()

    @property
    def user_id(self) -> UserId:
        """The canonical user ID."""
        return UserId.of(self.username, DOMAIN)


ALICE = Person(
    username="alice",
    password="wonderland",
    display_name="Alice Liddell",
    threepids=[
        (EMAIL, "Alice@Example.ORG"),
        (EMAIL, "second@example.org"),
        (MSISDN, "+49 171 1234567"),
    ],
    roles=["staff"],
)
BOB = Person(
    username="Bob",
    password="bücher (*)\\",
    display_name="Bob Ünal",
    threepids=[(EMAIL, "bob@example.org"), (MSISDN, "+493012345678")],
)
SILENT = Person(username="silent", display_name="Silent One")
ODD = Person(
    username="Jörg (ünal)",
    password="hush",
    display_name="Jörg Ünal",
    threepids=[(EMAIL, "joerg@example.org")],
)
"""Somebody whose name cannot be a localpart as it stands."""
PEOPLE = (ALICE, BOB, SILENT)

ALICE_MAIL = canonical(EMAIL, "alice@example.org")
ALICE_PHONE = canonical(MSISDN, "491711234567")
BOB_MAIL = canonical(EMAIL, "bob@example.org")
NOBODY_MAIL = canonical(EMAIL, "nobody@example.org")


class StoreContract(_TestCase):
    """What all suites need."""

    takes_any_name = True
    """Whether the back end may know users by names that are no localparts."""

    async def store_with(self, people: Sequence[Person]) -> Store:
        """
        Give a store that knows exactly these people; override this.

        Whatever it starts must end by ``self.addCleanup``.
        """
        raise NotImplementedError

    async def _lookup(self, people: Sequence[Person] = PEOPLE) -> IThreePidLookup:
        lookup: IThreePidLookup = self._capability(
            await self.store_with(people), "lookup"
        )
        return lookup

    def _capability(self, store: Store, name: str) -> Any:
        capability = getattr(store, name)
        self.assertIsNotNone(capability, f"the store has no {name}")
        return capability


class ThreePidLookupContract(StoreContract):
    """For :class:`IThreePidLookup`."""

    async def test_lookup_finds_who_is_there(self) -> None:
        """Several 3PIDs, of one person or many, are found at once."""
        lookup = await self._lookup()
        found = await lookup.lookup(frozenset([ALICE_MAIL, ALICE_PHONE, BOB_MAIL]))
        self.assertEqual(
            dict(found),
            {
                ALICE_MAIL: ALICE.user_id,
                ALICE_PHONE: ALICE.user_id,
                BOB_MAIL: BOB.user_id,
            },
        )

    async def test_lookup_finds_every_address_of_a_person(self) -> None:
        """A second address is as good as the first."""
        lookup = await self._lookup()
        second = canonical(EMAIL, "second@example.org")
        found = await lookup.lookup(frozenset([second]))
        self.assertEqual(dict(found), {second: ALICE.user_id})

    async def test_lookup_leaves_out_who_is_absent(self) -> None:
        """An unknown 3PID is left out and does not disturb the others."""
        lookup = await self._lookup()
        found = await lookup.lookup(frozenset([NOBODY_MAIL, BOB_MAIL]))
        self.assertEqual(dict(found), {BOB_MAIL: BOB.user_id})

    async def test_lookup_keeps_mediums_apart(self) -> None:
        """An address counts only in its medium, and an unknown medium is no error."""
        lookup = await self._lookup()
        strange = frozenset(
            [ThreePid("strange", "alice@example.org"), ThreePid("strange", "alice")]
        )
        self.assertEqual(dict(await lookup.lookup(strange)), {})

    async def test_lookup_takes_metacharacters_literally(self) -> None:
        """Wildcards and quotes of any query language find nobody."""
        lookup = await self._lookup()
        hostile = ["*@example.org", "*@*", "%@example.org", "a'or'1'='1@x", ")(|@x"]
        asked = frozenset(canonical(EMAIL, text) for text in hostile)
        self.assertEqual(dict(await lookup.lookup(asked)), {})

    async def test_lookup_of_many_finds_the_few(self) -> None:
        """A thousand addresses in one question are no trouble."""
        lookup = await self._lookup()
        many = [canonical(EMAIL, f"nobody{i}@example.org") for i in range(1000)]
        found = await lookup.lookup(frozenset([*many, ALICE_MAIL]))
        self.assertEqual(dict(found), {ALICE_MAIL: ALICE.user_id})

    async def test_lookup_of_nothing_finds_nothing(self) -> None:
        """No question, no answer."""
        lookup = await self._lookup()
        self.assertEqual(dict(await lookup.lookup(frozenset())), {})

    async def test_lookup_escapes_names(self) -> None:
        """A name that cannot be a localpart is escaped in the user ID."""
        if self.takes_any_name:
            lookup = await self._lookup([ODD])
            mail = canonical(EMAIL, "joerg@example.org")
            found = await lookup.lookup(frozenset([mail]))
            self.assertEqual(dict(found), {mail: ODD.user_id})


class AssociationSourceContract(StoreContract):
    """For :class:`IAssociationSource`."""

    async def test_listing_is_complete(self) -> None:
        """Every address of everybody is listed in canonical form, and no other."""
        listed = await self._listed(PEOPLE)
        expected = [
            (canonical(medium, address), person.user_id)
            for person in PEOPLE
            for medium, address in person.threepids
        ]
        self.assertEqual(sorted(listed, key=str), sorted(expected, key=str))

    async def test_listing_comes_in_batches(self) -> None:
        """No batch is over the limit, and a long list is complete."""
        crowd = [
            Person(
                username=f"p{index}",
                threepids=[
                    (EMAIL, f"p{index}@example.org"),
                    (EMAIL, f"q{index}@x.org"),
                ],
            )
            for index in range(BATCH_LIMIT)
        ]
        listed = await self._listed(crowd)
        self.assertEqual(len({threepid for threepid, _ in listed}), 2 * BATCH_LIMIT)

    async def test_failing_receiver_ends_the_listing(self) -> None:
        """What the receiver raises reaches the caller; no further batch is put."""
        source: IAssociationSource = self._capability(
            await self.store_with(PEOPLE), "associations"
        )
        calls = []

        async def put(batch: Sequence[tuple[ThreePid, UserId]]) -> None:
            calls.append(batch)
            raise RuntimeError("the receiver is full")

        with self.assertRaises(Exception):  # noqa: B017
            await source.associations(put)
        self.assertEqual(len(calls), 1)

    async def _listed(self, people: Sequence[Person]) -> list[tuple[ThreePid, UserId]]:
        source: IAssociationSource = self._capability(
            await self.store_with(people), "associations"
        )
        listed: list[tuple[ThreePid, UserId]] = []

        async def put(batch: Sequence[tuple[ThreePid, UserId]]) -> None:
            self.assertLessEqual(len(batch), BATCH_LIMIT)
            listed.extend(batch)

        await source.associations(put)
        return listed


class AuthenticatorContract(StoreContract):
    """For :class:`IAuthenticator`."""

    can_tell_unknown_users = True
    """Whether the store can tell a wrong password from an unknown user."""

    async def test_right_password_is_accepted(self) -> None:
        """The right password is accepted under the canonical user ID."""
        verdict = await self._verdict(ALICE.user_id, "wonderland")
        assert isinstance(verdict, Accepted)
        self.assertEqual(verdict.user_id, ALICE.user_id)

    async def test_capitals_in_a_user_id_do_not_matter(self) -> None:
        """A historical spelling logs in, and the canonical user ID is answered."""
        for localpart in ("BOB", "bob", "Bob"):
            verdict = await self._verdict(UserId(localpart, DOMAIN), "bücher (*)\\")
            assert isinstance(verdict, Accepted), localpart
            self.assertEqual(verdict.user_id, BOB.user_id)

    async def test_wrong_password_is_refused(self) -> None:
        """A wrong password is refused, however near it is."""
        for wrong in ("Wonderland", "wonderland ", "wonder", "*", "\0"):
            self._assert_refused(await self._verdict(ALICE.user_id, wrong))

    async def test_empty_password_is_refused(self) -> None:
        """An empty password is never accepted, whoever tries."""
        for person in PEOPLE:
            self._assert_no(await self._verdict(person.user_id, ""))

    async def test_user_without_password_cannot_log_in(self) -> None:
        """Where the store holds no password, none is right."""
        self._assert_no(await self._verdict(SILENT.user_id, "anything"))

    async def test_unknown_user_is_left_to_other_stores(self) -> None:
        """Who is not in the store may be in the next one."""
        nobody = UserId("nobody", DOMAIN)
        self.assertEqual(await self._verdict(nobody, "wonderland"), NoSuchUser())

    async def test_user_of_another_server_is_unknown(self) -> None:
        """A localpart counts only together with our own domain."""
        foreign = UserId("alice", "elsewhere.example.net")
        self.assertEqual(await self._verdict(foreign, "wonderland"), NoSuchUser())

    async def test_escaped_names_lead_back(self) -> None:
        """Who has an escaped user ID logs in by it, and nobody else does."""
        if self.takes_any_name:
            store = await self.store_with([ODD])
            authenticator = self._capability(store, "authenticator")
            for user_id in (ODD.user_id, UserId(ODD.username, DOMAIN)):
                verdict = await authenticator.authenticate(user_id, Secret("hush"))
                assert isinstance(verdict, Accepted), user_id
                self.assertEqual(verdict.user_id, ODD.user_id)

    async def test_metacharacters_in_a_user_id_find_nobody(self) -> None:
        """A user ID is never a pattern."""
        for localpart in ("*", "a*", "alice)(uid=*", "%", "alice'--", "al\\69ce"):
            verdict = await self._verdict(UserId(localpart, DOMAIN), "wonderland")
            self.assertEqual(verdict, NoSuchUser(), localpart)

    async def _verdict(self, user_id: UserId, password: str) -> Any:
        authenticator = await self._authenticator()
        return await authenticator.authenticate(user_id, Secret(password))

    async def _authenticator(self) -> IAuthenticator:
        if not hasattr(self, "_known"):
            self._known = self._capability(
                await self.store_with(PEOPLE), "authenticator"
            )
        known: IAuthenticator = self._known
        return known

    def _assert_refused(self, verdict: Any) -> None:
        expected = Refused() if self.can_tell_unknown_users else NoSuchUser()
        self.assertEqual(verdict, expected)

    def _assert_no(self, verdict: Any) -> None:
        self.assertIsInstance(verdict, Refused | NoSuchUser)


class DirectoryContract(StoreContract):
    """For :class:`IDirectory`."""

    async def test_search_finds_part_of_a_name(self) -> None:
        """Any part of a display name is enough, whatever the case."""
        for term in ("liddell", "LIDD", "ice Lid"):
            self.assertEqual(await self._hits(term), {ALICE.user_id})

    async def test_search_finds_unicode_whatever_the_case(self) -> None:
        """Letters outside ASCII have capitals, too."""
        self.assertEqual(await self._hits("ÜNAL"), {BOB.user_id})

    async def test_search_answers_display_names(self) -> None:
        """A hit comes with its display name."""
        page = await self._page("liddell", SearchBy.NAME, 10)
        expected = DirectoryEntry(ALICE.user_id, "Alice Liddell")
        self.assertEqual(list(page.entries), [expected])

    async def test_search_by_3pid(self) -> None:
        """Part of an address is enough, and names do not count."""
        self.assertEqual(
            await self._hits("second@", SearchBy.THREEPID), {ALICE.user_id}
        )
        self.assertEqual(await self._hits("liddell", SearchBy.THREEPID), set())

    async def test_search_says_when_it_was_limited(self) -> None:
        """No more than the limit, and the page says that there was more."""
        page = await self._page("@example.org", SearchBy.THREEPID, 1)
        self.assertEqual((len(page.entries), page.limited), (1, True))
        page = await self._page("@example.org", SearchBy.THREEPID, 2)
        self.assertEqual((len(page.entries), page.limited), (2, False))

    async def test_search_takes_metacharacters_literally(self) -> None:
        """A term is never a pattern."""
        for term in ("*", "%", "_", ")(cn=*", "'"):
            self.assertEqual(await self._hits(term), set(), term)

    async def _hits(self, term: str, by: SearchBy = SearchBy.NAME) -> set[UserId]:
        return {entry.user_id for entry in (await self._page(term, by, 10)).entries}

    async def _page(self, term: str, by: SearchBy, limit: int) -> Any:
        if not hasattr(self, "_known"):
            self._known = self._capability(await self.store_with(PEOPLE), "directory")
        directory: IDirectory = self._known
        return await directory.search(term, by, limit, ALICE.user_id)


class ProfileContract(StoreContract):
    """For :class:`IProfile`."""

    has_roles = True
    """Whether the store knows roles."""

    async def test_profile_tells_what_is_known(self) -> None:
        """Display name, every 3PID and the roles of a user are told."""
        profile = await self._profile(ALICE.user_id)
        threepids = frozenset(canonical(*each) for each in ALICE.threepids)
        self.assertEqual(profile.display_name, "Alice Liddell")
        self.assertEqual(profile.threepids, threepids)
        if self.has_roles:
            self.assertEqual(profile.roles, frozenset(["staff"]))

    async def test_profile_may_be_poor(self) -> None:
        """Who has a name only has a profile with a name only."""
        profile = await self._profile(SILENT.user_id)
        self.assertEqual(profile.display_name, "Silent One")
        self.assertEqual(profile.threepids, frozenset())
        self.assertEqual(profile.roles, frozenset())

    async def test_escaped_names_have_a_profile(self) -> None:
        """The user ID with escapes leads to the name in the back end."""
        if self.takes_any_name:
            profile: IProfile = self._capability(
                await self.store_with([ODD]), "profile"
            )
            found = await profile.profile(ODD.user_id)
            self.assertEqual(found and found.display_name, ODD.display_name)

    async def test_profile_of_nobody(self) -> None:
        """There is no profile of who is not in the store."""
        self.assertIsNone(await self._profile(UserId("nobody", DOMAIN)))
        self.assertIsNone(await self._profile(UserId("alice", "elsewhere.example.net")))

    async def _profile(self, user_id: UserId) -> Any:
        store = await self.store_with(PEOPLE)
        profile: IProfile = self._capability(store, "profile")
        return await profile.profile(user_id)


class OutageContract(StoreContract):
    """For stores whose back end may be away: nothing counts as absent then."""

    async def store_without_backend(self) -> Store:
        """Give a store that knew :data:`PEOPLE` before its back end went away."""
        raise NotImplementedError

    async def test_outage_is_no_absence(self) -> None:
        """Each capability says that it could not answer."""
        store = await self.store_without_backend()
        for name, ask in _questions(store).items():
            with self.assertRaises(StoreUnavailable, msg=name):
                await ask()


def _questions(store: Store) -> dict[str, Any]:
    """One question to each capability that the store has."""

    async def put(batch: Sequence[tuple[ThreePid, UserId]]) -> None:
        """Take it."""

    who, term = ALICE.user_id, ("alice", SearchBy.NAME, 10, ALICE.user_id)
    questions: dict[str, Any] = {}
    if (lookup := store.lookup) is not None:
        questions["lookup"] = lambda: lookup.lookup(frozenset([ALICE_MAIL]))
    if (source := store.associations) is not None:
        questions["associations"] = lambda: source.associations(put)
    if (login := store.authenticator) is not None:
        questions["authenticator"] = lambda: login.authenticate(who, Secret("secret"))
    if (directory := store.directory) is not None:
        questions["directory"] = lambda: directory.search(*term)
    if (profile := store.profile) is not None:
        questions["profile"] = lambda: profile.profile(who)
    return questions
