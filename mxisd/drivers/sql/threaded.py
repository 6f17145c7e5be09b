"""Databases whose libraries block: they are asked in threads."""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any, Protocol, TypeVar, cast

from twisted.enterprise import adbapi
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.threads import deferToThreadPool

from mxisd.drivers.sql.address import DatabaseAddress
from mxisd.drivers.sql.backends import Row, Take
from mxisd.drivers.sql.errors import ConnectionGone
from mxisd.drivers.sql.statements import Statement
from mxisd.errors import StoreUnavailable

T = TypeVar("T")


class Dialect(Protocol):
    """What differs between the engines; everything here runs in threads."""

    library: str

    def connect(self, *, for_listing: bool) -> Any:
        """
        Make a connection.

        :param for_listing: Whether it shall be patient.
        """

    def begin(self, connection: Any) -> None:
        """
        Get ready for a statement.

        :raise ConnectionGone: If the connection is known to be of no use.
        """

    def rows(
        self, connection: Any, statement: Statement, limit: int | None
    ) -> Sequence[Row]:
        """The first rows, or all."""

    def columns(self, connection: Any, statement: Statement) -> Sequence[str]:
        """The names of the columns."""

    def stream(self, connection: Any, statement: Statement) -> Any:
        """A cursor that fetches rows as they are wanted."""

    def judged(self, error: Exception) -> Exception:
        """What an error of the library means to us."""


class ThreadedBackend:
    """A pool of threads with a connection each."""

    def __init__(self, reactor: Any, address: DatabaseAddress, dialect: Dialect):
        self._reactor = reactor
        self._dialect = dialect
        self._size = address.connections
        self._pool: _Pool | None = None
        self._is_closed = False
        self._running: set[Deferred[None]] = set()

    async def rows(self, statement: Statement, limit: int | None) -> Sequence[Row]:
        """The first rows, or all."""
        return await self._asked(lambda c: self._dialect.rows(c, statement, limit))

    async def columns(self, statement: Statement, is_table: bool) -> Sequence[str]:
        """The names of the columns."""
        if is_table:
            statement = statement.within("SELECT * FROM (", ") AS q LIMIT 0")
        return await self._asked(lambda c: self._dialect.columns(c, statement))

    async def each_batch(self, statement: Statement, size: int, take: Take) -> None:
        """Hand over all rows."""
        listing = _Listing(self._dialect, statement)
        try:
            while rows := await self._job(lambda: listing.fetched(size)):
                await take(rows)
        finally:
            # Nobody waits for that; a step may still be under way in its thread.
            closing = Deferred.fromCoroutine(self._job(listing.close))
            closing.addErrback(lambda _closed: listing.close())

    async def close(self) -> None:
        """Let the threads finish, each of which has a limit of time; then end them."""
        self._is_closed = True
        await DeferredList(list(self._running))
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    async def _asked(self, ask: Callable[[Any], T]) -> T:
        is_wanted = True

        def work() -> T | None:
            return pool.asked(ask) if is_wanted else None

        pool = self._open_pool()
        try:
            return cast(T, await self._job(work))
        finally:
            # Who has gone leaves no work behind for a thread that comes to it late.
            is_wanted = False

    async def _job(self, work: Callable[[], T]) -> T:
        threads = self._open_pool().threadpool
        ended: Deferred[None] = Deferred()
        self._running.add(ended)

        def over(result: Any) -> Any:
            self._running.discard(ended)
            ended.callback(None)
            return result

        # A thread cannot be cancelled: only its caller is freed.
        running = deferToThreadPool(self._reactor, threads, work)
        answer: Deferred[T] = Deferred()
        running.addBoth(over).addCallbacks(answer.callback, answer.errback)
        return await answer

    def _open_pool(self) -> "_Pool":
        if self._is_closed:
            raise StoreUnavailable("the connection to the database has been closed")
        if self._pool is None:
            self._pool = _Pool(self._dialect, self._reactor, self._size)
        return self._pool


class _Listing:
    """A list that is being read over a connection of its own, step by step."""

    def __init__(self, dialect: Dialect, statement: Statement) -> None:
        self._dialect = dialect
        self._statement = statement
        self._connection: Any = None
        self._cursor: Any = None
        # Steps come one after the other, unless a step was given up.
        self._lock = Lock()

    def fetched(self, size: int) -> Sequence[Row]:
        """The next rows."""
        with self._lock:
            try:
                return self._next(size)
            except Exception as error:
                raise self._dialect.judged(error) from error

    def _next(self, size: int) -> Sequence[Row]:
        if self._connection is None:
            self._connection = self._dialect.connect(for_listing=True)
        self._dialect.begin(self._connection)
        if self._cursor is None:
            self._cursor = self._dialect.stream(self._connection, self._statement)
        rows: Sequence[Row] = self._cursor.fetchmany(size)
        return rows

    def close(self) -> None:
        """End the connection."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()


class _Pool(adbapi.ConnectionPool):
    """Threads, and the connection that each has made."""

    def __init__(self, dialect: Dialect, reactor: Any, size: int) -> None:
        super().__init__(
            dialect.library, cp_min=0, cp_max=size, cp_noisy=False, cp_reactor=reactor
        )
        self._dialect = dialect

    def connect(self) -> Any:
        """This thread's connection."""
        thread = self.threadID()
        if thread not in self.connections:
            self.connections[thread] = self._dialect.connect(for_listing=False)
        return self.connections[thread]

    def asked(self, ask: Callable[[Any], T]) -> T:
        """Ask; an old connection that has died is replaced, and asked again."""
        is_old = self.threadID() in self.connections
        try:
            return self._tried(ask)
        except ConnectionGone:
            if not is_old:
                raise
        return self._tried(ask)

    def _tried(self, ask: Callable[[Any], T]) -> T:
        try:
            connection = self.connect()
            self._dialect.begin(connection)
            return ask(connection)
        except Exception as error:
            # After any failure: a new connection costs little, and its state is known.
            self.disconnect(self.connections.get(self.threadID()))
            raise self._dialect.judged(error) from error
