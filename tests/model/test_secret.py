"""Values that must never be printed."""

from twisted.trial.unittest import SynchronousTestCase

from mxisd.model.secret import Secret


class SecretTests(SynchronousTestCase):
    """What a secret gives away."""

    def test_nothing_is_printed(self) -> None:
        """No way of turning it into text shows the value."""
        secret = Secret("hunter2")
        for text in (
            repr(secret),
            str(secret),
            f"{secret}",
            f"{[secret]}",
        ):
            self.assertNotIn("hunter2", text)

    def test_it_is_compared_by_value(self) -> None:
        """Equal secrets are equal, and an empty one is none."""
        self.assertEqual(Secret("a"), Secret("a"))
        self.assertNotEqual(Secret("a"), Secret("b"))
        self.assertTrue(Secret("a"))
        self.assertFalse(Secret(""))
