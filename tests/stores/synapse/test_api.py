"""Tests of the Admin API store against a server that lies."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mxisd.config.structure import Section
from mxisd.errors import ConfigError, Misconfigured, StoreUnavailable
from mxisd.interfaces import BATCH_LIMIT, Store
from mxisd.model.identifiers import UserId
from mxisd.model.profiles import Profile, SearchBy
from mxisd.model.threepids import EMAIL, MSISDN, IllegalThreePid, ThreePid, canonical
from mxisd.stores.synapse.api.accounts import account, is_person
from mxisd.stores.synapse.api.directory import needle
from mxisd.stores.synapse.api.factory import build, parse
from tests.stores.synapse.fake_admin import (
    NOT_FOUND,
    Answer,
    FakeAdmin,
    always,
    segments,
)

GOOD = {"host": "http://synapse:8008", "token": "hush"}
MAIL = canonical(EMAIL, "alice@example.org")


def user(name: str, *mails: str, **more: Any) -> dict[str, Any]:
    """A user as the Admin API has it."""
    threepids = [{"medium": EMAIL, "address": mail} for mail in mails]
    return {"name": name, "displayname": None, "threepids": threepids, **more}


class ApiCase(SynchronousTestCase):
    """Makes stores around a server that says what the test wants."""

    def store(self, answer: Answer) -> Store:
        """A store, and its server as ``self.admin``."""
        self.admin = FakeAdmin(answer)
        return build(parse(Section(GOOD)), self.admin.tools())

    def lookup(self, store: Store, *threepids: ThreePid) -> dict[ThreePid, str]:
        """User IDs by 3PID."""
        assert store.lookup is not None
        asking: Any = store.lookup.lookup(frozenset(threepids))
        found = self.successResultOf(Deferred.fromCoroutine(asking))
        return {key: str(value) for key, value in found.items()}

    def failure(self, asking: Any, kind: Any = StoreUnavailable) -> Any:
        """The error that a question ends with."""
        return self.failureResultOf(Deferred.fromCoroutine(asking), kind).value


class SettingsTests(SynchronousTestCase):
    def test_defaults(self) -> None:
        """A host and a token are enough; the token is not shown."""
        settings = parse(Section(GOOD))
        self.assertTrue(settings.identity.enabled and settings.identity.lookup)
        self.assertNotIn("hush", repr(settings))

    def test_switches(self) -> None:
        """What is switched off is not there."""
        off = {"enabled": False}
        section = {**GOOD, "identity": off, "directory": off, "profile": off}
        tools = FakeAdmin(always(*NOT_FOUND)).tools()
        store = build(parse(Section(section)), tools)
        for capability in (store.lookup, store.associations, store.directory):
            self.assertIsNone(capability)
        self.assertIsNone(store.profile)
        section = {**GOOD, "identity": {"lookup": False}}
        store = build(parse(Section(section)), tools)
        self.assertIsNone(store.associations)
        self.assertIsNotNone(store.lookup)
        self.assertIsNone(store.authenticator)

    def test_wrong_values(self) -> None:
        """Each is a problem at its key."""
        wrong = {
            "host": ("", "synapse", "ftp://a", "http://", "http://u:p@a", "http://a?b"),
            "token": ("", " ", "a b", "a\r\nX: y", "ü"),
            "timeout": (0, "-1s"),
        }
        for key, values in wrong.items():
            for value in values:
                section = Section({**GOOD, key: value})
                error = self.assertRaises(ConfigError, parse, section)
                self.assertEqual([each.path for each in error.problems], [key])


class AccountTests(SynchronousTestCase):
    def test_people(self) -> None:
        """Suspended users and types of the operator's own are people."""
        for more in ({}, {"suspended": True}, {"user_type": "staff"}, {"admin": True}):
            self.assertTrue(is_person(user("@a:b.c", **more)), more)
        barred: list[dict[str, Any]] = [
            {"deactivated": True},
            {"locked": True},
            {"is_guest": 1},
            {"appservice_id": "bridge"},
            {"user_type": "bot"},
            {"user_type": "support"},
        ]
        for more in barred:
            self.assertFalse(is_person(user("@a:b.c", **more)), more)

    def test_what_makes_no_sense_is_counted(self) -> None:
        """Illegal 3PIDs do not hide legal ones; an illegal user is nobody."""
        known = account(user("@a:b.c", "x@y.z", "none", displayname=5))
        assert known is not None
        self.assertEqual(known.threepids, {canonical(EMAIL, "x@y.z")})
        self.assertEqual((known.illegal, known.display_name), (1, None))
        for name in ("a", "@a", None, 7, "@a:b:c:d"):
            self.assertIsNone(account({"name": name}))
        known = account({"name": "@a:b.c", "threepids": [None, {}, {"medium": []}]})
        assert known is not None
        self.assertEqual(known.illegal, 3)

    def test_needle(self) -> None:
        """Only what Synapse compares whatever the case, and takes literally."""
        for term, expected in (
            ("Alice", "Alice"),
            ("ünal", "nal"),
            ("a%bcd_e", "bcd"),
            ("иван", ""),
            ("a\\bc", "bc"),
            ("%_", ""),
            ("~{`^]x", "~{`^]x"),
        ):
            self.assertEqual(needle(term), expected)


class LookupTests(ApiCase):
    def test_both_spellings_of_a_number(self) -> None:
        """Digits are asked for first, then with a plus."""

        def answer(path: str, args: Any) -> Any:
            if segments(path)[-1] == "+491711234567":
                return 200, {"user_id": "@alice:example.org"}
            return (200, user("@alice:example.org")) if "v2" in path else NOT_FOUND

        store = self.store(answer)
        phone = canonical(MSISDN, "491711234567")
        self.assertEqual(self.lookup(store, phone), {phone: "@alice:example.org"})
        self.assertEqual(len(self.admin.asked), 3)
        self.assertEqual(set(self.admin.tokens), {"Bearer hush"})

    def test_an_owner_is_asked_for_once(self) -> None:
        """However many of the addresses are theirs."""

        def answer(path: str, args: Any) -> Any:
            name = {"user_id": "@a:example.org"}
            return 200, user("@a:example.org") if "v2" in path else name

        store = self.store(answer)
        mails = [canonical(EMAIL, f"m{index}@example.org") for index in range(20)]
        self.assertEqual(len(self.lookup(store, *mails)), 20)
        self.assertEqual(len(self.admin.asked), 21)

    def test_other_mediums_are_not_asked_for(self) -> None:
        """Synapse knows two."""
        store = self.store(always(*NOT_FOUND))
        self.assertEqual(self.lookup(store, ThreePid("..", "..")), {})
        self.assertEqual(self.admin.asked, [])

    def test_answers_that_make_no_sense(self) -> None:
        """They are failures, never an absence."""
        for status, document in (
            (200, []),
            (200, {}),
            (200, {"user_id": 5}),
            (200, b"<html>"),
            (500, {}),
            (502, b"Bad Gateway"),
            (301, b""),
            (429, {"errcode": "M_LIMIT_EXCEEDED"}),
        ):
            store = self.store(always(status, document))
            assert store.lookup is not None
            self.failure(store.lookup.lookup(frozenset([MAIL])))

    def test_a_user_without_a_word_of_3pids(self) -> None:
        """Whoever answers so is no Synapse, and not the user without any."""
        name = "@alice:example.org"
        for answer in (
            {"name": name, "displayname": "Alice"},
            {**user(name), "threepids": None},
            {**user(name), "threepids": {"medium": EMAIL}},
        ):
            store = self.store(always(200, answer))
            assert store.profile is not None
            self.failure(store.profile.profile(UserId.parse(name)))

    def test_what_the_operator_must_mend(self) -> None:
        """The key is named, and neither token nor address are."""
        for status, document, path in (
            (401, {"errcode": "M_UNKNOWN_TOKEN"}, "token"),
            (403, {"errcode": "M_FORBIDDEN"}, "token"),
            (404, {"errcode": "M_UNRECOGNIZED"}, "host"),
            (404, b"<html>", "host"),
        ):
            store = self.store(always(status, document))
            assert store.lookup is not None
            error = self.failure(
                store.lookup.lookup(frozenset([MAIL])), kind=Misconfigured
            )
            self.assertEqual(error.path, path)
            self.assertNotIn("hush", str(error))
            self.assertNotIn("alice", str(error))

    @given(st.text(max_size=40))
    def test_an_address_is_one_segment(self, text: str) -> None:
        """Whatever it holds, the server reads exactly this address."""
        try:
            mail = canonical(EMAIL, f"{text}@example.org")
        except IllegalThreePid:
            return
        store = self.store(always(*NOT_FOUND))
        self.assertEqual(self.lookup(store, mail), {})
        start = ["", "_synapse", "admin", "v1", "threepid", EMAIL, "users"]
        expected = [[*start, spelling] for spelling in mail.spellings]
        self.assertEqual([segments(path) for path in self.admin.asked], expected)


class ListingTests(ApiCase):
    def listed(self, store: Store) -> Any:
        """The listing, and its batches as ``self.batches``."""
        self.batches: list[Sequence[Any]] = []

        async def put(batch: Sequence[Any]) -> None:
            self.batches.append(batch)

        assert store.associations is not None
        return store.associations.associations(put)

    def test_batches(self) -> None:
        """A page with more than a batch is more than one; an empty one is a sign."""
        mails = [f"m{index}@example.org" for index in range(BATCH_LIMIT + 1)]
        pages: dict[str, Any] = {
            "0": {"users": [user("@a:example.org")], "next_token": "7"},
            "7": {"users": [user("@b:example.org")], "next_token": "9"},
            "9": {"users": []},
        }

        def answer(path: str, args: Any) -> Any:
            if "from" in args:
                return 200, pages[args["from"]]
            name = segments(path)[-1]
            return 200, user(name, *(mails if name.startswith("@a") else []))

        store = self.store(answer)
        self.successResultOf(Deferred.fromCoroutine(self.listed(store)))
        self.assertEqual([len(each) for each in self.batches], [BATCH_LIMIT, 1, 0, 0])

    def test_lists_that_make_no_sense(self) -> None:
        """A list that goes in circles, or is none, is not complete."""
        pages: list[dict[str, Any]] = [
            {"users": [], "next_token": "0"},
            {"users": [], "next_token": "x"},
            {"users": [5]},
            {"users": {}},
            {},
        ]
        for page in pages:
            store = self.store(always(200, page))
            self.failure(self.listed(store))

    def test_illegal_users_are_left_out(self) -> None:
        """They are not even asked for."""
        page: Any = {
            "users": [user("nonsense"), user("@b:example.org"), {"name": None}]
        }

        def answer(path: str, args: Any) -> Any:
            if "from" in args:
                return 200, page
            return 200, user("@b:example.org", "b@example.org")

        store = self.store(answer)
        self.successResultOf(Deferred.fromCoroutine(self.listed(store)))
        (batch,) = self.batches
        mail = canonical(EMAIL, "b@example.org")
        self.assertEqual(list(batch), [(mail, UserId("b", "example.org"))])
        self.assertEqual(len(self.admin.asked), 2)


class SearchTests(ApiCase):
    def test_a_search_has_an_end(self) -> None:
        """A server with endless pages is asked for some of them."""

        def answer(path: str, args: Any) -> Any:
            start = int(args["from"])
            users = [user(f"@x{start + i}:example.org") for i in range(200)]
            return 200, {"users": users, "next_token": str(start + 200)}

        store = self.store(answer)
        assert store.directory is not None
        searcher = UserId("me", "example.org")
        asking: Any = store.directory.search("иван", SearchBy.NAME, 10, searcher)
        page = self.successResultOf(Deferred.fromCoroutine(asking))
        self.assertEqual((page.entries, page.limited), ((), True))
        self.assertEqual(len(self.admin.asked), 10)


class ProfileTests(ApiCase):
    @given(st.text(min_size=1, max_size=40))
    def test_a_user_id_is_one_segment(self, text: str) -> None:
        """Whatever it holds, the server reads exactly this user ID."""
        user_id = UserId(text.replace(":", "").replace("\0", ""), "example.org")
        if not _is_encodable(text):
            return
        store = self.store(always(*NOT_FOUND))
        assert store.profile is not None
        asking: Any = store.profile.profile(user_id)
        self.assertIsNone(self.successResultOf(Deferred.fromCoroutine(asking)))
        asked = segments(self.admin.asked[0])
        start = ["", "_synapse", "admin", "v2", "users"]
        self.assertEqual(asked, [*start, str(user_id)])

    def test_users_of_other_servers(self) -> None:
        """They are not asked for."""
        store = self.store(always(200, user("@a:other.org")))
        assert store.profile is not None
        asking: Any = store.profile.profile(UserId("a", "other.org"))
        self.assertIsNone(self.successResultOf(Deferred.fromCoroutine(asking)))
        self.assertEqual(self.admin.asked, [])

    def test_profile(self) -> None:
        """What is told is in canonical form."""
        told = user("@a:example.org", "A@Example.org", displayname="A")
        store = self.store(always(200, told))
        assert store.profile is not None
        asking: Any = store.profile.profile(UserId("a", "example.org"))
        mail = canonical(EMAIL, "a@example.org")
        expected = Profile("A", frozenset([mail]))
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(asking)), expected)


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
