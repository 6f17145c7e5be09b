"""Files of sydent; tests/integration/test_import.py has those of a real one."""

from mxisd.model.hashing import lookup_digest
from mxisd.records.bindings import PepperRecords
from mxisd.records.sqlite import SqliteRecords
from tests.importing.files import SYDENT, DatabaseFile
from tests.importing.world import NOW_MS, ImportTestCase, StoppedReactor

ALICE, BOB = "@alice:example.org", "@bob:example.org"
PEPPER = "pepper"
BINDINGS = "SELECT address, user_id, ts_ms FROM bindings ORDER BY address"


class SydentTests(ImportTestCase):
    def setUp(self) -> None:
        """A file of sydent."""
        super().setUp()
        self.source = DatabaseFile(self.folder / "sydent.db", SYDENT)

    async def prepare_pepper(self) -> None:
        """Have the target hash with a pepper."""
        records = SqliteRecords(str(self.target), StoppedReactor().callFromThread)
        records.database.open()
        await PepperRecords(records.database).prepare_pepper(PEPPER)
        await records.database.close()

    def digests(self) -> "list[tuple[bytes, str]]":
        """What is found by hash."""
        return self.found("SELECT digest, user_id FROM binding_hashes")

    async def test_bindings_are_found_by_hash(self) -> None:
        """Each has a hash per spelling for each pepper of the server."""
        await self.prepare_pepper()
        self.source.bind("Strauß@Example.org", ALICE)
        await self.take(self.source.path)
        spellings = ("strauss@example.org", "strauß@example.org")
        expected = {(lookup_digest(s, "email", PEPPER), ALICE) for s in spellings}
        self.assertEqual(set(self.digests()), expected)

    async def test_of_two_bindings_the_newer_wins(self) -> None:
        """In either order, also with capitals, and with its hash alone."""
        await self.prepare_pepper()
        self.source.bind("Old.First@example.org", ALICE, 1)
        self.source.bind("old.first@example.org", BOB, 2)
        self.source.bind("new.first@example.org", ALICE, 2)
        self.source.bind("New.First@example.org", BOB, 1)
        report = await self.take(self.source.path)
        self.assertIn("1 left out: a binding of the same address", report)
        self.assertEqual(
            self.found(BINDINGS),
            [("new.first@example.org", ALICE, 2), ("old.first@example.org", BOB, 2)],
        )
        owners = sorted(owner for _, owner in self.digests())
        self.assertEqual(owners, [ALICE, BOB])

    async def test_odd_bindings_are_left_out_with_their_reason(self) -> None:
        """Illegal addresses and users, wrong types, and what has expired."""
        self.source.bind("nobody", ALICE)
        self.source.bind("a@example.org", "alice")
        self.source.bind("b@example.org", ALICE, "soon")
        self.source.bind("c@example.org", ALICE, not_after_ms=NOW_MS)
        self.source.bind(b"\xff", ALICE)
        self.source.bind("0800", ALICE, medium="msisdn")
        self.source.bind("good@example.org", ALICE)
        report = await self.take(self.source.path)
        self.assertIn("bindings: 1 taken", report)
        self.assertIn("1 left out: the binding has expired", report)
        self.assertNotIn("example.org", report)
        self.assertEqual(self.found(BINDINGS), [("good@example.org", ALICE, 1)])

    async def test_a_withdrawn_binding_does_not_come_back(self) -> None:
        """What was taken once is not taken again, and what is new is."""
        self.source.bind("alice@example.org", ALICE)
        await self.take(self.source.path)
        DatabaseFile(self.target, "").run("DELETE FROM bindings")
        self.source.bind("bob@example.org", BOB)
        report = await self.take(self.source.path)
        self.assertIn("bindings: 1 taken, 1 dealt with earlier", report)
        self.assertEqual(self.found(BINDINGS), [("bob@example.org", BOB, 1)])

    async def test_a_session_keeps_its_newest_token(self) -> None:
        """One without a token is left out."""
        for sid, is_validated in ((7, 0), (8, 1), (9, 0)):
            self.source.add(
                "threepid_validation_sessions",
                id=sid,
                medium="email",
                address="A@example.org",
                clientSecret="s3cret",
                validated=is_validated,
                mtime=NOW_MS - 1,
            )
        for sid, token, attempt in ((7, "old", 1), (7, "new", 2), (8, "it", -1)):
            self.source.add(
                "threepid_token_auths",
                validationSession=sid,
                token=token,
                sendAttemptNumber=attempt,
            )
        report = await self.take(self.source.path)
        self.assertIn("1 left out: the session has no token", report)
        self.assertEqual(
            self.found("SELECT sid, token, send_attempt, validated_ms FROM sessions"),
            [("7", "new", 2, None), ("8", "it", None, NOW_MS - 1)],
        )

    async def test_tokens_and_terms_go_on(self) -> None:
        """A token without an end gets the usual one."""
        self.source.add("tokens", token="t0ken", user_id=ALICE)
        self.source.add("accepted_terms_urls", user_id=ALICE, url="https://a/b")
        await self.take(self.source.path)
        self.assertEqual(
            self.found("SELECT user_id, expires_ms FROM accounts"),
            [(ALICE, NOW_MS + 3_600_000)],
        )
        self.assertEqual(
            self.found("SELECT * FROM accepted_terms"), [(ALICE, "https://a/b", NOW_MS)]
        )
