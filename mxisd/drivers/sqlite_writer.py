"""
The thread that writes to an SQLite file.

It takes what is queued, up to :data:`GROUP_LIMIT` jobs, into one transaction, each job
under a savepoint, and reports after the commit.
"""

import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, cast

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from mxisd.errors import RecordsUnavailable

T = TypeVar("T")
Row = tuple[Any, ...]
Work = Callable[["Transaction"], Coroutine[Any, Any, T]]

GROUP_LIMIT = 200
QUEUE_LIMIT = 10_000

_TROUBLE = (
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_READONLY,
)
"""Errors of the file, which are nobody's own."""

log = Logger()


class Transaction:
    """What a piece of work may do; it awaits nothing else."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def rows(self, sql: str, *parameters: Any) -> list[Row]:
        """Run a query and fetch all rows."""
        return self._connection.execute(sql, parameters).fetchall()

    async def run(self, sql: str, *parameters: Any) -> int:
        """Run a statement; tells how many rows it changed."""
        return self._connection.execute(sql, parameters).rowcount

    async def run_many(self, sql: str, rows: Sequence[Row]) -> None:
        """Run a statement for each row of parameters."""
        self._connection.executemany(sql, rows)


@frozen
class _Job:
    work: Work[Any]
    done: "Deferred[Any]"


@frozen
class _Outcome:
    """
    What became of jobs in one transaction.

    :ivar has_written: Whether something was, and is committed.
    :ivar error: What ended all of them.
    """

    results: list[Any]
    has_written: bool
    error: Exception | None = None


class Writer:
    """The thread that writes, and what waits for it."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        call_in_reactor: Callable[..., Any],
    ) -> None:
        self._connection = connection
        self._path = path
        self._place = _place(path)
        self._call_in_reactor = call_in_reactor
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._finished: Deferred[None] = Deferred()
        self.is_failing = False
        # A daemon, so that a process that ends in a hurry does not wait for it.
        threading.Thread(target=self._run, name="sqlite", daemon=True).start()

    def submit(self, work: Work[T]) -> "Deferred[T]":
        """
        Queue a job.

        :raise RecordsUnavailable: If too many are waiting.
        """
        if self._jobs.qsize() >= QUEUE_LIMIT:
            raise RecordsUnavailable("too many writes are waiting")
        # Without a canceller: the answer to somebody who has gone is swallowed.
        job = _Job(work, Deferred())
        self._jobs.put(job)
        return job.done

    def finish(self) -> "Deferred[None]":
        """End after what is queued; nothing may be submitted any more."""
        self._jobs.put(None)
        return self._finished

    def _run(self) -> None:
        is_last = False
        while not is_last:
            jobs, is_last = self._take()
            if jobs:
                outcome = self._commit(jobs)
                self._call_in_reactor(self._report, jobs, outcome)
        self._connection.close()
        self._call_in_reactor(self._finished.callback, None)

    def _take(self) -> tuple[list[_Job], bool]:
        """Wait for a job, and take those behind it; tells whether they are the last."""
        jobs: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            jobs.append(job)
            if len(jobs) == GROUP_LIMIT or self._jobs.empty():
                return jobs, False
            job = self._jobs.get()
        return jobs, True

    def _commit(self, jobs: list[_Job]) -> "_Outcome":
        """Run jobs in one transaction."""
        try:
            self._check_place()
            self._connection.execute("BEGIN IMMEDIATE")
            ran = [_run_job(self._connection, job.work) for job in jobs]
            self._connection.execute("COMMIT")
        except (OSError, sqlite3.Error) as error:
            with suppress(sqlite3.Error):
                self._connection.rollback()
            return _Outcome([Failure(unavailable(error)) for _ in jobs], False, error)
        return _Outcome([result for result, _ in ran], any(w for _, w in ran))

    def _check_place(self) -> None:
        # SQLite goes on writing to a file that was deleted, and nobody would ever read
        # what was promised to be kept.
        if _place(self._path) != self._place:
            raise OSError(f"{self._path} was replaced; restart the server")

    def _report(self, jobs: list[_Job], outcome: "_Outcome") -> None:
        error = outcome.error
        if error is not None and not self.is_failing:
            log.error("The database cannot be written: {error}", error=error)
        # To commit nothing works on a full disk, too.
        if outcome.has_written and self.is_failing:
            log.info("The database can be written again")
        if error is not None or outcome.has_written:
            self.is_failing = error is not None
        for job, result in zip(jobs, outcome.results, strict=True):
            job.done.callback(result)


def _run_job(connection: sqlite3.Connection, work: Work[Any]) -> tuple[Any, bool]:
    """
    Run a job under a savepoint.

    :return: Its result, or its own error, and whether it changed a row.
    :raise sqlite3.Error: If the error ended the whole transaction, or is the file's.
    """
    connection.execute("SAVEPOINT job")
    before, is_well = connection.total_changes, True
    try:
        result = drive(work(Transaction(connection)))
    except Exception as error:
        if not connection.in_transaction:
            # A full disk, for one, may roll back the jobs before this one, too.
            raise sqlite3.OperationalError(f"rolled back: {error}") from error
        if _is_trouble(error):
            raise
        connection.execute("ROLLBACK TO job")
        is_well = False
        result = Failure(
            unavailable(error) if isinstance(error, sqlite3.Error) else error
        )
    connection.execute("RELEASE job")
    return result, is_well and connection.total_changes > before


def _is_trouble(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _TROUBLE


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """
    Run a coroutine that never waits.

    :raise RuntimeError: If it does.
    """
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return cast(T, stop.value)
    coroutine.close()
    raise RuntimeError("a transaction awaits only its own methods")


def _place(path: Path) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino


def unavailable(error: Exception) -> RecordsUnavailable:
    """Translate an error of the library, and keep it as the cause."""
    translated = RecordsUnavailable(f"the database does not work: {error}")
    translated.__cause__ = error
    return translated
