"""What becomes of values in the rows of others."""

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.importing.ma1sd import ma1sd_parts
from mxisd.importing.parts import Part
from mxisd.importing.sydent import sydent_parts
from mxisd.importing.values import Circumstances, LeftOut, number, text, threepid

VALUES = st.none() | st.integers() | st.floats() | st.binary() | st.text()
ROWS = st.lists(VALUES, min_size=12, max_size=12)
CIRCUMSTANCES = Circumstances(
    now_ms=1,
    token_life_ms=1,
    allowed=None,
    next_link_hosts=None,
    keys=Path("no-keys"),
)
PARTS = (*ma1sd_parts(CIRCUMSTANCES), *sydent_parts(CIRCUMSTANCES))


def width(part: Part) -> int:
    """How many columns are read."""
    return len(part.columns.split(","))


class ValuesTests(SynchronousTestCase):
    def test_what_is_no_text_is_left_out(self) -> None:
        """NULL, a number, bytes, an empty text, and what was no UTF-8."""
        values: tuple[Any, ...] = (None, 1, b"a", "", "\udcff")
        for value in values:
            self.assertRaises(LeftOut, text, value)

    def test_what_is_no_number_is_left_out(self) -> None:
        """NULL, a text, and a fraction."""
        values: tuple[Any, ...] = (None, "1", 1.5)
        for value in values:
            self.assertRaises(LeftOut, number, value)

    def test_a_reason_names_no_address(self) -> None:
        """Reports are pasted into tickets."""
        with self.assertRaises(LeftOut) as caught:
            threepid("email", "alice.example.org")
        self.assertNotIn("alice", str(caught.exception))

    @given(ROWS)
    def test_any_row_is_read_or_left_out(self, row: "list[Any]") -> None:
        """Nothing else comes of it, whatever is in its columns."""
        for part in PARTS:
            values, left = part.values([(1, *row[: width(part)])])
            self.assertEqual(len(values) + left.total(), 1)
