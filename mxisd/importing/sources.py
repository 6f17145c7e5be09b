"""SQLite files of other identity servers, opened to be read."""

import sqlite3
from pathlib import Path
from typing import Any

from attrs import define

from mxisd.importing.refusing import ImportRefused
from mxisd.records.origins import TABLES, importable

BUSY_SECONDS = 30.0

Row = tuple[Any, ...]


@define(eq=False)
class Source:
    """
    An open file.

    :ivar path: Where it is; under this name we remember what was taken of it.
    :ivar kind: Whose it is.
    :ivar tables: The names of its tables.
    """

    path: Path
    kind: str
    tables: frozenset[str]
    _connection: sqlite3.Connection

    def rows(self, query: str, *parameters: Any) -> list[Row]:
        """
        Fetch what a query finds.

        :raise ImportRefused: If the file cannot be read, or has other columns.
        """
        try:
            return self._connection.execute(query, parameters).fetchall()
        except sqlite3.Error as error:
            raise ImportRefused(f"{self.path} cannot be read: {error}") from error

    def count(self, table: str, condition: str = "1") -> int:
        """How many rows a table has; 0 if it is not there."""
        if table not in self.tables:
            return 0
        query = f"SELECT count(*) FROM {table} WHERE {condition}"  # noqa: S608
        return int(self.rows(query)[0][0])

    def close(self) -> None:
        """Close it."""
        self._connection.close()


def open_source(path: Path) -> Source:
    """
    Open a file, which is never changed.

    :raise ImportRefused: If it cannot be read, or nobody we know made it.
    """
    file = path.resolve()
    try:
        connection = _connect(file)
    except sqlite3.Error as error:
        raise ImportRefused(f"{path} cannot be read: {error}") from error
    source = Source(file, "", frozenset(), connection)
    try:
        names = source.rows(TABLES)
        source.tables = frozenset(name for (name,) in names)
        source.kind = _kind(path, source.tables)
    except ImportRefused:
        connection.close()
        raise
    return source


def _connect(file: Path) -> sqlite3.Connection:
    # Never creates a file; and waits for a server that is still at work with it.
    uri = f"{file.as_uri()}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS)
    # Texts that are no UTF-8 are one row's problem, not that of a whole query.
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    return connection


def _kind(path: Path, tables: frozenset[str]) -> str:
    kind = importable(tables)
    if kind is None:
        raise ImportRefused(f"{path} has not the tables of mxisd, ma1sd or sydent")
    return kind
