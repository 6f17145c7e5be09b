"""Our tables in an SQLite file: where it is, its modes, its migrations."""

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import gmtime, strftime
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from mxisd.drivers.file_lock import FileLock, LockHeld, LocksImpossible
from mxisd.drivers.sqlite import BUSY_TIMEOUT, SqliteDatabase
from mxisd.drivers.sqlite_writer import Transaction, drive
from mxisd.errors import RecordsUnavailable
from mxisd.records.migrations import Migration, migrations
from mxisd.records.origins import (
    look_at_ours,
    mark,
    require_known,
    require_ours,
)
from mxisd.records.places import (
    OPEN_TO_OTHERS,
    file_obstacle,
    folder_obstacle,
    has_mode,
)

MEMORY = ":memory:"

log = Logger()


class SqliteRecords(Service):
    """
    Our tables: made when the server is assembled, open while it runs.

    :ivar database: What the record classes work on.
    :ivar folder: Where the file is; goes with it if it is a temporary one.
    """

    def __init__(
        self,
        path: str,
        call_in_reactor: Callable[..., Any],
        served_since: float | None = None,
    ) -> None:
        """
        Create and migrate the file as needed, and close it again.

        A daemon forks after this, and may change its folder.

        :param path: ``:memory:`` makes a private temporary file.
        :param served_since: When the server started that shall be the only one with
            this file, in seconds since the epoch; ``None``: who works beside it.
        :raise RecordsUnavailable: If that fails, if the file is another program's, or
            if another server has it.
        """
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        if path == MEMORY:
            self._temporary = tempfile.TemporaryDirectory(prefix="mxisd-")
            path = str(Path(self._temporary.name, "records.db"))
        file = Path(path).absolute()
        self.folder = file.parent
        self._lock: FileLock | None = None
        require_ours(file)
        try:
            _prepare_file(file)
            if served_since is not None:
                self._lock = _locked(file, served_since)
            migrate(file, migrations())
            mark(file)
        except (OSError, sqlite3.Error) as error:
            raise RecordsUnavailable(f"{path} cannot be used: {error}") from error
        self.database = SqliteDatabase(file, call_in_reactor)

    def startService(self) -> None:
        """Open; a file that was good a moment ago and is no more ends the server."""
        super().startService()
        if self._lock is not None:
            self._lock.sign()
        try:
            self.database.open()
        except RecordsUnavailable as error:
            log.critical("storage: {error}", error=error)
            raise SystemExit(1) from error

    def stopService(self) -> "Deferred[None]":
        """Commit what was accepted, and close."""
        super().stopService()
        return self.database.close().addCallback(self._clean)

    def _clean(self, _: object) -> None:
        if self._lock is not None:
            self._lock.release()
        if self._temporary is not None:
            self._temporary.cleanup()


def look_at_records(path: str) -> Iterator[str]:
    """
    Judge a file as :class:`SqliteRecords` will find it, and change nothing.

    Whether another server has it is not looked at: mostly it is the one that this
    configuration will be for.

    :return: What is worth a warning.
    :raise RecordsUnavailable: If it could not be used.
    """
    if path == MEMORY:
        return
    file = Path(path).absolute()
    obstacle = folder_obstacle(file.parent)
    if obstacle is None and file.parent.exists():
        obstacle = file_obstacle(file)
    if obstacle is not None:
        raise RecordsUnavailable(f"{path} cannot be used: {obstacle}")
    look_at_ours(file, migrations()[-1].number)
    if has_mode(file, OPEN_TO_OTHERS):
        yield f"{file} is open to others: chmod 600 {file}"


def _prepare_file(path: Path) -> None:
    if not path.parent.exists():
        path.parent.mkdir(mode=0o700, parents=True)
    # Opened first by us, so that it is never readable to others, not even at once.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _locked(path: Path, served_since: float) -> FileLock | None:
    """
    See to it that no other server works with a file.

    Two of them would send each mail twice. The lock is on a file beside it: SQLite has
    locks of its own on the database, which must not be disturbed.
    """
    # The same file may have several names.
    real = path.resolve()
    since = strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(served_since))
    try:
        return FileLock.taken(real.with_name(real.name + ".lock"), f"since {since}")
    except LockHeld as error:
        raise RecordsUnavailable(
            f"{path} is in use by another mxisd server: {error}; an SQLite file serves "
            "one server"
        ) from error
    except LocksImpossible as error:
        log.warn(
            "{path} cannot be locked ({error}): see to it that no other server uses it",
            path=path,
            error=error,
        )
        return None


def migrate(path: Path, steps: tuple[Migration, ...]) -> None:
    """
    Apply the steps that a file has not seen, each in a transaction of its own.

    :raise RecordsUnavailable: If the file was made by a newer version.
    """
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None)
    try:
        version, newest = _version(connection), steps[-1].number
        require_known(path, version, newest)
        for step in steps:
            _apply(connection, step)
    finally:
        connection.close()


def _apply(connection: sqlite3.Connection, step: Migration) -> None:
    # The version is read under the lock: another process may just have been faster.
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _version(connection) < step.number:
            for statement in step.statements:
                connection.execute(statement)
            if step.work is not None:
                drive(step.work(Transaction(connection)))
            connection.execute(f"PRAGMA user_version={step.number:d}")
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
