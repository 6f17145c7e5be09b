# SPDX-License-Identifier: Apache-2.0
import contextlib
import csv
import io

from hypothesis import given
from hypothesis import strategies as st
from mxisd.model.identifiers import UserId
from mxisd.model.stored import StoredAddresses
from mxisd.model.threepids import EMAIL, MSISDN, canonical
from twisted.trial.unittest import SynchronousTestCase

from mxisd_csv_store.people import COLUMNS, Malformed, People, Remark, read_people

DOMAIN = "example.org"
GERMAN = StoredAddresses("DE")


def read(*lines: str) -> People:
    """The people in a file of these lines."""
    return read_people("\n".join(lines), DOMAIN, GERMAN)


def user_id(localpart: str) -> UserId:
    """A user ID of ours."""
    return UserId(localpart, DOMAIN)


def email(address: str) -> object:
    """An e-mail address as the owners have it."""
    return canonical(EMAIL, address)


class RowsTests(SynchronousTestCase):
    """What a row says about somebody."""

    def test_columns_come_in_any_order(self) -> None:
        """The first line tells which column is which, and one is enough."""
        people = read("emails, Username ", "ann@example.org,Ann", "", "  ,bea")
        self.assertEqual(list(people.by_id), [user_id("ann"), user_id("bea")])
        self.assertEqual(people.owners, {email("ann@example.org"): user_id("ann")})
        self.assertEqual(people.remarks, [])

    def test_semicolons_part_values(self) -> None:
        """Blanks around them do not matter; those inside a value stay."""
        people = read(
            "username,phones,roles", "ann,0171 1234567 ;+493012345678;,a b; c"
        )
        (ann,) = people.by_id.values()
        phones = {canonical(MSISDN, each) for each in ("491711234567", "493012345678")}
        self.assertEqual(ann.profile.threepids, phones)
        self.assertEqual(ann.profile.roles, {"a b", "c"})

    def test_what_spreadsheets_write_is_read(self) -> None:
        """CRLF, quotes with commas and line breaks in them, empty rows."""
        text = 'username,display_name\r\nann,"Ann, ""A""\r\nB."\r\n,\r\n\r\n'
        people = read_people(text, DOMAIN, GERMAN)
        (ann,) = people.by_id.values()
        self.assertEqual(ann.profile.display_name, 'Ann, "A"\r\nB.')
        self.assertEqual(people.remarks, [])

    def test_first_row_wins(self) -> None:
        """An address or a username that is there before belongs to the first row."""
        people = read(
            "username,emails",
            "ann,a@example.org",
            "bea,A@EXAMPLE.ORG;b@example.org",
            "ANN,c@example.org",
        )
        self.assertEqual(
            people.owners,
            {
                email("a@example.org"): user_id("ann"),
                email("b@example.org"): user_id("bea"),
            },
        )
        bea = people.by_id[user_id("bea")]
        self.assertEqual(bea.profile.threepids, {email("b@example.org")})
        self.assertEqual([remark.line for remark in people.remarks], [3, 4])

    def test_bad_rows_are_passed_over(self) -> None:
        """Each gets a remark with its line, and none that shows what is in it."""
        people = read(
            "username,emails,phones,password",
            "bad\aname,,,",
            ",nobody@example.org,,",
            "cat,secret-cat.example.org,,",
            "dan,,05556667 05556667 05556667,",
            "eve,,,hunter2",
            "fay,too,few",
            "gil,gil@example.org,,",
        )
        self.assertEqual(list(people.by_id), [user_id("gil")])
        self.assertEqual([remark.line for remark in people.remarks], [2, 3, 4, 5, 6, 7])
        for shown in ("secret", "bad", "5556667", "hunter2", "nobody"):
            self.assertNotIn(shown, str(people.remarks))


class WholeTests(SynchronousTestCase):
    """What is no list of people at all."""

    def problem(self, text: str) -> str:
        """Why a text is malformed."""
        with self.assertRaises(Malformed) as caught:
            read_people(text, DOMAIN, GERMAN)
        return str(caught.exception)

    def test_first_line_must_name_the_columns(self) -> None:
        """Nothing, other columns, double ones, or no username: never "nobody"."""
        self.assertIn("username", self.problem(""))
        self.assertIn("username", self.problem("emails\na@example.org"))
        self.assertIn("column 2", self.problem("username,email\na,a@example.org"))
        self.assertIn("column 3", self.problem("username,roles,roles\n"))

    def test_missing_first_line_is_not_shown(self) -> None:
        """The person who stands in its place is not in the message."""
        self.assertNotIn("alice", self.problem("alice,alice@example.org\n"))

    def test_open_quote_is_told(self) -> None:
        """A quote that never ends would swallow all the rows behind it."""
        self.assertIn("quotes", self.problem('username\n"ann\nbea\n'))

    @given(st.text())
    def test_any_text_is_read_or_refused(self, text: str) -> None:
        """Whatever is in the file, nothing but Malformed is raised."""
        for head in ("", ",".join(COLUMNS) + "\n"):
            with contextlib.suppress(Malformed):
                read_people(head + text, DOMAIN, GERMAN)

    @given(st.lists(st.lists(st.text(max_size=9), min_size=6, max_size=6), max_size=9))
    def test_every_row_is_a_person_or_a_remark(self, rows: list[list[str]]) -> None:
        """Nobody is lost without a remark, whatever the cells hold."""
        out = io.StringIO(newline="")
        csv.writer(out).writerows([COLUMNS, *rows])
        people = read_people(out.getvalue(), DOMAIN, GERMAN)
        filled = [row for row in rows if any(cell.strip() for cell in row)]
        self.assertGreaterEqual(len(people.by_id) + len(people.remarks), len(filled))
        self.assertTrue(all(isinstance(each, Remark) for each in people.remarks))
