"""What a command prints: tables and lists for people, JSON and CSV for programs."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from attrs import frozen

TIME = "_ts"
"""How the names of times end."""

TIMES = frozenset({"ts", "not_after", "not_before"})
"""What else is a time."""

END = "\r\n"


@frozen
class Printer:
    """
    Prints.

    :ivar is_json: Whether for programs.
    :ivar write: Prints a line.
    :ivar tell: Tells a line that is no result: how far it is, say.
    """

    is_json: bool
    write: Callable[[str], None]
    tell: Callable[[str], None]

    def result(self, content: Any) -> None:
        """Print something, whatever it is."""
        if self.is_json:
            self.write(json.dumps(content, indent=2))
        else:
            for line in _lines(content):
                self.write(line)

    def table(self, columns: Sequence[str], items: Sequence[Mapping[str, Any]]) -> None:
        """
        Print items, a line each.

        :param columns: What is printed of each; ``delivery.to`` is an inner key.
        """
        names = [column.rpartition(".")[2].removesuffix(TIME) for column in columns]
        rows = [names, *([_cell(item, each) for each in columns] for item in items)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = [text.ljust(width) for text, width in zip(row, widths, strict=True)]
            self.write("  ".join(cells).rstrip())

    def row(self, columns: Sequence[str], item: Mapping[str, Any]) -> None:
        """Print an item as a line of CSV, or as a JSON object."""
        if self.is_json:
            self.write(json.dumps(item))
        else:
            self.write(csv_line([str(item.get(each, "")) for each in columns]))


def csv_line(cells: Sequence[str]) -> str:
    """Cells as a line of CSV, without its end (RFC 4180)."""
    line = io.StringIO()
    # With these as its end, they are quoted inside.
    csv.writer(line, lineterminator=END).writerow(cells)
    return line.getvalue().removesuffix(END)


def _lines(content: Any, indent: str = "") -> Iterator[str]:
    for key, value in content.items():
        if isinstance(value, dict):
            yield f"{indent}{printable(key)}:"
            yield from _lines(value, f"{indent}  ")
        else:
            name = printable(key.removesuffix(TIME))
            yield f"{indent}{name}: {_text(key, value)}"


def _cell(item: Mapping[str, Any], column: str) -> str:
    *above, key = column.split(".")
    for name in above:
        item = item.get(name) or {}
    return _text(key, item[key]) if key in item else "-"


def _text(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return printable(", ".join(map(str, value)))
    if key.endswith(TIME) or key in TIMES:
        return _time(value)
    return printable(str(value))


def printable(text: str) -> str:
    """A text in one line; nobody's may move the cursor of a terminal."""
    return "".join(each if each.isprintable() else "?" for each in text)


def _time(ts_ms: Any) -> str:
    try:
        time = datetime.fromtimestamp(ts_ms / 1000, UTC)
    except (OverflowError, TypeError, ValueError):
        return printable(str(ts_ms))
    return time.strftime("%Y-%m-%d %H:%M:%SZ")
