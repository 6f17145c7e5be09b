"""
SQLite without blocking the reactor for long.

One thread writes (:mod:`mxisd.drivers.sqlite_writer`). Reads by key run at once on a
connection of the reactor thread.
"""

import sqlite3
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from twisted.internet.defer import Deferred, succeed

from mxisd.drivers.sqlite_writer import Row, T, Work, Writer, unavailable
from mxisd.errors import RecordsUnavailable

KEYS_AT_ONCE = 256
BUSY_TIMEOUT = 5.0
# A reader waits for nobody in WAL mode, but for a file that is being recovered; the
# reactor must not wait long even then.
READ_TIMEOUT = 0.1

_PRAGMAS = (
    # FULL: a binding that was acknowledged survives a power cut, too. Writes that
    # come together share one commit, so that the price is paid once for all of them.
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA cache_size=-8000",
)


class SqliteDatabase:
    """
    A database file that exists.

    :param call_in_reactor: ``reactor.callFromThread``.
    :param busy_timeout: How many seconds writes wait for a lock of another process.
    """

    def __init__(
        self,
        path: Path,
        call_in_reactor: Callable[..., Any],
        busy_timeout: float = BUSY_TIMEOUT,
    ) -> None:
        self._path = path
        self._call_in_reactor = call_in_reactor
        self._busy_timeout = busy_timeout
        self._reader: sqlite3.Connection | None = None
        self._writer: Writer | None = None

    @property
    def is_failing(self) -> bool:
        """Whether the last write failed; one that changes nothing does not count."""
        return self._writer is not None and self._writer.is_failing

    def open(self) -> None:
        """
        Open it; in a daemon after the fork, which no connection or thread survives.

        :raise RecordsUnavailable: If that fails.
        """
        try:
            reader = _connect(self._path, READ_TIMEOUT)
            reader.execute("PRAGMA query_only=ON")
            connection = _connect(self._path, self._busy_timeout)
            writer = Writer(connection, self._path, self._call_in_reactor)
        except (OSError, sqlite3.Error) as error:
            raise unavailable(error) from error
        self._reader, self._writer = reader, writer

    def rows(self, sql: str, *parameters: Any) -> list[Row]:
        """
        Fetch rows by key, at once, on the calling thread; for short answers only.

        :raise RecordsUnavailable: If the database cannot be read.
        """
        if self._reader is None:
            raise RecordsUnavailable("the database is not open")
        try:
            return self._reader.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise unavailable(error) from error

    def rows_among(self, sql: str, keys: Sequence[Any], *parameters: Any) -> list[Row]:
        """
        Fetch the rows of many keys, at once: about 2 µs a key, 6 µs a row found.

        :param sql: Its last condition is ``column = ANY(?)``.
        :param parameters: Those before the keys.
        :raise RecordsUnavailable: If the database cannot be read.
        """
        found: list[Row] = []
        for start in range(0, len(keys), KEYS_AT_ONCE):
            some = keys[start : start + KEYS_AT_ONCE]
            # A power of two, so that a handful of statements, which stay prepared,
            # serves lists of every length.
            width = 1 << (len(some) - 1).bit_length()
            padding = [some[-1]] * (width - len(some))
            found += self.rows(_expanded(sql, width), *parameters, *some, *padding)
        return found

    async def transact(self, work: Work[T]) -> T:
        """
        Run work in the writer thread; returns when it is committed.

        Cancelling whoever waits does not stop the work.

        :param work: Awaits nothing but the transaction's own methods.
        :raise RecordsUnavailable: If nothing was written.
        """
        if self._writer is None:
            raise RecordsUnavailable("the database is not open")
        return cast(T, await self._writer.submit(work))

    def close(self) -> "Deferred[None]":
        """Commit what was accepted, and close; fires when that is done."""
        writer, self._writer = self._writer, None
        closed = succeed(None) if writer is None else writer.finish()
        return closed.addCallback(lambda _: self._close_reader())

    def _close_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()


# --- Connections ----------------------------------------------------------------------


def _connect(path: Path, timeout: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        # This never creates a file: it would have the wrong mode, and no tables.
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=timeout,
        isolation_level=None,
        check_same_thread=False,
    )
    # Some network file systems silently refuse; readers would then wait for writers.
    (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
    if mode != "wal":
        raise sqlite3.OperationalError(f"no write-ahead log is possible in {path}")
    for pragma in _PRAGMAS:
        connection.execute(pragma)
    return connection


@lru_cache(maxsize=256)
def _expanded(sql: str, width: int) -> str:
    return sql.replace("= ANY(?)", f"IN ({', '.join('?' * width)})")
