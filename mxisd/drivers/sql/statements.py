"""
Queries as operators write them -> statements as drivers want them.

``?`` is a parameter and ``??`` a list of them, outside of quotes and comments.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from attrs import frozen

from mxisd.drivers.sql.address import Engine
from mxisd.drivers.sql.errors import QueryWrong

_COMMON = (
    r"--[^\n]*",
    r"/\*.*?(?:\*/|\Z)",
    r'"(?:[^"]|"")*(?:"|\Z)',
)
_PLAIN_STRING = r"'(?:[^']|'')*(?:'|\Z)"
_ESCAPED_STRING = r"'(?:[^'\\]|''|\\.)*(?:'|\Z)"

_QUOTED = {
    Engine.SQLITE: (*_COMMON, _PLAIN_STRING, r"`[^`]*(?:`|\Z)", r"\[[^\]]*(?:\]|\Z)"),
    Engine.POSTGRESQL: (
        *_COMMON,
        rf"\b[eE]{_ESCAPED_STRING}",
        _PLAIN_STRING,
        r"(?<![\w$])\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z)",
    ),
    Engine.MARIADB: (
        r"--(?=\s|\Z)[^\n]*",
        r"/\*.*?(?:\*/|\Z)",
        r'"(?:[^"\\]|""|\\.)*(?:"|\Z)',
        _ESCAPED_STRING,
        r"`(?:[^`]|``)*(?:`|\Z)",
        r"#[^\n]*",
    ),
}
_QUOTED[Engine.MYSQL] = _QUOTED[Engine.MARIADB]

_PIECES = {
    engine: re.compile(f"(?P<quoted>{'|'.join(quoted)})|(?P<mark>\\?\\??)", re.DOTALL)
    for engine, quoted in _QUOTED.items()
}
_WRAPPABLE = re.compile(r"(?:\s|\()*(?:SELECT|WITH|VALUES|TABLE)\b", re.IGNORECASE)
_COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/|#[^\n]*", re.DOTALL)


@frozen
class Statement:
    """
    What a driver is told.

    :ivar parameters: ``None`` where there are none: a driver that is given none leaves
        percent signs alone.
    """

    text: str
    parameters: tuple[Any, ...] | None

    def within(self, before: str, after: str) -> "Statement":
        """The statement as part of another one; neither text may hold ``%``."""
        # The line ends, in case that the query does so with a comment.
        return Statement(f"{before}{self.text}\n{after}", self.parameters)


def marks(engine: Engine, query: str) -> Sequence[str]:
    """The parameters that a query wants, each ``?`` or ``??``."""
    return [piece for piece, is_mark in _pieces(engine, query) if is_mark]


def is_table(query: str) -> bool:
    """Whether the query can stand where a table does."""
    return _WRAPPABLE.match(_COMMENTS.sub(" ", query)) is not None


def translated(engine: Engine, query: str, parameters: Sequence[Any]) -> Statement:
    """
    The statement for a query and what its question marks stand for.

    :param parameters: A sequence for each ``??``, a plain value for each ``?``.
    :raise QueryWrong: If they do not fit each other.
    """
    wanted = marks(engine, query)
    if len(wanted) != len(parameters):
        raise QueryWrong(f"must have {_count(len(parameters))}, has {len(wanted)}")
    pairs = zip(wanted, parameters, strict=True)
    groups = [tuple(given) if mark == "??" else (given,) for mark, given in pairs]
    values = tuple(value for group in groups for value in group)
    # The drivers of servers format the text, if there is something to put into it.
    percent = "%%" if values and engine is not Engine.SQLITE else "%"
    rest = iter(groups)
    text = "".join(
        _marks(engine, len(next(rest))) if is_mark else piece.replace("%", percent)
        for piece, is_mark in _pieces(engine, query)
    )
    return Statement(text.rstrip().rstrip(";"), values or None)


def _marks(engine: Engine, count: int) -> str:
    mark = "?" if engine is Engine.SQLITE else "%s"
    return ", ".join([mark] * count) or "NULL"


def _count(number: int) -> str:
    return {0: "no ?", 1: "one ?"}.get(number, f"{number} ?")


def _pieces(engine: Engine, query: str) -> Iterator[tuple[str, bool]]:
    start = 0
    for match in _PIECES[engine].finditer(query):
        if match["mark"]:
            yield query[start : match.start()], False
            yield match["mark"], True
            start = match.end()
    yield query[start:], False
