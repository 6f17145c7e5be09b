"""What every place for validation sessions must do."""

from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, gatherResults
from zope.interface.verify import verifyObject

from mxisd.model.secret import Secret
from mxisd.model.sessions import (
    MAX_WRONG_TOKENS,
    NoSession,
    ValidationSession,
    WrongToken,
    digest_of,
    on_token,
)
from mxisd.model.threepids import canonical
from mxisd.ports import ISessionRecords

MAIL = canonical("email", "Strauß@example.org")
CLIENT = Secret("monkeys")
SESSION = ValidationSession(
    sid="first",
    threepid=MAIL,
    secret_digest=digest_of(CLIENT),
    token=Secret("token"),
    changed_ms=1000,
)


class SessionsContract:
    """A test case mixes it in, and provides ``sessions()``."""

    assertEqual: Any
    assertIsNone: Any

    def sessions(self) -> Any:
        """The records under test."""
        raise NotImplementedError

    async def test_it_provides_the_interface(self) -> None:
        """The records are what the port says."""
        verifyObject(ISessionRecords, self.sessions())

    async def test_a_session_is_found(self) -> None:
        """By its ID, and by its address and client; every field comes back."""
        records = self.sessions()
        full = evolve(
            SESSION,
            sid="second",
            changed_ms=2**50,
            send_attempt=2**53 - 1,
            next_link="https://a/ü",
            wrong_tokens=3,
            validated_ms=2**50,
        )
        for session in (SESSION, full):
            self.assertIsNone(records.session(session.sid))
            await records.add_session(session)
            found = records.session(session.sid)
            self.assertEqual(found, session)
            self.assertEqual(found.threepid.lowered, MAIL.lowered)
            self.assertEqual(found.token.value, "token")

    async def test_the_newest_session_counts(self) -> None:
        """Of one client for one address; other clients and addresses are apart."""
        records = self.sessions()
        newer = evolve(SESSION, sid="newer", changed_ms=1001)
        for session in (
            SESSION,
            newer,
            evolve(SESSION, sid="client", secret_digest=b"x", changed_ms=2000),
            evolve(SESSION, sid="phone", threepid=canonical("msisdn", "+4917112345")),
        ):
            await records.add_session(session)
        digest = SESSION.secret_digest
        self.assertEqual(records.newest_session(MAIL, digest), newer)
        self.assertIsNone(records.newest_session(MAIL, b"other"))
        other = canonical("email", "other@example.org")
        self.assertIsNone(records.newest_session(other, digest))

    async def test_a_sent_message_is_recorded(self) -> None:
        """Its attempt and next link; a token that came in between is kept."""
        records = self.sessions()
        await records.add_session(SESSION)
        await self.judge("wrong")
        sent = evolve(SESSION, send_attempt=4, next_link="https://a/")
        await records.record_sent(sent)
        self.assertEqual(records.session("first"), evolve(sent, wrong_tokens=1))

    async def test_tokens_are_judged_and_recorded(self) -> None:
        """A wrong one counts, the right one validates, both are remembered."""
        records = self.sessions()
        await records.add_session(SESSION)
        await self.judge("wrong")
        self.assertEqual(records.session("first"), evolve(SESSION, wrong_tokens=1))
        outcome = await self.judge("token")
        expected = evolve(SESSION, wrong_tokens=1, validated_ms=5, changed_ms=5)
        self.assertEqual(outcome.session, expected)
        self.assertEqual(records.session("first"), expected)

    async def test_an_unknown_session_is_judged_too(self) -> None:
        """The rules get nothing, and nothing is remembered."""
        self.assertEqual(await self.judge("token"), NoSession())
        self.assertIsNone(self.sessions().session("first"))

    async def test_of_many_tokens_at_once_each_counts(self) -> None:
        """Guessing in parallel gains nothing."""
        await self.sessions().add_session(SESSION)
        guesses = [Deferred.fromCoroutine(self.judge(f"{n}")) for n in range(30)]
        outcomes = await gatherResults(guesses)
        wrong = [each for each in outcomes if isinstance(each, WrongToken)]
        self.assertEqual(len(wrong), MAX_WRONG_TOKENS)
        self.assertEqual(await self.judge("token"), NoSession())

    async def test_old_sessions_are_purged(self) -> None:
        """By their last change, to the millisecond."""
        records = self.sessions()
        for number in range(5):
            session = evolve(SESSION, sid=f"{number}", changed_ms=number)
            await records.add_session(session)
        self.assertEqual(await records.purge_sessions(2), 3)
        self.assertIsNone(records.session("2"))
        self.assertEqual(records.session("3").changed_ms, 3)

    async def judge(self, token: str) -> Any:
        """Submit a token at a time of 5 ms."""
        return await self.sessions().judge(
            "first", lambda session: on_token(session, CLIENT, Secret(token), 5)
        )
