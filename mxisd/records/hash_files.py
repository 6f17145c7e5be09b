"""
The folder of listings and index files.

A *listing* is what one source last said it knows, in the clear: it is needed again for
the next pepper, and when the source is down. An *index* is made from all listings for
one pepper. Both are local to this node and can be deleted at any time.
"""

import filecmp
import hashlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from zope.interface import implementer

from mxisd.errors import RecordsUnavailable
from mxisd.model.domains import A_LABEL
from mxisd.model.hashing import lookup_digest
from mxisd.model.identifiers import UserId
from mxisd.model.threepids import ThreePid
from mxisd.ports import IHashFiles, IHashIndex, IListing, Listed
from mxisd.records.hash_index_file import (
    DamagedIndex,
    HashIndexFile,
    Record,
    write_index,
)

T = TypeVar("T")

LISTING_SQL = (
    "CREATE TABLE listing (medium TEXT NOT NULL, address TEXT NOT NULL, lowered TEXT, "
    "user_id TEXT NOT NULL)"
)
ADD = "INSERT INTO listing VALUES (?, ?, ?, ?)"
COUNT = "SELECT count(*) FROM listing"
ALL = "SELECT medium, address, lowered, user_id FROM listing ORDER BY rowid"
# An empty file is a database without the table: SQLITE_ERROR.
DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)

log = Logger()


class _DamagedListing(Exception):
    """A listing cannot be read; the source has to list itself again."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.path = path


class _Stopped(Exception):
    """Nobody waits for the index any more."""


@implementer(IHashFiles)
class HashFiles:
    """The folder; all work on files is done in threads."""

    def __init__(self, folder: Path, reactor: Any) -> None:
        """
        Use a folder, making it as needed.

        :param reactor: For its thread pool.
        :raise RecordsUnavailable: If that fails.
        """
        # A daemon may change its own folder.
        self._folder = folder.absolute()
        self._reactor = reactor
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for left_over in self._folder.glob("*.new*"):
                left_over.unlink()
        except OSError as error:
            raise RecordsUnavailable(f"{folder} cannot be used: {error}") from error

    async def listing(self, source: str) -> IListing:
        """Start to take a source's list."""
        path = self._listing_path(source)
        listing: IListing = await self._in_thread(
            lambda: _Listing(path, self._in_thread)
        )
        return listing

    async def build(self, pepper: str, sources: Sequence[str]) -> IHashIndex:
        """Make the index file of a pepper from the listings."""
        listings = [self._listing_path(source) for source in sources]
        path = self._index_path(pepper)
        stop = threading.Event()
        try:
            return await self._in_thread(lambda: _build(path, pepper, listings, stop))
        finally:
            # A thread cannot be cancelled: it looks for itself, or it would hold up
            # the end of the server.
            stop.set()

    async def open(self, pepper: str) -> IHashIndex | None:
        """Open the file of a pepper from an earlier run."""
        return await self._in_thread(lambda: _open(self._index_path(pepper)))

    async def retain(self, peppers: Set[str], sources: Set[str]) -> None:
        """Delete the files of every other pepper and source."""
        kept = {self._index_path(pepper) for pepper in peppers}
        kept |= {self._listing_path(source) for source in sources}

        def unlink() -> None:
            for path in (
                *self._folder.glob("*.index"),
                *self._folder.glob("*.listing"),
            ):
                if path not in kept:
                    path.unlink(missing_ok=True)

        await self._in_thread(unlink)

    def _listing_path(self, source: str) -> Path:
        # A store's name may hold anything.
        name = hashlib.sha256(source.encode()).hexdigest()[:32]
        return self._folder / f"{name}.listing"

    def _index_path(self, pepper: str) -> Path:
        return self._folder / f"{pepper}.index"

    async def _in_thread(self, work: Callable[[], T]) -> T:
        try:
            return await deferToThreadPool(
                self._reactor, self._reactor.getThreadPool(), work
            )
        except (OSError, sqlite3.Error, OverflowError, ValueError) as error:
            raise RecordsUnavailable(f"the hash index: {error}") from error


# --- Listings -------------------------------------------------------------------------


@implementer(IListing)
class _Listing:
    """A list while it is taken: a file beside the one that it will replace."""

    def __init__(
        self, path: Path, in_thread: Callable[[Callable[[], Any]], Any]
    ) -> None:
        self._path = path
        self._staged = path.with_name(path.name + ".new")
        self._in_thread = in_thread
        # Who is cancelled abandons the list while a thread still writes to it.
        self._lock = threading.Lock()
        self._staged.unlink(missing_ok=True)
        self._connection = _scratch(self._staged)

    async def add(self, associations: Sequence[tuple[ThreePid, UserId]]) -> None:
        """Stage a batch."""
        rows = [
            (threepid.medium, threepid.address, threepid.lowered, str(user_id))
            for threepid, user_id in associations
        ]

        def work() -> None:
            with self._lock:
                # The cursor must not outlive the thread's turn.
                self._connection.executemany(ADD, rows).close()

        await self._in_thread(work)

    async def commit(self) -> Listed:
        """Let it replace the former list."""
        result: Listed = await self._in_thread(self._commit)
        return result

    async def abandon(self) -> None:
        """Drop what was staged."""

        def work() -> None:
            with self._lock:
                self._connection.close()
            self._staged.unlink(missing_ok=True)

        await self._in_thread(work)

    def _commit(self) -> Listed:
        with self._lock:
            count: int = self._connection.execute(COUNT).fetchone()[0]
            self._connection.execute("COMMIT")
            self._connection.close()
        # The same rows in the same order make the same file.
        is_same = self._path.exists() and filecmp.cmp(
            self._staged, self._path, shallow=False
        )
        _sync(self._staged)
        os.replace(self._staged, self._path)
        return Listed(count, not is_same)


def _scratch(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    # What is not whole is thrown away: neither journal nor sync is of use.
    connection.execute("PRAGMA journal_mode=OFF")
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA cache_size=-1000")
    connection.execute(LISTING_SQL)
    connection.execute("BEGIN")
    return connection


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


# --- Indexes --------------------------------------------------------------------------


def _build(
    path: Path, pepper: str, listings: Sequence[Path], stop: threading.Event
) -> HashIndexFile:
    while True:
        try:
            return _build_once(path, pepper, listings, stop)
        except _DamagedListing as damaged:
            log.warn(
                "{file} is damaged, its store is found again once it was listed",
                file=damaged.path,
            )
            damaged.path.unlink()


def _build_once(
    path: Path, pepper: str, listings: Sequence[Path], stop: threading.Event
) -> HashIndexFile:
    # Open files stay what they are, even while a store's next list replaces them.
    with ExitStack() as stack:
        opened = [
            (listing, stack.enter_context(closing(sqlite3.connect(listing))))
            for listing in listings
            if listing.exists()
        ]

        def records() -> Iterator[Record]:
            for listing, connection in opened:
                yield from _records(listing, connection, pepper, stop)

        expected = sum(_count(*each) for each in opened)
        write_index(path, expected, records)
    return HashIndexFile(path)


def _count(listing: Path, connection: sqlite3.Connection) -> int:
    try:
        count: int = connection.execute(COUNT).fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise _judged(error, listing) from error
    return count


def _records(
    listing: Path, connection: sqlite3.Connection, pepper: str, stop: threading.Event
) -> Iterator[Record]:
    try:
        for medium, address, lowered, user_id in connection.execute(ALL):
            yield lookup_digest(address, medium, pepper), user_id
            # Most have one spelling: for a million of them the question costs 3 s.
            if lowered is not None or A_LABEL in address:
                for spelling in ThreePid(medium, address, lowered).spellings[1:]:
                    yield lookup_digest(spelling, medium, pepper), user_id
            if stop.is_set():
                raise _Stopped
    except sqlite3.DatabaseError as error:
        raise _judged(error, listing) from error


def _judged(error: sqlite3.DatabaseError, listing: Path) -> Exception:
    if error.sqlite_errorcode in DAMAGE:
        return _DamagedListing(listing)
    return error


def _open(path: Path) -> HashIndexFile | None:
    try:
        return HashIndexFile(path)
    except FileNotFoundError:
        return None
    except DamagedIndex as error:
        log.warn("{file} is damaged ({error}); making it anew", file=path, error=error)
        return None
