# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""The suites for what is known of users."""

from typing import Any

from mxisd.interfaces import IAuthenticator, IDirectory, IProfile
from mxisd.model.identifiers import UserId
from mxisd.model.login import Accepted, NoSuchUser, Refused
from mxisd.model.profiles import DirectoryEntry, SearchBy
from mxisd.model.secret import Secret
from mxisd.model.threepids import canonical
from mxisd.testing.stores.contract import StoreContract
from mxisd.testing.stores.people import ALICE, BOB, DOMAIN, ODD, PEOPLE, SILENT


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
        """
        A wrong password is refused, however near it is.

        One that has a NUL behind other signs never gets to a store.
        """
        for wrong in (
            *("Wonderland", "wonderland ", "wonderland\n", "wonder", "*", "\0"),
            "\u200bwonderland",
        ):
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

    async def test_what_looks_alike_is_somebody_else(self) -> None:
        """Blanks, control and invisible characters, and other letters all count."""
        for localpart in (
            *("alice\n", " alice", "alice\t", "alice\u2028", "alice\0", "ali\tce"),
            *("ali\u00adce", "alice\u200b", "\uff41lice", "al\u0131ce", "\u00e1lice"),
        ):
            verdict = await self._verdict(UserId(localpart, DOMAIN), "wonderland")
            self.assertEqual(verdict, NoSuchUser(), repr(localpart))

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
