"""What commands print."""

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mxisd.console.printing import Printer, csv_line


class PrinterTests(SynchronousTestCase):
    """For people, and for programs."""

    def setUp(self) -> None:
        """Take what is printed."""
        self.lines: list[str] = []
        self.printer = Printer(False, self.lines.append, self.lines.append)
        self.json = Printer(True, self.lines.append, self.lines.append)

    def test_a_thing(self) -> None:
        """A line for each key; times can be read, inner things are indented."""
        inner = {"is_failing": False, "due_ts": 1000}
        self.printer.result({"created_ts": 1_700_000_000_000, "staff": inner})
        expected = [
            "created: 2023-11-14 22:13:20Z",
            "staff:",
            "  is_failing: no",
            "  due: 1970-01-01 00:00:01Z",
        ]
        self.assertEqual(self.lines, expected)

    def test_a_table(self) -> None:
        """Columns as wide as their widest text; what is absent is a dash."""
        items: list[dict[str, Any]] = [
            {"sid": "a", "delivery": {"to": "example.org"}, "ts": 0},
            {"sid": "longer"},
        ]
        self.printer.table(["sid", "delivery.to", "ts"], items)
        expected = [
            "sid     to           ts",
            "a       example.org  1970-01-01 00:00:00Z",
            "longer  -            -",
        ]
        self.assertEqual(self.lines, expected)

    def test_an_empty_table(self) -> None:
        """The names of its columns alone."""
        self.printer.table(["sid", "changed_ts"], [])
        self.assertEqual(self.lines, ["sid  changed"])

    def test_names_that_would_move_the_cursor(self) -> None:
        """A terminal gets letters only."""
        self.printer.result({"room_name": "\x1b[2J\r\nÜ", "ts": 10**30, "keys": [1, 2]})
        self.assertEqual(
            self.lines,
            ["room_name: ?[2J??Ü", f"ts: {10**30}", "keys: 1, 2"],
        )

    def test_keys_that_would_move_the_cursor(self) -> None:
        """Whoever invites somebody chooses the keys of its facts, too."""
        facts = {"\x1b[2J\nstate": "a", "\x9b2J": {"b": "c"}, "x_ts": "\x1b[2J"}
        self.printer.result({"facts": facts, "keys": ["\x1b[2J"]})
        expected = [
            "facts:",
            "  ?[2J?state: a",
            "  ?2J:",
            "    b: c",
            "  x: ?[2J",
            "keys: ?[2J",
        ]
        self.assertEqual(self.lines, expected)

    def test_json(self) -> None:
        """What the API answered, as it is."""
        content = {"created_ts": 5, "keys": ["Ü"], "inner": {"is_failing": False}}
        self.json.result(content)
        self.assertEqual(json.loads("".join(self.lines)), content)

    def test_json_that_would_move_the_cursor(self) -> None:
        """It is ASCII, as the API's: a terminal, whatever its encoding, can take it."""
        content = {"room_name": "\x9b2J\u202eÜ"}
        self.json.result(content)
        self.json.row([], content)
        for text in ("".join(self.lines[:-1]), self.lines[-1]):
            self.assertTrue(text.isascii())
            self.assertEqual(json.loads(text), content)

    def test_rows(self) -> None:
        """CSV that any spreadsheet reads, or an object in each line."""
        item = {"medium": "email", "address": 'a,"b"@x.org', "ts": 1}
        self.printer.row(["medium", "address", "none", "ts"], item)
        self.json.row(["medium"], item)
        self.assertEqual(self.lines[0], 'email,"a,""b""@x.org",,1')
        self.assertEqual(json.loads(self.lines[1]), item)
        self.assertEqual(csv_line(["a", "b c"]), "a,b c")

    def test_ends_of_lines_inside_a_row(self) -> None:
        """A user ID may hold them, and forges no row with them."""
        line = csv_line(["@a\nb:x.org", "@a\rb:x.org"])
        self.assertEqual(line, '"@a\nb:x.org","@a\rb:x.org"')
