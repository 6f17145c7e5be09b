"""Tests of single values."""

from collections.abc import Callable
from enum import Enum, IntEnum, StrEnum
from functools import partial
from ipaddress import ip_network
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.config import scalars
from mxisd.config.document import WrittenFloat, WrittenInt
from mxisd.model.secret import Secret


class Colour(Enum):
    """Words."""

    RED = "red"
    OFF = "off"


class Name(StrEnum):
    """Words that are texts."""

    ANN = "ann"


class Size(IntEnum):
    """Words that are numbers."""

    ONE = 1


class ScalarTests(SynchronousTestCase):
    def assert_refused(
        self, read: "Callable[[Any], Any]", words: str, *values: Any
    ) -> None:
        """Each value is refused with a sentence that holds these words."""
        for value in values:
            error = self.assertRaises(ValueError, read, value)
            self.assertIn(words, str(error), repr(value))

    def test_text(self) -> None:
        """A number is a text as it was written."""
        for value, expected in (
            ("a", "a"),
            ("", ""),
            ("12", "12"),
            ("true", "true"),
            (WrittenInt.of(83, "0123"), "0123"),
            (WrittenFloat.of(1.1, "1.10"), "1.10"),
        ):
            self.assertEqual(scalars.text(value), expected)
            self.assertIs(type(scalars.text(value)), str)
        self.assert_refused(scalars.text, "must be a text", None, [], {}, ["a"])
        self.assert_refused(scalars.text, 'put it into "quotes"', True)

    def test_secret(self) -> None:
        """Secrets are texts, and no sentence shows one."""
        self.assertEqual(scalars.secret("pass"), Secret("pass"))
        self.assertEqual(scalars.secret(WrittenInt.of(7, "007")), Secret("007"))
        error = self.assertRaises(ValueError, scalars.secret, ["hunter2"])
        self.assertNotIn("hunter2", str(error))

    def test_whole_number(self) -> None:
        """Quotes do no harm: what comes from the environment is a text, too."""
        for value, expected in (
            (5, 5),
            (-5, -5),
            (WrittenInt.of(5, "0x5"), 5),
            ("389", 389),
            (" -5 ", -5),
        ):
            self.assertEqual(scalars.whole_number(value), expected)
            self.assertIs(type(scalars.whole_number(value)), int)
        read, words = scalars.whole_number, "must be a whole number"
        self.assert_refused(read, words, 5.0, True, None, [])
        self.assert_refused(read, words, "", "5x", "5.0", "0x5", "٥", "1_0", "9" * 19)

    def test_number(self) -> None:
        """Numbers are finite."""
        for value, expected in ((5, 5.0), (0.5, 0.5), ("0.5", 0.5), (" 5 ", 5.0)):
            self.assertEqual(scalars.number(value), expected)
        read, words = scalars.number, "must be a number"
        self.assert_refused(read, words, True, None, [], 10**400, "9" * 400)
        self.assert_refused(read, words, float("inf"), float("nan"))
        self.assert_refused(read, words, "", "x", "nan", "inf", "1_0")

    def test_switch(self) -> None:
        """Quotes do no harm: what comes from the environment is a text, too."""
        for value, expected in (
            (True, True),
            (False, False),
            ("true", True),
            (" Yes ", True),
            ("off", False),
        ):
            self.assertIs(scalars.switch(value), expected)
        read, words = scalars.switch, "must be true or false"
        self.assert_refused(read, words, 1, 0, None, [], "", "1", "truee")

    def test_duration(self) -> None:
        """Seconds, or amounts with their unit, in any order."""
        for value, seconds in (
            (90, 90),
            (0, 0),
            (0.5, 0.5),
            ("90", 90),
            (" 90 ", 90),
            ("10s", 10),
            ("15m", 900),
            ("2h", 7200),
            ("1d", 86400),
            ("1d 12h", 129600),
            ("1d12h", 129600),
            ("1d 2h 3m 4s", 93784),
            ("10 s", 10),
        ):
            self.assertEqual(scalars.duration(value), seconds, value)
        read, words = scalars.duration, "must be a time such as"
        self.assert_refused(read, words, "", " ", "s", "1x", "1ms", "-5s", "1.5h")
        self.assert_refused(read, words, "1h and", "10S", "١٠s", "1,5h", "1h-5m")
        self.assert_refused(read, words, None, True, [], {}, -1, 10**400)
        self.assert_refused(read, words, float("inf"), float("nan"))
        self.assert_refused(read, words, "9" * 13, "36501d", "9" * 12 + "d")

    def test_network(self) -> None:
        """An address alone is a network of one."""
        for value, network in (
            ("10.0.0.0/8", ip_network("10.0.0.0/8")),
            (" fd00::/8 ", ip_network("fd00::/8")),
            ("127.0.0.1", ip_network("127.0.0.1/32")),
            ("::1", ip_network("::1/128")),
        ):
            self.assertEqual(scalars.network(value), network)
        read, words = scalars.network, "such as 10.0.0.0/8"
        self.assert_refused(read, words, "", "10.0.0.1/8", "10.0.0.0/33", "localhost")
        self.assert_refused(read, words, 10, True, None, [])

    def test_word(self) -> None:
        """One of the words, all of which are told otherwise."""
        for value, words, expected in (
            ("red", Colour, Colour.RED),
            (False, Colour, Colour.OFF),
            ("ann", Name, Name.ANN),
            (1, Size, Size.ONE),
        ):
            self.assertIs(scalars.word(value, words), expected)
        wrong: tuple[Any, ...] = ("Red", "", 1, True, None, [], {})
        read = partial(scalars.word, words=Colour)
        self.assert_refused(read, "must be one of red, off", *wrong)

    @given(
        st.sampled_from(sorted(scalars.BY_KIND.values(), key=repr)),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=3,
        ),
    )
    def test_whatever_it_is(self, read: Any, value: Any) -> None:
        """A value is read or refused; nothing else happens."""
        for each in (value, str(value)):
            try:
                read(each)
            except ValueError as error:
                self.assertNotEqual(str(error), "")
