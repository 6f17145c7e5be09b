"""How many messages people may ask for."""

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
        """Whoever asks, and from wherever; another address is another matter."""
        limits = self.limits()
        for number in range(3):
            limits.count_message(stranger(f"192.0.2.{number}"), ALICE)
        for requester in (stranger("198.51.100.1"), account("bob"), Ourselves()):
            self.assertEqual(self.passed(limits, requester, ALICE), 0)
        self.assertEqual(self.passed(limits, stranger(), somebody(1)), 1)

    def test_it_is_told_when_to_come_back(self) -> None:
        """And then it works, once."""
        limits = self.limits()
        self.assertEqual(self.passed(limits, Ourselves(), *[ALICE] * 4), 3)
        error = self.assertRaises(
            LimitExceeded, limits.count_message, Ourselves(), ALICE
        )
        self.clock.advance(error.retry_after)
        self.assertEqual(self.passed(limits, Ourselves(), ALICE, ALICE), 1)

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
        self.assertEqual(self.passed(limits, stranger(), ALICE), 0)
        self.assertEqual(self.passed(limits, stranger("192.0.2.2"), ALICE), 1)

    def test_an_ipv6_network_is_one(self) -> None:
        """Its owner has more addresses than we can count; IPv4 inside is IPv4."""
        limits = self.limits({Counted.NETWORK: Rate(1, 60)})
        self.assertEqual(self.passed(limits, stranger("2001:db8::1"), ALICE), 1)
        self.assertEqual(self.passed(limits, stranger("2001:db8::2:1"), ALICE), 0)
        self.assertEqual(self.passed(limits, stranger("2001:db8:0:1::"), ALICE), 1)
        self.assertEqual(self.passed(limits, stranger("::ffff:192.0.2.1"), ALICE), 1)
        self.assertEqual(self.passed(limits, stranger("::ffff:192.0.2.2"), ALICE), 1)

    def test_some_networks_are_exempt(self) -> None:
        """A homeserver asks for all its users; a forged header does not help."""
        rates = {Counted.NETWORK: Rate(1, 60)}
        limits = self.limits(rates, exempt_networks=networks("192.0.2.0/24"))
        self.assertEqual(self.passed(limits, stranger(), *[ALICE] * 9), 9)
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
        limits = self.limits({Counted.PHONE: Rate(3, 60)})
        self.assertEqual(self.passed(limits, Ourselves(), *[PHONE] * 9), 3)
        self.assertEqual(self.passed(limits, Ourselves(), *[ALICE] * 9), 9)

    def test_without_rates_there_is_no_limit(self) -> None:
        """Nothing is counted, nothing remembered."""
        limits = Limits(LimitPolicy(), self.clock)
        self.assertEqual(self.passed(limits, stranger(), *[ALICE] * 99), 99)
        self.assertEqual(len(limits), 0)

    def test_memory_is_bounded(self) -> None:
        """However many are counted, the newest ones are remembered."""
        policy = LimitPolicy({Counted.EMAIL: Rate(1, 60)})
        limits = Limits(policy, self.clock, max_buckets=100)
        for number in range(1000):
            limits.count_message(Ourselves(), somebody(number))
        self.assertEqual(len(limits), 100)
        self.assertEqual(self.passed(limits, Ourselves(), somebody(950)), 0)

    def test_what_was_long_ago_is_forgotten(self) -> None:
        """Full buckets go, bit by bit, while others come."""
        limits = self.limits({Counted.EMAIL: Rate(1, 60)})
        for number in range(100):
            limits.count_message(Ourselves(), somebody(number))
        self.clock.advance(3600)
        for number in range(100, 160):
            limits.count_message(Ourselves(), somebody(number))
        self.assertLessEqual(len(limits), 60)
