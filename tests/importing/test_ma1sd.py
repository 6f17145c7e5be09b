"""Files of mxisd and ma1sd."""

from typing import Any

from mxisd.features.accounts import AccountPolicy, Accounts
from mxisd.features.limits import LimitPolicy, Limits
from mxisd.features.questions import QuestionPolicy, Questions
from mxisd.model.identifiers import UserId
from mxisd.model.secret import Secret
from mxisd.randomness import SystemRandom
from mxisd.records.accounts import AccountRecords
from mxisd.records.sessions import SessionRecords
from mxisd.records.sqlite import SqliteRecords
from mxisd.web.rare_warnings import RareWarnings
from tests.importing.files import MA1SD, MXISD, DatabaseFile
from tests.importing.world import NOW_MS, ImportTestCase, StoppedReactor

HOUR_MS = 3_600_000
NOW = NOW_MS // 1000


class MxisdTests(ImportTestCase):
    def setUp(self) -> None:
        """A file of mxisd."""
        super().setUp()
        self.source = DatabaseFile(self.folder / "old.db", MXISD)

    def session(self, sid: str, **values: Any) -> None:
        """Add a session to it."""
        usual = {
            "id": sid,
            "creationTime": NOW_MS - HOUR_MS,
            "server": "127.0.0.1",
            "medium": "email",
            "address": "Alice@Example.org",
            "secret": "s3cret",
            "attempt": 2,
            "nextLink": "https://app.example.org/",
            "token": "t0ken",
            "validated": 0,
            "validationTime": 0,
            "isRemote": 0,
            "isRemoteValidated": 0,
        }
        self.source.add("session_3pid", **(usual | values))

    async def test_a_session_goes_on(self) -> None:
        """Its client finds it here, with its attempt, its link and its token."""
        self.session("1")
        report = await self.take(self.source.path)
        self.assertIn("(of mxisd)", report)
        self.assertIn("sessions: 1 taken", report)
        records = SqliteRecords(str(self.target), StoppedReactor().callFromThread)
        records.database.open()
        session = SessionRecords(records.database).session("1")
        await records.database.close()
        assert session is not None
        self.assertTrue(session.is_of(Secret("s3cret")))
        self.assertEqual(session.threepid.address, "alice@example.org")
        self.assertEqual(session.token, Secret("t0ken"))
        self.assertEqual(session.send_attempt, 2)
        self.assertEqual(session.next_link, "https://app.example.org/")
        self.assertIsNone(session.validated_ms)

    async def test_a_validated_session_lives_from_its_validation(self) -> None:
        """Its day begins when the token was given back, as with our own."""
        validated_ms = NOW_MS - HOUR_MS
        created_ms = NOW_MS - 30 * HOUR_MS
        self.session(
            "1", creationTime=created_ms, validated=1, validationTime=validated_ms
        )
        await self.take(self.source.path)
        self.assertEqual(
            self.found("SELECT changed_ms, validated_ms FROM sessions"),
            [(validated_ms, validated_ms)],
        )

    async def test_a_session_whose_day_is_over_is_left_out(self) -> None:
        """The report says so, and how many there were."""
        self.session("1", creationTime=NOW_MS - 25 * HOUR_MS)
        self.session("2")
        report = await self.take(self.source.path)
        self.assertIn("1 left out: the session's time is over", report)
        self.assertEqual(self.found("SELECT sid FROM sessions"), [("2",)])

    async def test_a_clock_that_was_ahead_prolongs_nothing(self) -> None:
        """A session of the future is one of now."""
        self.session("1", creationTime=NOW_MS + 99 * HOUR_MS)
        await self.take(self.source.path)
        self.assertEqual(self.found("SELECT changed_ms FROM sessions"), [(NOW_MS,)])

    async def test_odd_rows_are_left_out_one_by_one(self) -> None:
        """Wrong types, illegal addresses and broken texts cost only their own row."""
        self.session("1", address="not an address")
        self.session("2", creationTime="yesterday")
        self.session("3", secret=b"\x00")
        self.session("4", medium="no medium")
        self.session("5", nextLink="file:///etc/passwd")
        self.source.run("UPDATE session_3pid SET nextLink = CAST(x'ff' AS TEXT)")
        self.session("6", token="")
        report = await self.take(self.source.path)
        self.assertIn("sessions: 1 taken", report)
        self.assertNotIn("not an address\n", report)
        self.assertEqual(
            self.found("SELECT sid, next_link FROM sessions"), [("5", None)]
        )


class Ma1sdTests(ImportTestCase):
    def setUp(self) -> None:
        """A file of ma1sd."""
        super().setUp()
        self.source = DatabaseFile(self.folder / "old.db", MA1SD)

    def account(self, token: str, **values: Any) -> None:
        """Add an account to it."""
        usual = {
            "token": token,
            "accessToken": "openid",
            "tokenType": "Bearer",
            "matrixServerName": "example.org",
            "expiresIn": 1800,
            "createdAt": NOW,
            "userId": "@alice:example.org",
        }
        self.source.add("account", **(usual | values))

    async def test_a_token_goes_on(self) -> None:
        """Whoever has it is known here, too."""
        self.account("t0ken")
        report = await self.take(self.source.path)
        self.assertIn("(of ma1sd)", report)
        clock: Any = StoppedReactor()
        records = SqliteRecords(str(self.target), clock.callFromThread)
        records.database.open()
        homeserver: Any = None
        accounts = Accounts(
            AccountPolicy(None, 1, "example.org"),
            AccountRecords(records.database),
            homeserver,
            Questions(QuestionPolicy(), clock),
            SystemRandom(),
            clock,
            Limits(LimitPolicy(), clock),
            RareWarnings(clock).warn,
        )
        user_id = accounts.authenticate(Secret("t0ken"))
        await records.database.close()
        self.assertEqual(user_id, UserId.parse("@alice:example.org"))

    async def test_a_token_lives_no_longer_than_ours(self) -> None:
        """ma1sd let clients choose; its shorter lives stay as they were."""
        self.account("1", expiresIn=10**15)
        self.account("2", expiresIn=60)
        await self.take(self.source.path)
        self.assertEqual(
            self.found("SELECT expires_ms FROM accounts ORDER BY expires_ms"),
            [(NOW_MS + 60_000,), (NOW_MS + HOUR_MS,)],
        )

    async def test_tokens_that_prove_nothing_are_left_out(self) -> None:
        """Expired, of foreign users, or vouched for by another homeserver."""
        self.account("1", createdAt=NOW - 1800)
        self.account("2", matrixServerName="evil.example.net")
        self.account("3", userId="@x:a.net", matrixServerName="a.net")
        self.account("4", userId="nobody")
        report = await self.take(self.source.path)
        self.assertIn("accounts: 0 taken", report)
        self.assertIn("1 left out: the token has expired", report)
        self.assertIn("1 left out: the user's homeserver was not", report)
        self.assertIn("1 left out: users of that homeserver may not", report)
        self.assertEqual(self.found("SELECT * FROM accounts"), [])

    async def test_accepted_terms_stay_accepted(self) -> None:
        """With the time of their acceptance; a second acceptance counts once."""
        for accepted_ms in (5, 6):
            self.source.add(
                "accepted",
                url="https://example.org/terms",
                userId="@alice:example.org",
                acceptedAt=accepted_ms,
            )
        report = await self.take(self.source.path)
        self.assertIn("accepted terms: 1 taken", report)
        self.assertIn("1 left out: already here", report)
        self.assertEqual(
            self.found("SELECT * FROM accepted_terms"),
            [("@alice:example.org", "https://example.org/terms", 5)],
        )
