"""The operator's door in the configuration."""

from twisted.trial.unittest import SynchronousTestCase

from mxisd.config.dump import dump
from mxisd.errors import ConfigError
from tests.config.fakes import FOUNDATION, loaded


class TokenTests(SynchronousTestCase):
    """What operators show."""

    def test_good_ones(self) -> None:
        """Long, and printable; they are not printed."""
        config = loaded(FOUNDATION + "admin: {token: 0123456789abcdef}").config
        assert config.admin.token is not None
        self.assertEqual(config.admin.token.value, "0123456789abcdef")
        self.assertNotIn("0123456789abcdef", dump(config))
        self.assertIsNone(loaded(FOUNDATION).config.admin.token)

    def test_bad_ones(self) -> None:
        """Each problem says what would be good."""
        for token in ("''", "short", "0123456789abcde ü", "'0123456789 abcdef'"):
            text = f"{FOUNDATION}admin: {{token: {token}}}"
            error = self.assertRaises(ConfigError, loaded, text)
            (problem,) = error.problems
            self.assertEqual(problem.path, "admin.token")
            self.assertNotIn("0123", problem.text)
