"""What becomes of the keys about limits."""

from twisted.trial.unittest import SynchronousTestCase

from mxisd.assembly.limits import limit_policy
from mxisd.features.limits import Counted, LimitPolicy
from mxisd.model.buckets import Rate
from tests.config.fakes import loaded

EVERY_KEY = """
limits:
  account: {burst: 1, every: 10}
  network: {burst: 2, every: 20, exempt: [10.0.0.0/8]}
  email: {burst: 3, every: 30}
  phone: {burst: 4, every: 40}
  country: {burst: 5, every: 50}
  texts: {burst: 6, every: 60}
  lookup: {perAccount: 7200}
  registration:
    account: {burst: 7, every: 70}
    network: {burst: 8, every: 80}
"""


def policy(text: str = "") -> LimitPolicy:
    """The policy of a configuration."""
    core = "matrix: {domain: a.org}\nkey: {path: keys}\n"
    return limit_policy(loaded(core + text).config)


class LimitPolicyTests(SynchronousTestCase):
    def test_every_key(self) -> None:
        """Each bucket has its own rate; what many share holds four times as much."""
        made = policy(EVERY_KEY)
        expected = {
            Counted.ACCOUNT: Rate(1, 10),
            Counted.TEXTS: Rate(6, 60),
            Counted.NETWORK: Rate(2, 20),
            Counted.SITE: Rate(8, 5),
            Counted.EMAIL: Rate(3, 30),
            Counted.EMAIL_IN_ALL: Rate(12, 30),
            Counted.PHONE: Rate(4, 40),
            Counted.PHONE_IN_ALL: Rate(16, 40),
            Counted.COUNTRY: Rate(5, 50),
            Counted.LOOKUPS: Rate(7200, 0.5),
            Counted.REGISTRATIONS: Rate(7, 70),
            Counted.REGISTERING_NETWORK: Rate(8, 80),
            Counted.REGISTERING_SITE: Rate(32, 20),
        }
        self.assertEqual(made.rates, expected)
        self.assertEqual([str(each) for each in made.exempt_networks], ["10.0.0.0/8"])

    def test_everything_is_limited(self) -> None:
        """Unless the operator wants no limits."""
        self.assertEqual(set(policy().rates), set(Counted))
        self.assertEqual(policy("limits: {enabled: false}").rates, {})

    def test_lookups_without_limit(self) -> None:
        """They alone; 0 says so."""
        rates = policy("limits: {lookup: {perAccount: 0}}").rates
        self.assertEqual(set(Counted) - set(rates), {Counted.LOOKUPS})

    def test_homeservers_with_budgets_of_their_own(self) -> None:
        """Those that the operator named, if they may register at all."""
        listed = "allowedHomeservers: [b.org]"
        for text, expected in (
            ("", {"a.org"}),
            (f"accountConfig: {{{listed}}}", {"a.org"}),
            ("accountConfig: {allowOnlyTrustDomains: false}", {"a.org"}),
            (
                f"accountConfig: {{allowOnlyTrustDomains: false, {listed}}}",
                {"a.org", "b.org"},
            ),
        ):
            self.assertEqual(policy(text).homeservers, expected)
