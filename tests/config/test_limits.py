"""The configuration of limits."""

from twisted.trial.unittest import SynchronousTestCase

from mxisd.errors import ConfigError
from tests.config.fakes import loaded

BASE = "matrix: {domain: example.org}\nkey: {path: ':memory:'}\n"


class LimitsSectionTests(SynchronousTestCase):
    def refused(self, text: str) -> str:
        """What is said about a section."""
        error = self.assertRaises(ConfigError, loaded, f"{BASE}limits: {text}")
        (problem,) = error.problems
        return str(problem.text)

    def test_defaults(self) -> None:
        """Five messages reach an address in a row."""
        limits = loaded(BASE).config.limits
        bursts = [limits.account.burst, limits.network.burst, limits.email.burst]
        bursts += [limits.phone.burst, limits.country.burst, limits.texts.burst]
        self.assertGreaterEqual(min(bursts), 5)
        self.assertEqual(limits.lookup.per_account, 100_000)

    def test_limits_let_something_through(self) -> None:
        """Nothing at all is not a limit."""
        for key in ("account", "texts", "network", "email", "phone", "country"):
            for value in ("{burst: 0}", "{every: 0}"):
                self.assertIn("more than 0", self.refused(f"{{{key}: {value}}}"))
                text = f"{{registration: {{network: {value}}}}}"
                self.assertIn("more than 0", self.refused(text))

    def test_lookups_may_have_none(self) -> None:
        """But nobody has less than nothing."""
        text = self.refused("{lookup: {perAccount: -1}}")
        self.assertIn("0 for no limit", text)
