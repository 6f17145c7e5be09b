"""Tests of the REST store's capabilities against a back end in memory."""

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from mxisd.errors import Misconfigured, StoreUnavailable
from mxisd.interfaces import Store
from mxisd.model.identifiers import UserId
from mxisd.model.login import Accepted, NoSuchUser, Refused
from mxisd.model.profiles import DirectoryEntry, DirectoryPage, Profile, SearchBy
from mxisd.model.secret import Secret
from mxisd.model.threepids import ThreePid, canonical
from mxisd.resolver.answers import legal_threepid, legal_user_id
from mxisd.stores.rest.settings import (
    EndpointSettings,
    IdentityEndpoints,
    ProfileEndpoints,
)
from mxisd.testing.stores import DOMAIN
from tests.stores.rest.doubles import FakeBackend, outcome

ALICE = UserId("alice", DOMAIN)
BOB = UserId("bob", DOMAIN)
MAIL = canonical("email", "alice@example.org")
PASSWORD = Secret("wonderland")
SINGLE = EndpointSettings(identity=IdentityEndpoints(bulk=""))

TEXTS = st.text(max_size=20) | st.sampled_from(
    ["'", '"', "\\", "%", "%TOKEN%", "{token}", "\0", "\r\nX: y", "&<>", "\u2028"]
)
SMALL = st.none() | st.booleans() | st.integers() | TEXTS
IDS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["localpart", "MXID", "uid"]) | SMALL,
        "value": st.sampled_from(["alice", "@Bob:example.org", "a b"]) | SMALL,
    },
)
ITEMS = st.fixed_dictionaries(
    {},
    optional={
        "medium": st.sampled_from(["email", "msisdn"]) | SMALL,
        "address": st.sampled_from(["alice@example.org", "+49 1"]) | SMALL,
        "id": IDS | SMALL,
        "user_id": st.sampled_from(["alice", "@Bob:example.org"]) | SMALL,
        "display_name": SMALL,
    },
)
LISTS = st.lists(ITEMS | SMALL, max_size=4) | SMALL | ITEMS
PARTS = st.fixed_dictionaries(
    {},
    optional={
        "success": SMALL,
        "known": SMALL,
        "id": IDS | SMALL,
        "display_name": SMALL,
        "threepids": LISTS,
        "three_pids": LISTS,
        "roles": LISTS,
        "profile": st.fixed_dictionaries({}, optional={"three_pids": LISTS}) | SMALL,
    },
)
ANSWERS = SMALL | st.fixed_dictionaries(
    {},
    optional={
        "lookup": LISTS,
        "associations": LISTS,
        "next_cursor": st.none() | SMALL,
        "auth": PARTS | SMALL,
        "profile": PARTS | SMALL,
        "results": LISTS,
        "limited": SMALL,
    },
)


class StoreCase(SynchronousTestCase):
    """Asks a store of a back end in memory."""

    def setUp(self) -> None:
        """Make both."""
        self.backend = FakeBackend()
        self.store = self.backend.store()

    def looked_up(self, *threepids: ThreePid, store: Store | None = None) -> Any:
        """What a lookup finds."""
        lookup = (store or self.store).lookup
        assert lookup is not None
        return outcome(lookup.lookup(frozenset(threepids)))

    def verdict(self, user_id: UserId = ALICE, password: Secret = PASSWORD) -> Any:
        """What a login comes to."""
        assert self.store.authenticator is not None
        return outcome(self.store.authenticator.authenticate(user_id, password))

    def page(self, term: str = "ali", limit: int = 10) -> DirectoryPage:
        """What a search finds."""
        assert self.store.directory is not None
        by = SearchBy.NAME
        return outcome(self.store.directory.search(term, by, limit, BOB))

    def profile(self, user_id: UserId = ALICE, store: Store | None = None) -> Any:
        """What is told about a user."""
        profile = (store or self.store).profile
        assert profile is not None
        return outcome(profile.profile(user_id))

    def listed(self) -> Sequence[tuple[ThreePid, UserId]]:
        """What is listed."""
        assert self.store.associations is not None
        pairs: list[tuple[ThreePid, UserId]] = []

        async def put(batch: Sequence[tuple[ThreePid, UserId]]) -> None:
            pairs.extend(batch)

        outcome(self.store.associations.associations(put))
        return pairs


class LookupTests(StoreCase):
    def test_kinds_of_ids(self) -> None:
        """Localparts are completed, user IDs are taken; the type's case is free."""
        for kind, value, found in (
            ("localpart", "Alice", ALICE),
            ("LOCALPART", " alice ", ALICE),
            ("mxid", "@Alice:example.org", ALICE),
            ("MxId", "@a:b.example.net", UserId("a", "b.example.net")),
            ("mxid", "alice", None),
            ("localpart", "@alice:example.org", None),
            ("localpart", "a b", UserId("a=20b", "example.org")),
            ("localpart", "a\nb", None),
            ("uid", "alice", None),
            ("", "alice", None),
        ):
            item = {**_item(MAIL), "id": {"type": kind, "value": value}}
            self.backend.answer = {"lookup": [item]}
            expected = {} if found is None else {MAIL: found}
            self.assertEqual(self.looked_up(MAIL), expected, (kind, value))
            self.backend.answer = {"lookup": item}
            single = self.backend.store(endpoints=SINGLE)
            self.assertEqual(self.looked_up(MAIL, store=single), expected)

    def test_only_what_was_asked_counts(self) -> None:
        """And of two answers to one question the first one."""
        asked = canonical("email", "strauß@example.org")
        self.backend.answer = {
            "lookup": [
                {**_item(MAIL), "id": _localpart("mallory")},
                {"medium": "email", "address": "STRAUSS@Example.org", "id": _A},
                {"medium": "email", "address": "strauß@example.org", "id": _B},
            ]
        }
        self.assertEqual(self.looked_up(asked), {asked: ALICE})
        single = self.backend.store(endpoints=SINGLE)
        self.backend.answer = {"lookup": {**_item(MAIL), "id": _A}}
        self.assertEqual(self.looked_up(asked, store=single), {})

    def test_short_single_answers(self) -> None:
        """The ID is enough; nothing, and an empty object, are absence."""
        single = self.backend.store(endpoints=SINGLE)
        for answer, expected in (
            ({"lookup": {"id": _A}}, {MAIL: ALICE}),
            ({"lookup": {}}, {}),
            ({"lookup": None}, {}),
            ({}, {}),
            ({"lookup": _item(MAIL)}, {}),
        ):
            self.backend.answer = answer
            self.assertEqual(self.looked_up(MAIL, store=single), expected)

    def test_nobody_in_other_languages(self) -> None:
        """What Go and PHP make of an empty list, or object, is nobody."""
        single = self.backend.store(endpoints=SINGLE)
        answers: list[Any] = [None, {}, [], {"lookup": None}, {"lookup": {}}]
        for answer in (*answers, {"lookup": []}):
            self.backend.answer = answer
            self.assertEqual(self.looked_up(MAIL), {}, answer)
            self.assertEqual(self.looked_up(MAIL, store=single), {}, answer)

    def test_an_empty_list_of_everybody(self) -> None:
        """It is a list all the same."""
        answers: tuple[Any, ...] = (None, [], {})
        for answer in answers:
            self.backend.answer = {"associations": answer}
            self.assertEqual(self.listed(), [])

    def test_what_is_not_nobody(self) -> None:
        """An answer without what was asked for may be an error of its own kind."""
        single = self.backend.store(endpoints=SINGLE)
        wrong: list[Any] = ["", 0, False, "nobody", [1], {"error": "down"}]
        for answer in (*wrong, {"lookup": 0}, {"lookup": ""}, {"lookup": False}):
            self.backend.answer = answer
            for store in (self.store, single):
                with self.assertRaises(StoreUnavailable):
                    self.looked_up(MAIL, store=store)

    def test_numbers_as_ids(self) -> None:
        """A user may be called by a number; true is none."""
        single = self.backend.store(endpoints=SINGLE)
        for value, found in ((12345, {MAIL: UserId("12345", DOMAIN)}), (True, {})):
            item = {**_item(MAIL), "id": _localpart(value)}
            self.backend.answer = {"lookup": [item]}
            self.assertEqual(self.looked_up(MAIL), found)
            self.backend.answer = {"lookup": item}
            self.assertEqual(self.looked_up(MAIL, store=single), found)
            self.backend.answer = {"associations": [item]}
            self.assertEqual(dict(self.listed()), found)
        self.backend.answer = {"results": [{"user_id": 7}, {"user_id": True}]}
        found_entry = DirectoryEntry(UserId("7", DOMAIN))
        self.assertEqual(self.page().entries, (found_entry,))
        self.backend.answer = {"auth": {"success": True, "id": _localpart(7)}}
        self.assertEqual(self.verdict(), Accepted(UserId("7", DOMAIN)))

    def test_a_mark_before_the_answer(self) -> None:
        """Some write a BOM, which means nothing."""
        self.backend.mark = b"\xef\xbb\xbf"
        self.backend.answer = {"lookup": [{**_item(MAIL), "id": _A}]}
        self.assertEqual(self.looked_up(MAIL), {MAIL: ALICE})

    def test_bad_items_are_counted(self) -> None:
        """They disturb nobody; the log has their number and no address."""
        good = {**_item(MAIL), "id": _A}
        self.backend.answer = {"lookup": [None, {"id": _A}, good, {**good, "id": 1}]}
        with capturedLogs() as events:
            self.assertEqual(self.looked_up(MAIL), {MAIL: ALICE})
        (line,) = [formatEvent(event) for event in events if "count" in event]
        self.assertIn("3 entries", line)
        self.assertNotIn(MAIL.address, line)

    def test_nothing_is_asked_about_nothing(self) -> None:
        """No question, no request."""
        self.assertEqual(self.looked_up(), {})
        self.assertEqual(self.backend.questions, [])


class LoginTests(StoreCase):
    def test_verdicts(self) -> None:
        """A refusal is final only if the back end knows the user."""
        for answer, verdict in (
            ({"success": False}, NoSuchUser()),
            ({"success": False, "known": False}, NoSuchUser()),
            ({"success": False, "known": 1}, NoSuchUser()),
            ({"success": False, "known": True}, Refused()),
            ({"success": True}, Accepted(ALICE)),
            ({"success": True, "id": None, "profile": None}, Accepted(ALICE)),
            ({"success": True, "id": _localpart("Bob")}, Accepted(BOB)),
            ({"success": True, "known": False, "profile": {}}, Accepted(ALICE)),
            ({"success": True, "profile": []}, Accepted(ALICE)),
        ):
            self.backend.answer = {"auth": answer}
            self.assertEqual(self.verdict(), verdict, answer)

    def test_what_is_no_verdict(self) -> None:
        """Nothing at all is no answer to a password."""
        wrong: list[Any] = [None, {}, [], {"auth": "no"}, {"auth": {"known": True}}]
        wrong += [{"auth": None}, {"auth": {}}, {"auth": []}]
        for answer in wrong:
            self.backend.answer = answer
            with self.assertRaises(StoreUnavailable):
                self.verdict()

    def test_user_without_id_in_the_answer(self) -> None:
        """It is the one who was asked about, in lower case."""
        self.backend.answer = {"auth": {"success": True}}
        self.assertEqual(self.verdict(UserId("ALICE", DOMAIN)), Accepted(ALICE))

    def test_profile(self) -> None:
        """What is illegal in it is left out."""
        profile = {"display_name": " ", "three_pids": [_item(MAIL), 5, {"medium": "a"}]}
        self.backend.answer = {"auth": {"success": True, "profile": profile}}
        expected = Accepted(ALICE, Profile(None, frozenset([MAIL])))
        self.assertEqual(self.verdict(), expected)

    def test_what_is_never_asked(self) -> None:
        """Empty passwords, and users of other servers."""
        self.backend.answer = {"auth": {"success": True}}
        self.assertEqual(self.verdict(password=Secret("")), Refused())
        foreign = UserId("alice", "elsewhere.example.net")
        self.assertEqual(self.verdict(foreign), NoSuchUser())
        self.assertEqual(self.backend.questions, [])


class DirectoryTests(StoreCase):
    def test_kinds_of_ids(self) -> None:
        """A user is told by localpart or by user ID, and counts once."""
        self.backend.answer = {
            "limited": False,
            "results": [
                {"user_id": "Alice", "display_name": "Alice", "avatar_url": "mxc://x"},
                {"user_id": "@alice:example.org", "display_name": "Again"},
                {"user_id": "@carol:elsewhere.example.net"},
                {"user_id": "bob", "display_name": ["x"]},
                {"user_id": "a\nb"},
                {"display_name": "Nobody"},
                None,
            ],
        }
        carol = UserId("carol", "elsewhere.example.net")
        entries = [DirectoryEntry(ALICE, "Alice"), DirectoryEntry(carol)]
        self.assertEqual(
            self.page(), DirectoryPage((*entries, DirectoryEntry(BOB)), False)
        )

    def test_limits(self) -> None:
        """Servers that know no limit are cut; others say that they did it."""
        results = [{"user_id": "alice"}, {"user_id": "bob"}]
        for is_limited, limit, expected in (
            (False, 1, (1, True)),
            (False, 2, (2, False)),
            (True, 2, (2, True)),
            ("yes", 2, (2, False)),
        ):
            self.backend.answer = {"limited": is_limited, "results": results}
            page = self.page(limit=limit)
            self.assertEqual((len(page.entries), page.limited), expected)

    def test_nobody(self) -> None:
        """Whatever language an empty page comes from; an error is none."""
        answers: list[Any] = [None, {}, [], {"results": None}, {"results": {}}]
        for answer in answers:
            self.backend.answer = answer
            self.assertEqual(self.page(), DirectoryPage(), answer)
        for answer in ({"error": 1}, {"results": False}):
            self.backend.answer = answer
            with self.assertRaises(StoreUnavailable):
                self.page()

    def test_blank_terms(self) -> None:
        """They find nobody, and nobody is asked."""
        self.assertEqual(self.page("  "), DirectoryPage())
        self.assertEqual(self.backend.questions, [])


class RefusedTests(StoreCase):
    def test_a_token_that_is_refused(self) -> None:
        """Somebody must act: the key is named, of the token or of the endpoint."""
        assert self.store.directory is not None
        for status in (401, 403):
            self.backend.status = status
            for section, path in (
                ({"token": Secret("t0ken")}, "token"),
                ({}, "endpoints.identity.bulk"),
            ):
                store = self.backend.store(**section)
                with self.assertRaises(Misconfigured) as caught:
                    self.looked_up(MAIL, store=store)
                self.assertEqual(caught.exception.path, path)
                self.assertIn(str(status), caught.exception.problem)


class ProfileTests(StoreCase):
    def test_parts_come_from_their_endpoints(self) -> None:
        """An endpoint that is off tells nothing, whatever the others say."""
        self.backend.answer = {
            "profile": {
                "display_name": "Alice",
                "threepids": [_item(MAIL), {"medium": "email", "address": "x"}],
                "roles": ["staff", ""],
            }
        }
        whole = Profile("Alice", frozenset([MAIL]), frozenset(["staff"]))
        self.assertEqual(self.profile(), whole)
        self.assertEqual(len(self.backend.questions), 3)
        some = EndpointSettings(profile=ProfileEndpoints(threepids="", display_name=""))
        store = self.backend.store(endpoints=some)
        self.assertEqual(self.profile(store=store), Profile(roles=frozenset(["staff"])))
        self.assertEqual(len(self.backend.questions), 4)

    def test_parts_of_no_sense(self) -> None:
        """What cannot be read may be a role that somebody has."""
        wrong: list[dict[str, Any]] = [
            {"roles": "staff"},
            {"roles": {"staff": True}},
            {"roles": ["staff", 5]},
            {"roles": [None]},
            {"threepids": {"medium": "email", "address": MAIL.address}},
            {"threepids": MAIL.address},
        ]
        for part in wrong:
            self.backend.answer = {"profile": part}
            profile = self.backend.store().profile
            assert profile is not None
            asking: Deferred[Any] = Deferred.fromCoroutine(
                profile.profile(ALICE)  # type: ignore[arg-type]
            )
            self.failureResultOf(asking, StoreUnavailable)

    def test_nobody(self) -> None:
        """Who has no part of a profile, and who is on another server, is nobody."""
        answers: list[Any] = [{}, {"profile": None}, {"profile": {}}, [], None]
        empty: dict[str, Any] = {"display_name": None, "threepids": {}, "roles": {}}
        answers += [{"profile": []}, {"profile": empty}]
        for answer in (*answers, {"profile": {"x": 1}}):
            self.backend.answer = answer
            self.assertIsNone(self.profile())
        asked = len(self.backend.questions)
        self.assertIsNone(self.profile(UserId("alice", "elsewhere.example.net")))
        self.assertEqual(len(self.backend.questions), asked)


class CapabilityTests(StoreCase):
    def test_empty_endpoints_switch_off(self) -> None:
        """Each capability goes with its endpoint, and no other does."""
        everything = {"lookup", "associations", "authenticator", "directory", "profile"}
        nowhere = ProfileEndpoints(display_name="", threepids="", roles="")
        for off, endpoints in {
            "authenticator": EndpointSettings(auth=""),
            "directory": EndpointSettings(directory=""),
            "associations": EndpointSettings(associations=""),
            "lookup": EndpointSettings(identity=IdentityEndpoints(single="", bulk="")),
            "profile": EndpointSettings(profile=nowhere),
        }.items():
            store = self.backend.store(endpoints=endpoints)
            there = {each for each in everything if getattr(store, each) is not None}
            self.assertEqual(there, everything - {off})
            self.assertIsNotNone(store.self_check)

    def test_passwords_in_the_clear(self) -> None:
        """The log warns of hosts that are reached through a network without TLS."""
        for host, is_told in (
            ("http://people.example.org", True),
            ("https://people.example.org", False),
            ("http://127.0.0.1:8080", False),
        ):
            with capturedLogs() as events:
                self.backend.store(host=host)
            self.assertEqual(
                any("in the clear" in formatEvent(each) for each in events), is_told
            )


class AnyTests(StoreCase):
    @given(TEXTS, TEXTS, TEXTS)
    @settings(deadline=None)
    def test_values_arrive_as_they_are(
        self, localpart: str, term: str, password: str
    ) -> None:
        """Whatever characters a value has, it stays one value."""
        self.backend.questions.clear()
        self.backend.answer = {"auth": {"success": False}, "results": [], "lookup": []}
        self.verdict(UserId(localpart, DOMAIN), Secret(password))
        self.page(term)
        self.looked_up(ThreePid("custom", term))
        expected: list[tuple[str, Any]] = []
        login = {"mxid": f"@{localpart}:{DOMAIN}", "localpart": localpart}
        login.update(domain=DOMAIN, password=password)
        if password:
            expected.append(("auth/login", {"auth": login}))
        search = {"by": "name", "search_term": term}
        who = {"user_id": str(BOB), "limit": 10}
        if term.strip():
            expected.append(("directory/user/search", {**search, **who}))
        question = {"lookup": [{"medium": "custom", "address": term}]}
        expected.append(("identity/bulk", question))
        self.assertEqual(self.backend.questions, expected)

    @given(ANSWERS)
    @settings(deadline=None, max_examples=300)
    def test_no_answer_does_harm(self, answer: Any) -> None:
        """Any document is a legal answer or a failure, and nothing else."""
        self.backend.answer = answer
        questions: list[Callable[[], Any]] = [
            lambda: self.looked_up(MAIL),
            self.verdict,
            self.page,
            self.profile,
            self.listed,
        ]
        for ask in questions:
            try:
                self._judge(ask())
            except StoreUnavailable as error:
                self.assertIn("endpoints.", str(error))

    def _judge(self, answer: Any) -> None:
        match answer:
            case dict():
                self.assertLessEqual(set(answer.values()), {ALICE, BOB})
            case Accepted():
                self.assertIsNotNone(legal_user_id(answer.user_id))
                self.assertTrue(all(map(legal_threepid, answer.profile.threepids)))
            case DirectoryPage():
                for each in answer.entries:
                    self.assertIsNotNone(legal_user_id(each.user_id))
            case list():
                for threepid, user_id in answer:
                    self.assertIsNotNone(legal_threepid(threepid))
                    self.assertIsNotNone(legal_user_id(user_id))


def _item(threepid: ThreePid) -> dict[str, Any]:
    return {"medium": threepid.medium, "address": threepid.address}


def _localpart(value: Any) -> dict[str, Any]:
    return {"type": "localpart", "value": value}


_A, _B = _localpart("alice"), _localpart("bob")
