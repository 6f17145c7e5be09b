"""Randomness fit for secrets."""

import string

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mxisd.ports import IRandom
from mxisd.randomness import SystemRandom


class SystemRandomTests(SynchronousTestCase):
    """What is drawn from the operating system."""

    def test_it_provides_the_interface(self) -> None:
        """It is what the port says."""
        verifyObject(IRandom, SystemRandom())

    def test_lengths(self) -> None:
        """Everything has the size that was asked for."""
        for length in (0, 1, 32, 255):
            self.assertEqual(len(SystemRandom().token_bytes(length)), length)
            self.assertEqual(len(SystemRandom().alphanumeric(length)), length)

    def test_every_letter_and_digit_is_drawn(self) -> None:
        """Nothing else ends up in a text, and nothing is left out."""
        drawn = set(SystemRandom().alphanumeric(20_000))
        self.assertEqual(drawn, set(string.ascii_letters + string.digits))

    def test_nothing_is_drawn_twice(self) -> None:
        """Two draws differ."""
        self.assertEqual(len({SystemRandom().token_bytes(16) for _ in range(100)}), 100)
        texts = {SystemRandom().alphanumeric(20) for _ in range(100)}
        self.assertEqual(len(texts), 100)
