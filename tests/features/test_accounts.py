"""Accounts."""

from ipaddress import ip_address

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from mxisd.errors import (
    Forbidden,
    HomeserverRejectedToken,
    HomeserverUnavailable,
    InvalidParam,
    LimitExceeded,
    Unauthorized,
)
from mxisd.features.accounts import AccountPolicy, Accounts
from mxisd.features.limits import Counted, LimitPolicy, Limits
from mxisd.features.questions import QuestionPolicy, Questions
from mxisd.model.buckets import Rate
from mxisd.model.identifiers import UserId
from mxisd.model.requesters import Origin
from mxisd.model.secret import Secret
from mxisd.web.rare_warnings import RareWarnings
from tests.features.doubles import CountingRandom, MemoryAccounts, VouchingHomeserver

ALICE = "@alice:example.org"
HOUR_MS = 3_600_000
VOUCHED = "The homeserver vouched for a user of another homeserver."


class AccountsTests(SynchronousTestCase):
    """Who may register, and how long a token is good."""

    def setUp(self) -> None:
        """A homeserver that vouches for Alice."""
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.records = MemoryAccounts()
        self.homeserver = VouchingHomeserver(ALICE)
        self.rates: dict[Counted, Rate] = {}
        self.warnings = RareWarnings(self.clock)

    def accounts(self, allowed: "frozenset[str] | None" = None) -> Accounts:
        """The feature."""
        return Accounts(
            AccountPolicy(allowed, HOUR_MS, "example.org"),
            self.records,
            self.homeserver,
            Questions(QuestionPolicy(), self.clock),
            CountingRandom(),
            self.clock,
            Limits(LimitPolicy(self.rates), self.clock),
            self.warnings.warn,
        )

    def register(
        self,
        server_name: str = "example.org",
        accounts: Accounts | None = None,
        address: str = "192.0.2.1",
    ) -> "Deferred[Secret]":
        """Register with an OpenID token."""
        feature, origin = accounts or self.accounts(), Origin(ip_address(address))
        return Deferred.fromCoroutine(
            feature.register(server_name, Secret("openid"), origin)
        )

    def test_a_vouched_user_gets_a_token(self) -> None:
        """The token that register gives is the user's."""
        accounts = self.accounts()
        token = self.successResultOf(self.register(accounts=accounts))
        self.assertEqual(accounts.authenticate(token), UserId.parse(ALICE))
        self.assertEqual(self.homeserver.asked, [("example.org", "openid")])

    def test_tokens_are_stored_hashed(self) -> None:
        """Who reads our tables cannot act for anybody."""
        token = self.successResultOf(self.register())
        self.assertNotIn(token.value, repr(self.records.accounts))
        self.assertNotIn(token.value.encode(), b"".join(self.records.accounts))

    def test_a_homeserver_vouches_for_its_own_users_only(self) -> None:
        """Anybody can run a server; it must not speak for users of another."""
        for subject in (
            "@alice:victim.org",
            "@alice:example.org:8448",
            "@alice:EXAMPLE.org",
        ):
            self.homeserver.answer = subject
            error = self.failureResultOf(self.register(), HomeserverUnavailable).value
            self.assertEqual(str(error), VOUCHED)
        self.assertEqual(self.records.accounts, {})

    def test_a_subject_of_no_sense_is_the_homeservers_fault(self) -> None:
        """An answer that names no user is an outage, not an account."""
        for subject in ("", "alice", "@:example.org", "@a\0:example.org"):
            self.homeserver.answer = subject
            self.failureResultOf(self.register(), HomeserverUnavailable)

    def warned(self, server_name: str, accounts: Accounts) -> list[str]:
        """What the log warns of when somebody registers in vain."""
        with capturedLogs() as events:
            self.failureResultOf(self.register(server_name, accounts))
        self.assertNotIn("openid", "".join(map(str, map(formatEvent, events))))
        return [
            formatEvent(event)
            for event in events
            if event["log_level"] >= LogLevel.warn
        ]

    def test_a_wrong_homeserver_is_a_warning_with_both_names(self) -> None:
        """A wrong matrix.domain is the commonest mistake; the key to mend is named."""
        accounts = self.accounts(frozenset(["example.org"]))
        (warning,) = self.warned("matrix.example.org", accounts)
        for word in ("matrix.example.org", "matrix.domain is example.org"):
            self.assertIn(word, warning)
        # Letter by letter, as homeservers compare them.
        (warning,) = self.warned("Example.org", accounts)
        self.assertIn("letter by letter", warning)

    def test_a_homeserver_of_another_name_is_a_warning_with_both_names(self) -> None:
        """Discovery led to a server that is called otherwise."""
        self.homeserver.answer = "@alice\nsmith:matrix.example.org"
        (warning,) = self.warned("example.org", self.accounts())
        for word in ("a user of example.org", "a user of matrix.example.org"):
            self.assertIn(word, warning)
        self.assertNotIn("smith", warning)

    def test_warnings_do_not_fill_the_log(self) -> None:
        """Strangers cause them: one an hour for a name, and ten names an hour."""
        accounts = self.accounts(frozenset(["example.org"]))
        self.assertEqual(len(self.warned("a.example", accounts)), 1)
        self.assertEqual(self.warned("a.example", accounts), [])
        many = [self.warned(f"s{number}.example", accounts) for number in range(20)]
        self.assertEqual(sum(map(len, many)), 9)
        self.clock.advance(3600)
        self.assertEqual(len(self.warned("a.example", accounts)), 1)

    def test_other_refusals_are_no_warnings(self) -> None:
        """No operator can mend a token that has expired, or a name of no sense."""
        self.homeserver.answer = HomeserverRejectedToken("no")
        self.assertEqual(self.warned("example.org", self.accounts()), [])
        self.assertEqual(self.warned("no name\n", self.accounts()), [])

    def test_a_bad_server_name_is_refused_unasked(self) -> None:
        """Nothing that is no server name is ever connected to."""
        for name in ("", "a b", "http://example.org", "example.org/path", "a@b", "[::"):
            self.failureResultOf(self.register(name), InvalidParam)
        self.assertEqual(self.homeserver.asked, [])

    def test_users_of_other_homeservers_are_refused_unasked(self) -> None:
        """The allow-list is looked at before anybody is connected to."""
        accounts = self.accounts(frozenset(["other.org"]))
        self.failureResultOf(self.register(accounts=accounts), Forbidden)
        self.assertEqual(self.homeserver.asked, [])

    def test_the_homeservers_troubles_pass_through(self) -> None:
        """A refusal stays a refusal, an outage an outage."""
        for error in (HomeserverRejectedToken("no"), HomeserverUnavailable("down")):
            self.homeserver.answer = error
            self.failureResultOf(self.register(), type(error))

    def test_a_network_that_registers_too_much_asks_nobody(self) -> None:
        """Attempts in vain count, too: homeservers are asked for each."""
        self.rates[Counted.REGISTERING_NETWORK] = Rate(2, 60)
        accounts = self.accounts(frozenset(["example.org"]))
        self.failureResultOf(self.register("other.org", accounts), Forbidden)
        self.homeserver.answer = HomeserverRejectedToken("no")
        for _ in range(2):
            asked = self.register(accounts=accounts)
            self.failureResultOf(asked, HomeserverRejectedToken)
        self.homeserver.answer = ALICE
        failure = self.failureResultOf(self.register(accounts=accounts), LimitExceeded)
        self.assertEqual(len(self.homeserver.asked), 2)
        self.successResultOf(self.register(accounts=accounts, address="192.0.2.2"))
        self.clock.advance(failure.value.retry_after)
        self.successResultOf(self.register(accounts=accounts))

    def test_a_user_who_registers_too_much_gets_no_token(self) -> None:
        """From however many networks."""
        self.rates[Counted.REGISTRATIONS] = Rate(2, 60)
        accounts = self.accounts()
        for number in range(2):
            address = f"192.0.2.{number}"
            self.successResultOf(self.register(accounts=accounts, address=address))
        asked = self.register(accounts=accounts, address="192.0.2.3")
        self.failureResultOf(asked, LimitExceeded)
        self.assertEqual(len(self.records.accounts), 2)
        self.homeserver.answer = "@bob:example.org"
        self.successResultOf(self.register(accounts=accounts))

    def test_an_unknown_token_is_nobodys(self) -> None:
        """Neither a made-up nor an endless token is an error of ours."""
        for token in ("", "made up", "x" * 100_000, "\ud800"):
            with self.assertRaises(Unauthorized):
                self.accounts().authenticate(Secret(token))

    def test_a_token_expires(self) -> None:
        """The lifetime is ours, whatever the client says."""
        accounts = self.accounts()
        token = self.successResultOf(self.register(accounts=accounts))
        self.clock.advance(3599)
        accounts.authenticate(token)
        self.clock.advance(1)
        with self.assertRaises(Unauthorized):
            accounts.authenticate(token)

    def test_purging_forgets_what_has_expired(self) -> None:
        """Only tokens that are over are forgotten."""
        accounts = self.accounts()
        self.successResultOf(self.register(accounts=accounts))
        self.clock.advance(1800)
        young = self.successResultOf(self.register(accounts=accounts))
        self.clock.advance(1800)
        self.successResultOf(Deferred.fromCoroutine(accounts.purge()))
        self.assertEqual(len(self.records.accounts), 1)
        accounts.authenticate(young)

    def test_a_user_has_a_hundred_tokens(self) -> None:
        """The oldest ends where another one would be too many; others keep theirs."""
        accounts = self.accounts()
        self.homeserver.answer = "@bob:example.org"
        other = self.successResultOf(self.register(accounts=accounts))
        self.homeserver.answer = ALICE
        tokens = []
        for _ in range(102):
            tokens.append(self.successResultOf(self.register(accounts=accounts)))
            self.clock.advance(1)
        for token in tokens[:2]:
            self.assertRaises(Unauthorized, accounts.authenticate, token)
        for token in (*tokens[2:], other):
            accounts.authenticate(token)

    def test_logout_ends_one_token(self) -> None:
        """Another device's token stays; a second logout finds nothing."""
        accounts = self.accounts()
        first = self.successResultOf(self.register(accounts=accounts))
        second = self.successResultOf(self.register(accounts=accounts))
        self.successResultOf(Deferred.fromCoroutine(accounts.logout(first)))
        with self.assertRaises(Unauthorized):
            accounts.authenticate(first)
        accounts.authenticate(second)
        again = Deferred.fromCoroutine(accounts.logout(first))
        self.failureResultOf(again, Unauthorized)
