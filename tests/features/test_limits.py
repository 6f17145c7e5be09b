"""How much people may ask for."""

from ipaddress import ip_address
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mxisd.errors import LimitExceeded
from mxisd.features.limits import Counted, LimitPolicy, Limits
from mxisd.model.buckets import Rate
from mxisd.model.destinations import Destination, dialled, mailbox
from mxisd.model.requesters import Account, Origin, Ourselves, Requester, Stranger
from mxisd.model.settings import networks

ALICE = mailbox("alice@example.org")
PHONE = dialled("GB", "07700900001")


def origin(address: str, *, is_claimed: bool = False) -> Origin:
    """Where a request comes from."""
    return Origin(ip_address(address), is_claimed)


def stranger(address: str = "192.0.2.1") -> Stranger:
    """Somebody without an account."""
    return Stranger(origin(address))


def account(name: str, address: str = "192.0.2.1") -> Account:
    """Somebody with an account."""
    return Account(f"@{name}:example.org", origin(address))


def user(name: str, address: str = "192.0.2.1") -> Account:
    """Somebody with an account of a homeserver that nobody named."""
    return Account(f"@{name}:elsewhere.org", origin(address))


def somebody(number: int) -> Destination:
    """An e-mail address."""
    return mailbox(f"{number}@example.org")


class LimitsTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Have a clock."""
        self.clock = Clock()
        self.clock.advance(1_000_000)

    def limits(self, rates: Any = None, **more: Any) -> Limits:
        """Limits of three at once and one more each minute."""
        three = Rate(3, 60)
        more = {"homeservers": {"example.org"}, **more}
        policy = LimitPolicy(rates or dict.fromkeys(Counted, three), **more)
        return Limits(policy, self.clock)

    def passed(
        self, limits: Limits, requester: Requester, *destinations: Destination
    ) -> int:
        """How many pass before one does not."""
        for count, destination in enumerate(destinations):
            try:
                limits.count_message(requester, destination)
            except LimitExceeded:
                return count
        return len(destinations)

    def test_an_address_is_protected(self) -> None:
        """Whichever account asks, and from wherever; other addresses have their own."""
        limits = self.limits()
        for number in range(3):
            limits.count_message(account(f"{number}", f"192.0.2.{number}"), ALICE)
        self.assertEqual(self.passed(limits, account("bob", "198.51.100.1"), ALICE), 0)
        self.assertEqual(self.passed(limits, account("bob"), somebody(1)), 1)

    def test_groups_have_their_own_budgets(self) -> None:
        """
        What one group uses up, the others still have.

        A group is a homeserver that the operator named, one in an internal network, or
        all others together.
        """
        groups: list[tuple[Requester, Requester]] = [
            (account("bob"), account("carol", "192.0.2.2")),
            (user("bob"), Account("@carol:another.org", origin("192.0.2.2"))),
            (stranger("10.0.0.1"), stranger("10.0.0.1")),
            (stranger("10.0.0.2"), stranger("10.0.0.2")),
        ]
        other = dialled("GB", "07700900002")
        shared: list[tuple[Counted, Destination, Destination]] = [
            (Counted.EMAIL_IN_ALL, ALICE, ALICE),
            (Counted.PHONE_IN_ALL, PHONE, PHONE),
            (Counted.COUNTRY, PHONE, other),
        ]
        for what, destination, same in shared:
            limits = self.limits({what: Rate(2, 60)})
            for one, another in groups:
                self.assertEqual(self.passed(limits, one, *[destination] * 9), 2)
                self.assertEqual(self.passed(limits, another, same), 0)

    def test_no_account_locks_an_owner_out(self) -> None:
        """One account may ask for less than all of a homeserver together."""
        for own, all_, destination in (
            (Counted.EMAIL, Counted.EMAIL_IN_ALL, ALICE),
            (Counted.PHONE, Counted.PHONE_IN_ALL, PHONE),
        ):
            limits = self.limits({own: Rate(2, 60), all_: Rate(5, 60)})
            for _ in range(100):
                self.passed(limits, account("eve"), destination)
                self.clock.advance(60)
            self.assertEqual(self.passed(limits, account("eve"), *[destination] * 9), 2)
            alice = account("alice", "192.0.2.2")
            self.assertEqual(self.passed(limits, alice, *[destination] * 9), 2)

    def test_no_account_uses_up_a_country(self) -> None:
        """However many numbers it asks for."""
        limits = self.limits(
            {Counted.TEXTS: Rate(2, 600), Counted.COUNTRY: Rate(9, 60)}
        )
        numbers = [dialled("GB", f"0770090000{number}") for number in range(9)]
        self.assertEqual(self.passed(limits, account("eve"), *numbers), 2)
        self.assertEqual(self.passed(limits, account("eve"), *[ALICE] * 9), 9)
        self.assertEqual(self.passed(limits, account("bob"), *numbers), 2)

    def test_spellings_of_a_mailbox_count_together(self) -> None:
        """Full-width letters and either label of a domain are no other mailbox."""
        limits = self.limits()
        spellings = ("ann@faß.de", "Ann@ｆaß.de", "ann@xn--fa-hia.de", "ANN@FAẞ.DE")
        mailboxes = [mailbox(each) for each in spellings]
        self.assertEqual(self.passed(limits, Ourselves(), *mailboxes), 3)

    def test_it_is_told_when_to_come_back(self) -> None:
        """And then it works, once."""
        limits = self.limits()
        self.assertEqual(self.passed(limits, account("bob"), *[ALICE] * 4), 3)
        error = self.assertRaises(
            LimitExceeded, limits.count_message, account("bob"), ALICE
        )
        self.assertIn("messages", str(error))
        self.clock.advance(error.retry_after)
        self.assertEqual(self.passed(limits, account("bob"), ALICE, ALICE), 1)

    def test_a_refused_message_is_not_counted(self) -> None:
        """Neither where it was too much, nor elsewhere."""
        rates = {Counted.EMAIL: Rate(1, 60), Counted.ACCOUNT: Rate(2, 60)}
        limits = self.limits(rates)
        bob = account("bob")
        self.assertEqual(self.passed(limits, bob, ALICE, ALICE), 1)
        for _ in range(5):
            self.assertEqual(self.passed(limits, bob, ALICE), 0)
        self.assertEqual(self.passed(limits, bob, somebody(1), somebody(2)), 1)

    def test_accounts_and_networks_are_counted(self) -> None:
        """One account from many networks, and many accounts from one network."""
        limits = self.limits({Counted.ACCOUNT: Rate(3, 60)})
        for number in range(3):
            limits.count_message(account("bob", f"192.0.2.{number}"), somebody(number))
        self.assertEqual(self.passed(limits, account("bob", "192.0.2.9"), ALICE), 0)
        limits = self.limits({Counted.NETWORK: Rate(3, 60)})
        for number in range(3):
            limits.count_message(account(f"{number}"), somebody(number))
        self.assertEqual(self.passed(limits, account("bob"), ALICE), 0)
        self.assertEqual(self.passed(limits, account("bob", "192.0.2.2"), ALICE), 1)

    def test_a_shared_network(self) -> None:
        """Who has an account elsewhere takes nothing from our own users there."""
        limits = self.limits({Counted.NETWORK: Rate(1, 60)})
        for requester in (user("bob"), account("bob"), stranger()):
            self.assertEqual(self.passed(limits, requester, ALICE, ALICE), 1)

    def test_an_ipv6_network_is_one(self) -> None:
        """Its owner has more addresses than we can count; IPv4 inside is IPv4."""
        limits = self.limits({Counted.NETWORK: Rate(1, 60)})
        self.assertEqual(self.passed(limits, stranger("2001:db8::1"), ALICE), 1)
        self.assertEqual(self.passed(limits, stranger("2001:db8::2:1"), ALICE), 0)
        self.assertEqual(self.passed(limits, stranger("2001:db8:0:1::"), ALICE), 1)
        self.assertEqual(self.passed(limits, stranger("::ffff:192.0.2.1"), ALICE), 1)
        self.assertEqual(self.passed(limits, stranger("::ffff:192.0.2.2"), ALICE), 1)

    def test_an_ipv6_site_is_one(self) -> None:
        """Who has a /48 has 65536 networks, and a few of them count as few."""
        limits = self.limits({Counted.NETWORK: Rate(1, 60), Counted.SITE: Rate(3, 60)})
        asking = [user("eve", f"2001:db8:1:{number}::1") for number in range(9)]
        passed = sum(self.passed(limits, each, ALICE) for each in asking)
        self.assertEqual(passed, 3)
        self.assertEqual(self.passed(limits, user("bob", "2001:db8:2::1"), ALICE), 1)

    def test_some_networks_are_exempt(self) -> None:
        """A homeserver asks for all its users; a forged header does not help."""
        rates = {Counted.NETWORK: Rate(1, 60), Counted.SITE: Rate(1, 60)}
        exempt = networks("192.0.2.0/24", "2001:db8::/32")
        limits = self.limits(rates, exempt_networks=exempt)
        for address in ("192.0.2.1", "2001:db8::1"):
            self.assertEqual(self.passed(limits, stranger(address), *[ALICE] * 9), 9)
        liar = Stranger(origin("192.0.2.1", is_claimed=True))
        self.assertEqual(self.passed(limits, liar, ALICE, ALICE), 1)

    def test_a_country_is_counted(self) -> None:
        """Many numbers of one country, by nobody in particular."""
        limits = self.limits({Counted.COUNTRY: Rate(3, 60)})
        numbers = [dialled("GB", f"0770090000{number}") for number in range(9)]
        self.assertEqual(self.passed(limits, Ourselves(), *numbers), 3)
        french = dialled("FR", "612345678")
        self.assertEqual(self.passed(limits, Ourselves(), french, PHONE), 1)
        self.assertEqual(self.passed(limits, Ourselves(), ALICE), 1)

    def test_a_number_is_counted(self) -> None:
        """Apart from e-mail addresses."""
        limits = self.limits({Counted.PHONE_IN_ALL: Rate(3, 60)})
        self.assertEqual(self.passed(limits, Ourselves(), *[PHONE] * 9), 3)
        self.assertEqual(self.passed(limits, Ourselves(), *[ALICE] * 9), 9)

    def test_a_mailbox_is_counted(self) -> None:
        """What follows a plus leads to the same one; elsewhere it is another."""
        for same in ("alice+1@example.org", "alice+@example.org", "alice@example.org"):
            limits = self.limits({Counted.EMAIL: Rate(1, 60)})
            self.assertEqual(self.passed(limits, account("eve"), ALICE), 1)
            self.assertEqual(self.passed(limits, account("eve"), mailbox(same)), 0)
        limits = self.limits({Counted.EMAIL_IN_ALL: Rate(1, 60)})
        others = ["alice+1@a.org", "+@a.org", "+1@a.org", "al@a.org", "alice@b.org"]
        for other in others:
            self.assertEqual(self.passed(limits, account("eve"), mailbox(other)), 1)

    def test_lookups_are_counted_in_addresses(self) -> None:
        """By account, whatever its network; a full bucket gives more than it holds."""
        limits = self.limits({Counted.LOOKUPS: Rate.hourly(1000)})
        limits.count_lookup(account("bob"), 10_000)
        limits.count_lookup(account("carol"), 999)
        for requester, count, seconds in (
            (account("bob", "192.0.2.2"), 1, 9001 * 3.6),
            (account("carol"), 2, 3.6),
        ):
            error = self.assertRaises(
                LimitExceeded, limits.count_lookup, requester, count
            )
            self.assertAlmostEqual(error.retry_after, seconds)
        self.clock.advance(10 * 3600)
        limits.count_lookup(account("bob"), 10_000)

    def test_registrations_are_counted(self) -> None:
        """By network and site before a homeserver is asked, and then by user."""
        one = Rate(1, 60)
        limits = self.limits(
            {Counted.REGISTERING_NETWORK: one, Counted.REGISTERING_SITE: Rate(2, 60)}
        )
        for address, passes in (
            ("2001:db8:1:1::1", True),
            ("2001:db8:1:1::2", False),
            ("2001:db8:1:2::1", True),
            ("2001:db8:1:3::1", False),
            ("2001:db8:2::1", True),
            ("192.0.2.1", True),
            ("192.0.2.1", False),
        ):
            if passes:
                limits.count_attempt_to_register(origin(address))
            else:
                with self.assertRaisesRegex(LimitExceeded, "register"):
                    limits.count_attempt_to_register(origin(address))
        limits = self.limits({Counted.REGISTRATIONS: one})
        limits.count_registration(account("bob"))
        with self.assertRaisesRegex(LimitExceeded, "register"):
            limits.count_registration(account("bob", "192.0.2.2"))
        limits.count_registration(account("carol"))

    def test_exempt_networks_register_without_limit(self) -> None:
        """All users of a company come from one address, sometimes."""
        rates = {Counted.REGISTERING_NETWORK: Rate(1, 60)}
        limits = self.limits(rates, exempt_networks=networks("192.0.2.0/24"))
        for _ in range(9):
            limits.count_attempt_to_register(origin("192.0.2.1"))

    def test_without_rates_there_is_no_limit(self) -> None:
        """Nothing is counted, nothing remembered."""
        limits = Limits(LimitPolicy(), self.clock)
        self.assertEqual(self.passed(limits, stranger(), *[ALICE] * 99), 99)
        self.assertEqual(len(limits), 0)

    def test_a_flood_pushes_out_nothing_else(self) -> None:
        """What many networks, accounts or addresses cause is remembered on its own."""
        policy = LimitPolicy(dict.fromkeys(Counted, Rate(1, 60)), (), {"example.org"})
        limits = Limits(policy, self.clock, max_buckets=100)
        limits.count_message(account("alice"), ALICE)
        limits.count_message(account("bob", "192.0.2.2"), PHONE)
        near = stranger("10.0.0.1")
        limits.count_message(near, ALICE)
        for number in range(500):
            eve = user(f"eve{number}", f"2001:db8:{number}::1")
            limits.count_message(eve, somebody(number))
        for requester, destination in (
            (account("alice", "192.0.2.9"), somebody(1000)),
            (account("mallory"), somebody(1000)),
            (account("mallory", "192.0.2.9"), ALICE),
            (account("mallory", "192.0.2.9"), PHONE),
            (near, somebody(1000)),
        ):
            self.assertEqual(self.passed(limits, requester, destination), 0)

    def test_a_refusal_says_of_what_there_was_too_much(self) -> None:
        """Messages, requests, addresses."""
        limits, bob = self.limits(), account("bob")
        for ask, sentence in (
            (
                lambda: limits.count_message(bob, ALICE),
                "Too many messages were asked for; try again later.",
            ),
            (
                lambda: limits.count_request(user("eve")),
                "Too many requests; try again later.",
            ),
            (
                lambda: limits.count_lookup(bob, 1),
                "Too many addresses were looked up; try again later.",
            ),
        ):
            for _ in range(3):
                ask()
            error = self.assertRaises(LimitExceeded, ask)
            self.assertEqual(str(error), sentence)

    def test_what_follows_the_first_plus(self) -> None:
        """A mailbox is called by what is before any plus, and before the last @."""
        limits = self.limits({Counted.EMAIL: Rate(2, 60)})
        spellings = ("bob+a+b@example.org", "bob+a@example.org", "bob@example.org")
        count = self.passed(limits, account("eve"), *map(mailbox, spellings))
        self.assertEqual(count, 2)

    def test_lookups_of_strangers_do_not_push_out_others(self) -> None:
        """What an account has used up is remembered beside a flood of others."""
        limits = Limits(
            LimitPolicy({Counted.LOOKUPS: Rate(1, 60)}, homeservers={"example.org"}),
            self.clock,
            max_buckets=5,
        )
        limits.count_lookup(account("bob"), 1)
        for number in range(50):
            limits.count_lookup(user(f"eve{number}"), 1)
        self.assertRaises(LimitExceeded, limits.count_lookup, account("bob"), 1)
        self.assertLess(len(limits), 20)

    def test_each_homeserver_that_is_named_has_a_budget(self) -> None:
        """What the users of one have used up, those of the other still have."""
        limits = self.limits(
            {Counted.EMAIL_IN_ALL: Rate(2, 60)}, homeservers={"example.org", "a.org"}
        )
        other = Account("@bob:a.org", origin("192.0.2.1"))
        for requester in (account("bob"), other):
            self.assertEqual(self.passed(limits, requester, *[ALICE] * 9), 2)
