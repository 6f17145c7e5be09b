"""Tests of the user directory and of profiles."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs, formatEvent

from mxisd.interfaces import Store
from mxisd.model.identifiers import UserId
from mxisd.model.profiles import DirectoryPage, SearchBy
from mxisd.model.threepids import EMAIL, canonical
from mxisd.testing.stores import ALICE, DOMAIN
from tests.stores.firebase.stores import FirebaseCase


class DirectoryTests(FirebaseCase):
    """Searches in the list of accounts."""

    def search(self, store: Store, term: str, by: SearchBy = SearchBy.NAME) -> Any:
        """The page."""
        assert store.directory is not None
        return store.directory.search(term, by, 10, ALICE.user_id)

    def hits(self, store: Store, term: str, by: SearchBy = SearchBy.NAME) -> list[str]:
        """The localparts found."""
        page: DirectoryPage = self.result(self.search(store, term, by))
        return [entry.user_id.localpart for entry in page.entries]

    def test_one_list_for_many_searches(self) -> None:
        """It is read once, and again when it is old, meanwhile the old one serves."""
        store = self.store(directory={"refresh": 100})
        self.assertEqual(self.hits(store, "liddell"), ["alice"])
        self.google.users.append({"localId": "tom", "displayName": "Tom Liddell"})
        self.clock.advance(99)
        self.assertEqual(self.hits(store, "liddell"), ["alice"])
        self.assertEqual(self.google.asked.count("batchGet"), 1)
        self.clock.advance(1)
        self.assertEqual(self.hits(store, "liddell"), ["alice"])
        self.assertEqual(self.hits(store, "liddell"), ["alice", "tom"])
        self.assertEqual(self.google.asked.count("batchGet"), 2)

    def test_outage(self) -> None:
        """The old list serves for a while, and then the store cannot answer."""
        store = self.store(directory={"refresh": 100})
        self.hits(store, "liddell")
        self.google.mood = "500"
        self.clock.advance(299)
        self.assertEqual(self.hits(store, "liddell"), ["alice"])
        self.clock.advance(1)
        self.unavailable(self.search(store, "liddell"))
        self.google.mood = "well"
        self.assertEqual(self.hits(store, "liddell"), ["alice"])

    def test_impatience(self) -> None:
        """Who leaves does not end the reading; it ends with the server."""
        store = self.store()
        self.google.mood = "hang"
        first, second = (self.begun(self.search(store, "x")) for _ in range(2))
        first.cancel()
        self.failureResultOf(first)
        self.assertNoResult(second)
        self.assertEqual(self.google.asked, ["token"])
        assert store.service is not None
        store.service.startService()
        store.service.stopService()
        self.failureResultOf(second)

    def begun(self, coroutine: Any) -> Any:
        """A question under way."""

        return Deferred.fromCoroutine(coroutine)

    def test_limit(self) -> None:
        """More accounts than the limit are not kept; each page and the log say so."""
        self.google.users = [
            {"localId": f"p{i}", "displayName": f"P {i}"} for i in range(9)
        ]
        store = self.store(directory={"limit": 3})
        with capturedLogs() as log:
            page: DirectoryPage = self.result(self.search(store, "p"))
        self.assertEqual((len(page.entries), page.limited), (3, True))
        (line,) = (formatEvent(event) for event in log)
        self.assertIn("more than 3 accounts", line)

    def test_who_appears(self) -> None:
        """Neither disabled accounts nor those without a legal user ID."""
        self.google.users = [
            {"localId": "off", "displayName": "Ann Off", "disabled": True},
            {"localId": "a:b", "displayName": "Ann Odd"},
            {"localId": "ANN", "displayName": "Ann"},
        ]
        self.assertEqual(self.hits(self.store(), "ann"), ["ann"])

    def test_phone_numbers(self) -> None:
        """Three digits are enough, however they are written."""
        store = self.store()
        for term in ("+49 (171)", "1711234", "171-123"):
            self.assertEqual(self.hits(store, term, SearchBy.THREEPID), ["alice"])
        for term in ("(9)", "+", "  ", "\0", "a" * 600):
            self.assertEqual(self.hits(store, term, SearchBy.THREEPID), [])

    def test_switched_off(self) -> None:
        """``directory.enabled: false`` leaves it out."""
        self.assertIsNone(self.store(directory={"enabled": False}).directory)


class ProfileTests(FirebaseCase):
    """What an account tells."""

    def profile(self, store: Store, localpart: str) -> Any:
        """A profile."""
        assert store.profile is not None
        return self.result(store.profile.profile(UserId(localpart, DOMAIN)))

    def roles(self, claims: object) -> set[str]:
        """The roles in custom claims."""
        self.google.users = [{"localId": "ann", "customAttributes": claims}]
        return set(self.profile(self.store(), "ann").roles)

    def test_roles(self) -> None:
        """A list, a text, or keys that are true; nonsense is nothing."""
        self.assertEqual(self.roles('{"roles": ["a", "b", 5, ""]}'), {"a", "b"})
        self.assertEqual(self.roles('{"roles": "a"}'), {"a"})
        self.assertEqual(self.roles('{"roles": {"a": true, "b": false}}'), {"a"})
        for nonsense in ("", "{", "[]", '{"roles": 5}', '{"roles": null}', 5, None):
            self.assertEqual(self.roles(nonsense), set())

    def test_addresses_of_providers(self) -> None:
        """They belong to the profile, unless they must be verified."""
        self.google.users = [
            {
                "localId": "ann",
                "email": "ann@x",
                "emailVerified": True,
                "providerUserInfo": [{"email": "ann@y"}, 5, {"phoneNumber": "123"}],
            }
        ]
        both = frozenset([canonical(EMAIL, "ann@x"), canonical(EMAIL, "ann@y")])
        profile = self.profile(self.store(), "ann")
        self.assertEqual(profile.threepids, both)
        profile = self.profile(self.store(onlyVerified=True), "ann")
        self.assertEqual(profile.threepids, frozenset([canonical(EMAIL, "ann@x")]))

    def test_account_with_capitals(self) -> None:
        """The list tells how it is called; what is told is as of now."""
        self.google.users = [{"localId": "ZkS3", "displayName": "Then"}]
        store = self.store()
        self.assertEqual(self.profile(store, "zks3").display_name, "Then")
        self.google.users = [{"localId": "ZkS3", "displayName": "Now"}]
        self.assertEqual(self.profile(store, "zks3").display_name, "Now")
        self.google.users = [{"localId": "ZkS3", "disabled": True}]
        self.assertIsNone(self.profile(store, "zks3"))

    def test_more_accounts_than_are_kept(self) -> None:
        """Who may be among the others is not told to be absent."""
        self.google.users = [{"localId": f"P{i}"} for i in range(9)]
        store = self.store(directory={"limit": 3})
        self.assertIsNotNone(self.profile(store, "p1"))
        assert store.profile is not None
        self.unavailable(store.profile.profile(UserId("p7", DOMAIN)))

    def test_nobody(self) -> None:
        """Illegal localparts and other servers cost no question."""
        store = self.store()
        self.assertIsNone(self.profile(store, "a b"))
        assert store.profile is not None
        foreign = store.profile.profile(UserId("alice", "x.org"))
        self.assertIsNone(self.result(foreign))
        self.assertEqual(self.google.asked, [])
