"""Tests of 3PID lookups and lists."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import capturedLogs, formatEvent

from mxisd.config.structure import Section
from mxisd.errors import Misconfigured
from mxisd.model.threepids import EMAIL, MSISDN, IllegalThreePid, canonical
from mxisd.stores.firebase import factory
from mxisd.testing.stores import ALICE_MAIL
from tests.stores.firebase.stores import FirebaseCase


class LookupTests(FirebaseCase):
    """What Firebase finds by address."""

    def setUp(self) -> None:
        """Have a store."""
        super().setUp()
        self.asked = self.store()

    def test_both_mediums_in_one_question(self) -> None:
        """Phone numbers are asked for with their plus."""
        found = self.found(
            self.store(),
            (EMAIL, "Alice@example.org"),
            (MSISDN, "+49 30 12345678"),
            (EMAIL, "nobody@example.org"),
            ("strange", "alice@example.org"),
        )
        expected = {"alice@example.org": "alice", "493012345678": "bob"}
        self.assertEqual(found, expected)
        self.assertEqual(self.google.asked, ["token", "lookup"])

    def test_batches(self) -> None:
        """A hundred addresses are one question."""
        many = [(EMAIL, f"nobody{i}@example.org") for i in range(250)]
        found = self.found(self.store(), *many, (EMAIL, "bob@example.org"))
        self.assertEqual(found, {"bob@example.org": "bob"})
        self.assertEqual(self.google.asked.count("lookup"), 3)

    def test_nothing_to_ask(self) -> None:
        """Other mediums, and no question at all, cost nothing."""
        self.assertEqual(self.found(self.store(), ("strange", "x")), {})
        self.assertEqual(self.found(self.store()), {})
        self.assertEqual(self.google.asked, [])

    def test_address_that_google_refuses(self) -> None:
        """It is nobody's, and does not spoil the question for the others."""
        many = [(EMAIL, f"nobody{i}@example.org") for i in range(50)]
        found = self.found(
            self.store(), *many, (EMAIL, "a,b@x"), (EMAIL, "bob@example.org")
        )
        self.assertEqual(found, {"bob@example.org": "bob"})

    def test_who_is_nobody(self) -> None:
        """Disabled accounts, IDs that are no localparts, and records of nonsense."""
        self.google.users = [
            {"localId": "off", "email": "off@x", "disabled": True},
            {"localId": "a b", "email": "odd@x"},
            {"localId": 5, "email": "number@x"},
            {"localId": "x" * 300, "email": "long@x"},
            {"localId": "ok", "email": "ok@x", "phoneNumber": 7, "displayName": []},
        ]
        asked = [(EMAIL, u["email"]) for u in self.google.users]
        store = self.store()
        self.assertEqual(self.found(store, *asked), {"ok@x": "ok"})
        with capturedLogs() as log:
            listed = self.listed(store)
        self.assertEqual(
            [(t.address, u.localpart) for t, u in listed], [("ok@x", "ok")]
        )
        lines = [formatEvent(event) for event in log]
        self.assertEqual([line.split(" of ")[0] for line in lines], ["3 accounts"])
        self.assertNotIn("@", "".join(lines))

    def test_address_of_several_accounts(self) -> None:
        """The ID that sorts first has it; the log says how many such there are."""
        self.google.users = [
            {"localId": name, "email": "team@x"} for name in ("zoe", "ann", "bea")
        ]
        with capturedLogs() as log:
            found = self.found(self.store(), (EMAIL, "team@x"))
        self.assertEqual(found, {"team@x": "ann"})
        (line,) = (formatEvent(event) for event in log)
        self.assertIn("1 addresses belong to several accounts", line)
        self.assertNotIn("team", line)

    def test_only_verified(self) -> None:
        """Unless the operator wants it otherwise, an unverified address is none."""
        self.google.users = [
            {"localId": "ann", "email": "ann@x", "emailVerified": True},
            {"localId": "eve", "email": "eve@x", "phoneNumber": "+4930123456"},
        ]
        asked = [(EMAIL, "ann@x"), (EMAIL, "eve@x"), (MSISDN, "4930123456")]
        settings = factory.parse(Section({"credentials": "x"}))
        strict = self.store(onlyVerified=settings.only_verified)
        expected = {"ann@x": "ann", "4930123456": "eve"}
        self.assertEqual(self.found(strict, *asked), expected)
        with capturedLogs() as events:
            for _ in range(2):
                listed = {t.address for t, _ in self.listed(strict)}
                self.assertEqual(listed, set(expected))
        (line,) = (formatEvent(event) for event in events)
        self.assertIn("1 accounts of fire have an e-mail address that", line)
        self.assertEqual(len(self.found(self.store(), *asked)), 3)

    @given(st.text(max_size=40), st.sampled_from(["email", "msisdn", "strange"]))
    def test_any_text_finds_its_owner_or_nobody(self, text: str, medium: str) -> None:
        """Whatever is asked for, only who has exactly this is found."""
        try:
            asked = canonical(medium, text)
        except IllegalThreePid:
            return
        found = self.found(self.asked, (medium, text))
        self.assertLessEqual(set(found), {asked.address})
        self.assertLessEqual(set(found.values()), {"alice", "bob"})


class ListingTests(FirebaseCase):
    """The whole list, for the hash index."""

    def test_pages(self) -> None:
        """Every page is read, and a page is handed over as it comes."""
        self.google.users = [
            {"localId": f"p{i}", "email": f"p{i}@x"} for i in range(2500)
        ]
        self.assertEqual(len(self.listed(self.store())), 2500)
        self.assertEqual(self.google.asked.count("batchGet"), 3)

    def test_list_that_breaks(self) -> None:
        """A list that was cut is never taken for the whole."""
        self.google.users = [{"localId": f"p{i}", "email": f"p{i}@x"} for i in range(9)]
        self.google.page_limit = 5
        store = self.store()

        async def put(batch: object) -> None:
            self.google.mood = "503"

        assert store.associations is not None
        self.unavailable(store.associations.associations(put))

    def test_switched_off(self) -> None:
        """``hashEnabled: false`` makes no list."""
        self.assertIsNone(self.store(hashEnabled=False).associations)


class FailureTests(FirebaseCase):
    """Google's failures are failures, and never "absent"."""

    def test_moods(self) -> None:
        """Refusals, nonsense, redirects: the store could not answer."""
        invalid = ("400 INVALID_PROJECT_ID", "400 INVALID_ARGUMENT")
        statuses = ("500", "503", "429", "404", "302", "401", "400")
        for mood in ("garbage", *statuses, *invalid):
            self.google.mood = "well"
            store = self.store()
            self.found(store, (EMAIL, "alice@example.org"))
            self.google.mood = mood
            assert store.lookup is not None
            error = self.unavailable(store.lookup.lookup(frozenset([ALICE_MAIL])))
            self.assertNotIn("alice", str(error))

    def test_account_without_permission(self) -> None:
        """The key to mend is named, and the role that is lacking."""
        store = self.store()
        self.found(store, (EMAIL, "alice@example.org"))
        self.google.mood = "403"
        assert store.lookup is not None
        error = self.unavailable(store.lookup.lookup(frozenset([ALICE_MAIL])))
        assert isinstance(error, Misconfigured)
        self.assertEqual(error.path, "credentials")
        self.assertIn("Viewer", str(error))
        assert store.self_check is not None
        (problem,) = self.result(store.self_check.problems())
        self.assertEqual(problem.path, "credentials")

    def test_self_check(self) -> None:
        """Nothing is wrong when all is well; without Google it says so."""
        store = self.store()
        assert store.self_check is not None
        self.assertEqual(self.result(store.self_check.problems()), [])
        self.google.mood = "500"
        self.unavailable(store.self_check.problems())
