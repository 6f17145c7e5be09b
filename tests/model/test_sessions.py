"""The rules of validation sessions."""

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.model.secret import Secret
from mxisd.model.sessions import (
    LIFE_MS,
    MAX_WRONG_TOKENS,
    AlreadySent,
    Expired,
    NoSession,
    Send,
    TokenOutcome,
    Validated,
    ValidationSession,
    WrongToken,
    digest_of,
    may_continue,
    on_request,
    on_token,
    standing,
)
from mxisd.model.threepids import canonical

CLIENT = Secret("monkeys_are_GREAT")
TOKEN = Secret("123456")
START = 1_000_000
SESSION = ValidationSession(
    sid="abc",
    threepid=canonical("msisdn", "+447700900001"),
    secret_digest=digest_of(CLIENT),
    token=TOKEN,
    changed_ms=START,
)
SENT = evolve(SESSION, send_attempt=2, next_link="https://app.example.org/")
VALIDATED = evolve(SENT, validated_ms=START + 5, changed_ms=START + 5)
CLOSED = evolve(SENT, wrong_tokens=MAX_WRONG_TOKENS)


class RequestTests(SynchronousTestCase):
    """Asking for a token."""

    def test_a_fresh_session_is_sent(self) -> None:
        """Whatever the attempt's number, nothing has been sent yet."""
        for attempt in (0, 1, 7):
            outcome = on_request(SESSION, attempt, "https://a/")
            expected = evolve(SESSION, send_attempt=attempt, next_link="https://a/")
            self.assertEqual(outcome, Send(expected))

    def test_only_a_higher_attempt_is_sent_again(self) -> None:
        """The same one, and earlier ones, are on their way."""
        for attempt in (0, 1, 2):
            self.assertEqual(on_request(SENT, attempt, None), AlreadySent())
        self.assertEqual(
            on_request(SENT, 3, None),
            Send(evolve(SENT, send_attempt=3, next_link=None)),
        )

    def test_what_is_over_is_not_continued(self) -> None:
        """A validated, closed or expired session is followed by another one."""
        self.assertTrue(may_continue(SENT, START + LIFE_MS - 1))
        self.assertFalse(may_continue(SENT, START + LIFE_MS))
        self.assertFalse(may_continue(VALIDATED, START + 6))
        self.assertFalse(may_continue(CLOSED, START + 6))


class TokenTests(SynchronousTestCase):
    """Giving a token back."""

    def submit(
        self,
        session: ValidationSession | None,
        token: str = TOKEN.value,
        client_secret: str = CLIENT.value,
        now_ms: int = START + 10,
    ) -> TokenOutcome:
        """The outcome."""
        return on_token(session, Secret(client_secret), Secret(token), now_ms)

    def test_the_right_token_validates(self) -> None:
        """The session is changed then, so that its day begins anew."""
        self.assertEqual(
            self.submit(SENT),
            Validated(evolve(SENT, validated_ms=START + 10, changed_ms=START + 10)),
        )

    def test_blanks_are_forgiven(self) -> None:
        """People copy them along."""
        for text in (" 123456\n", "123 456", "\t123\u00a0456"):
            self.assertIsInstance(self.submit(SENT, text), Validated)

    def test_the_right_token_twice_changes_nothing(self) -> None:
        """A double click is as good as one, and does not prolong the session."""
        self.assertEqual(self.submit(VALIDATED), Validated(VALIDATED))

    def test_a_wrong_token_counts(self) -> None:
        """It is a try, and no change of the session."""
        for token in ("", "12345", "1234567", "654321", "１２３４５６", "\ud800"):
            expected = WrongToken(evolve(SENT, wrong_tokens=1))
            self.assertEqual(self.submit(SENT, token), expected)

    def test_five_wrong_tokens_close_a_session(self) -> None:
        """The fifth is called wrong; then even the right one finds no session."""
        session = SENT
        for _ in range(5):
            outcome = self.submit(session, "0")
            assert isinstance(outcome, WrongToken)
            session = outcome.session
        self.assertEqual(self.submit(session), NoSession())
        self.assertEqual(standing(session, CLIENT, START + 10), NoSession())

    def test_a_validated_session_cannot_be_closed(self) -> None:
        """There is nothing left to guess."""
        self.assertEqual(self.submit(VALIDATED, "0"), WrongToken(VALIDATED))
        last = evolve(VALIDATED, wrong_tokens=MAX_WRONG_TOKENS)
        self.assertEqual(standing(last, CLIENT, START + 10), last)

    def test_another_client_finds_nothing(self) -> None:
        """A wrong client secret looks like an unknown session, and does not count."""
        for session in (None, SENT, VALIDATED, CLOSED):
            outcome = self.submit(session, client_secret="other")
            self.assertEqual(outcome, NoSession())
            self.assertEqual(standing(session, Secret("x"), START), NoSession())

    def test_a_session_lives_a_day(self) -> None:
        """A day from its creation, or from its validation; also for the other client's
        eyes it never lived."""
        last = START + LIFE_MS - 1
        self.assertIsInstance(self.submit(SENT, now_ms=last), Validated)
        self.assertEqual(self.submit(SENT, now_ms=last + 1), Expired())
        self.assertIsInstance(self.submit(VALIDATED, now_ms=last + 5), Validated)
        self.assertEqual(self.submit(VALIDATED, now_ms=last + 6), Expired())
        self.assertEqual(
            self.submit(SENT, client_secret="x", now_ms=2**50), NoSession()
        )

    @given(st.text(), st.text(), st.integers(0, 2**50))
    def test_no_guess_validates(self, token: str, client_secret: str, now: int) -> None:
        """Whoever lacks the token or the secret gets nowhere."""
        if "".join(token.split()) != TOKEN.value or client_secret != CLIENT.value:
            outcome = self.submit(SENT, token, client_secret, now)
            self.assertNotIsInstance(outcome, Validated)

    def test_secrets_are_not_printed(self) -> None:
        """Neither the token nor the client secret is in the repr."""
        self.assertNotIn(TOKEN.value, repr(SESSION))
        self.assertNotIn(CLIENT.value, repr(SESSION))
