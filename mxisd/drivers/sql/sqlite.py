"""SQLite files, which are only ever read."""

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import Any
from urllib.parse import quote

from attrs import define, frozen

from mxisd.drivers.sql.address import DatabaseAddress
from mxisd.drivers.sql.backends import LISTING_PATIENCE, Row
from mxisd.drivers.sql.errors import ConnectionGone, NotLetIn, QueryWrong, TimedOut
from mxisd.drivers.sql.statements import Statement
from mxisd.errors import StoreUnavailable

STEPS = 10_000
"""How many steps of SQLite's machine there are between two looks at the clock."""

_WRONG = (
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_AUTH,
    sqlite3.SQLITE_RANGE,
    sqlite3.SQLITE_MISUSE,
)
_NOT_OPENED = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_PERM)
_WORDS = {
    sqlite3.SQLITE_BUSY: "another program has locked the database for too long",
    sqlite3.SQLITE_CANTOPEN: "the database file cannot be opened",
    sqlite3.SQLITE_CORRUPT: "the database file is damaged",
    sqlite3.SQLITE_LOCKED: "another program has locked the database for too long",
    sqlite3.SQLITE_NOTADB: "the file is no SQLite database",
    sqlite3.SQLITE_PERM: "the database file may not be read",
}


@define(eq=False)
class _Connection:
    """
    A connection to the file that was there when it was opened.

    :ivar deadline: When the present statement is stopped.
    """

    raw: sqlite3.Connection
    file: tuple[int, int]
    patience: float
    deadline: float = 0.0

    def close(self) -> None:
        """End it."""
        self.raw.close()


@frozen
class SqliteDialect:
    """A file."""

    clock: Any
    address: DatabaseAddress
    library = "sqlite3"

    def connect(self, *, for_listing: bool) -> _Connection:
        """Open the file; a missing one is not made."""
        patience = self.address.timeout * (LISTING_PATIENCE if for_listing else 1)
        path = os.path.abspath(self.address.database)
        raw = sqlite3.connect(
            f"file:{quote(path)}?mode=ro",
            uri=True,
            timeout=self.address.timeout,
            isolation_level=None,
            # A list is read by whichever thread is free, one after the other.
            check_same_thread=False,
        )
        raw.text_factory = _text
        # SQLite's own lower() knows ASCII only.
        raw.create_function("casefold", 1, _casefold, deterministic=True)
        connection = _Connection(raw, _identity(path), patience)
        raw.set_progress_handler(
            lambda: self.clock.seconds() > connection.deadline, STEPS
        )
        self.begin(connection)
        return connection

    def begin(self, connection: _Connection) -> None:
        """Start the clock, if the file is still the one at this path."""
        connection.deadline = self.clock.seconds() + connection.patience
        if _identity(self.address.database) != connection.file:
            raise ConnectionGone("the database file has been replaced")

    def rows(
        self, connection: _Connection, statement: Statement, limit: int | None
    ) -> Sequence[Row]:
        """The first rows, which are made one by one, or all."""
        with closing(self.stream(connection, statement)) as cursor:
            return cursor.fetchall() if limit is None else cursor.fetchmany(limit)

    def columns(self, connection: _Connection, statement: Statement) -> Sequence[str]:
        """The names of the columns."""
        with closing(self.stream(connection, statement)) as cursor:
            return [column[0].lower() for column in cursor.description or ()]

    def stream(self, connection: _Connection, statement: Statement) -> sqlite3.Cursor:
        """A cursor that fetches rows as they are wanted."""
        return connection.raw.execute(statement.text, statement.parameters or ())

    def judged(self, error: Exception) -> Exception:
        """Errors by their code; what SQLite says never holds a parameter."""
        if not isinstance(error, sqlite3.Error | OSError | sqlite3.Warning):
            return error
        if isinstance(error, OSError):
            return self._not_opened(sqlite3.SQLITE_CANTOPEN)
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_MISUSE) & 0xFF
        if code == sqlite3.SQLITE_INTERRUPT:
            return TimedOut("the database did not answer in time")
        if code in _WRONG:
            return QueryWrong(str(error))
        if os.path.isdir(self.address.database):
            return NotLetIn("database", "the database file is a folder")
        if code in _NOT_OPENED:
            return self._not_opened(code)
        words = _WORDS.get(code, f"the database cannot be read (SQLite code {code})")
        return StoreUnavailable(words)

    def _not_opened(self, code: int) -> StoreUnavailable:
        path = self.address.database
        if code == sqlite3.SQLITE_CANTOPEN and _is_readable(path):
            # Somebody may be replacing it, or there are no descriptors left.
            return StoreUnavailable(_WORDS[code])
        return NotLetIn("database", _WORDS[code])


def _is_readable(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.R_OK)


def _text(data: bytes) -> str | bytes:
    # One row with broken text must not spoil the others.
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def _casefold(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def _identity(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino
