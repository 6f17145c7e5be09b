"""PostgreSQL, through txpostgres: without threads."""

import re
import ssl
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

import psycopg2
from twisted.internet.defer import (
    CancelledError,
    Deferred,
    TimeoutError,
)
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from txpostgres import txpostgres

from mxisd.drivers.sql.address import DatabaseAddress
from mxisd.drivers.sql.backends import LISTING_PATIENCE, Row, Take
from mxisd.drivers.sql.errors import (
    ConnectionGone,
    NoSuchValue,
    NotLetIn,
    QueryWrong,
    TimedOut,
)
from mxisd.drivers.sql.statements import Statement
from mxisd.drivers.system_names import addresses_of
from mxisd.drivers.turns import Turns
from mxisd.errors import StoreUnavailable

T = TypeVar("T")

_PORT = 5432
_TIMED_OUT = "the database did not answer in time"

# See the appendix "PostgreSQL Error Codes" of its manual.
_NO_SUCH_VALUE = ("22003", "22007", "22008", "22021", "22P02", "22P05")
_TOO_SLOW = ("57014",)
_GONE = ("57P01", "57P02", "57P03")
_NOT_LET_IN = {
    "28": ("password", "the database server refuses the user or the password"),
    "3D": ("database", "the database server has no such database"),
}
_UNREACHABLE = {
    "53": "the database server is short of something, such as connections",
}
_WRONG = ("0A", "25", "3F", "42")
_REFUSALS = (
    ("certificate|SSL|TLS", "TLS with the database server failed"),
    ("too many", "the database server has too many connections"),
    ("starting up|shutting down", "the database server is starting or stopping"),
    ("authentication|pg_hba|role|password", "28"),
    ('database ".*" does not exist', "3D"),
)
"""What libpq says, and what that means: words, or a class of SQLSTATE."""


class PostgresqlBackend:
    """A pool of connections."""

    def __init__(self, reactor: Any, address: DatabaseAddress) -> None:
        self._reactor = reactor
        self._address = address
        self._turns = Turns(reactor, address.connections)
        # A list takes long, and must not keep others from being asked.
        self._lists = Turns(reactor, 1)
        self._idle: list[_Connection] = []
        self._all: set[_Connection] = set()
        self._is_closed = False
        # Statements, since poolers in between refuse them as start-up options.
        milliseconds = int(address.timeout * 1000)
        self._promises = Statement(
            f"SET statement_timeout = {milliseconds}; "
            "SET default_transaction_read_only = on",
            None,
        )

    async def rows(self, statement: Statement, limit: int | None) -> Sequence[Row]:
        """The first rows, or all."""
        if limit is not None:
            statement = statement.within("SELECT * FROM (", f") AS q LIMIT {limit:d}")
        return await self._asked(lambda c: self._rows(c, statement))

    async def columns(self, statement: Statement, is_table: bool) -> Sequence[str]:
        """The names of the columns."""
        if is_table:
            statement = statement.within("SELECT * FROM (", ") AS q LIMIT 0")

        async def names(connection: _Connection) -> Sequence[str]:
            cursor = await self._executed(connection, statement)
            return [column[0].lower() for column in cursor.description or ()]

        return await self._asked(names)

    async def each_batch(self, statement: Statement, size: int, take: Take) -> None:
        """Hand over all rows, over a connection that nobody else gets afterwards."""
        patience = self._address.timeout * LISTING_PATIENCE
        async with self._lists.turn():
            connection = await self._connected()
            try:
                for text in (
                    "BEGIN READ ONLY",
                    f"SET LOCAL statement_timeout = {patience * 1000:.0f}",
                ):
                    await self._executed(connection, Statement(text, None))
                declare = statement.within("DECLARE mxisd NO SCROLL CURSOR FOR ", "")
                await self._executed(connection, declare, patience)
                fetch = Statement(f"FETCH {size:d} FROM mxisd", None)
                while rows := await self._rows(connection, fetch, patience):
                    await take(rows)
            finally:
                self._drop(connection)

    async def close(self) -> None:
        """End all connections."""
        self._is_closed = True
        for connection in list(self._all):
            self._drop(connection)

    # --- Connections ------------------------------------------------------------------

    async def _asked(self, ask: "Callable[[_Connection], Coroutine[Any, Any, T]]") -> T:
        async with self._turns.turn():
            if self._idle:
                try:
                    return await self._asked_over(self._idle.pop(), ask)
                except ConnectionGone:
                    # The server has been restarted: the others are dead, too.
                    self._drop_idle()
            return await self._asked_over(await self._connected(), ask)

    async def _asked_over(
        self,
        connection: "_Connection",
        ask: "Callable[[_Connection], Coroutine[Any, Any, T]]",
    ) -> T:
        try:
            answer = await ask(connection)
        except (QueryWrong, NoSuchValue):
            self._idle.append(connection)
            raise
        except BaseException:
            self._drop(connection)
            raise
        self._idle.append(connection)
        return answer

    async def _connected(self) -> "_Connection":
        if self._is_closed:
            raise StoreUnavailable("the connection to the database has been closed")
        connection = _Connection(self._reactor)
        self._all.add(connection)
        try:
            place = await self._place()
            connecting = connection.connect(**place, **self._login(), **_SETTINGS)
            await self._in_time(connecting, self._address.timeout)
            await self._executed(connection, self._promises)
        except ConnectionGone as error:
            self._drop(connection)
            raise _refusal(str(error.__cause__)) from error
        except BaseException:
            self._drop(connection)
            raise
        return connection

    async def _place(self) -> dict[str, Any]:
        host, port = self._address.host, self._address.port or _PORT
        if host is None or host.startswith("/"):
            return {**({"host": host} if host else {}), "port": port}
        # libpq would block while it asks for the address.
        asking = addresses_of(host, self._reactor.nameResolver)
        resolving = Deferred.fromCoroutine(asking)
        addresses = await self._in_time(resolving, self._address.timeout)
        if not addresses:
            raise StoreUnavailable("the host name of the database server is unknown")
        return {
            "host": ",".join([host] * len(addresses)),
            "hostaddr": ",".join(addresses),
            "port": port,
        }

    def _login(self) -> dict[str, Any]:
        address = self._address
        known: dict[str, Any] = {
            "dbname": address.database,
            "tcp_user_timeout": int(address.timeout * 2000),
        }
        if address.user:
            known["user"] = address.user
        if address.password:
            known["password"] = address.password.value
        if address.tls:
            known["sslmode"] = "verify-full"
            known["sslrootcert"] = address.ca_file or _trusted()
        return known

    def _drop(self, connection: "_Connection") -> None:
        self._all.discard(connection)
        connection.drop()

    def _drop_idle(self) -> None:
        idle, self._idle = self._idle, []
        for connection in idle:
            self._drop(connection)

    # --- Statements -------------------------------------------------------------------

    async def _rows(
        self, connection: "_Connection", statement: Statement, patience: float = 0
    ) -> Sequence[Row]:
        cursor = await self._executed(connection, statement, patience)
        rows: Sequence[Row] = cursor.fetchall() if cursor.description else ()
        return rows

    async def _executed(
        self, connection: "_Connection", statement: Statement, patience: float = 0
    ) -> Any:
        try:
            cursor = connection.cursor()
        except psycopg2.Error as error:
            raise _judged(error) from error
        running = cursor.execute(statement.text, statement.parameters)
        return await self._in_time(running, patience or self._address.timeout)

    async def _in_time(self, running: "Deferred[T]", seconds: float) -> T:
        # txpostgres must not be cancelled: it would block. The connection is dropped.
        answer: Deferred[T] = Deferred()
        running.addErrback(_untangled).addCallbacks(answer.callback, answer.errback)
        answer.addTimeout(seconds, self._reactor)
        try:
            return await answer
        except TimeoutError as error:
            raise TimedOut(_TIMED_OUT) from error
        except psycopg2.Error as error:
            raise _judged(error) from error


class _Connection(txpostgres.Connection):  # type: ignore[misc]
    """A connection that notices its end quietly: the next question will tell."""

    def doRead(self) -> None:
        """Read; an idle connection has nobody to be told of errors."""
        try:
            super().doRead()
        except psycopg2.Error:
            self.reactor.removeReader(self)

    def drop(self) -> None:
        """End it, whatever is under way."""
        if self._connection is not None:
            self.close()


_SETTINGS = {
    "client_encoding": "utf8",
    "application_name": "mxisd",
    "gssencmode": "disable",
    "keepalives_idle": 30,
}


def _trusted() -> str:
    known = ssl.get_default_verify_paths()
    # psycopg2's own OpenSSL may look for them elsewhere.
    return known.cafile or known.openssl_cafile


def _untangled(failure: Failure) -> Failure:
    # What txpostgres makes of a statement that the server stopped, and of a closed
    # connection.
    if failure.check(CancelledError):
        return Failure(TimedOut(_TIMED_OUT))
    if failure.check(ConnectionDone):
        return Failure(ConnectionGone("the connection was closed"))
    return failure


def _refusal(words: str) -> StoreUnavailable:
    """What is wrong, from libpq's words, which nothing else tells apart."""
    for pattern, text in _REFUSALS:
        if re.search(pattern, words):
            known = _NOT_LET_IN.get(text)
            return NotLetIn(*known) if known else StoreUnavailable(text)
    return StoreUnavailable(
        "the database server cannot be reached, or does not let us in"
    )


def _judged(error: psycopg2.Error) -> Exception:
    """What an error means to us; its text may hold parameters, and is left out."""
    code = error.pgcode or ""
    if code in _NO_SUCH_VALUE:
        return NoSuchValue()
    if code in _TOO_SLOW:
        return TimedOut(_TIMED_OUT)
    if code in _GONE or not code:
        return ConnectionGone("the database server closed the connection")
    if code[:2] in _NOT_LET_IN:
        return NotLetIn(*_NOT_LET_IN[code[:2]])
    if code[:2] in _UNREACHABLE:
        return StoreUnavailable(_UNREACHABLE[code[:2]])
    if code[:2] in _WRONG:
        detail = error.diag.message_primary or ""
        return QueryWrong(f"the query is refused (SQLSTATE {code})", detail)
    return StoreUnavailable(f"the database cannot be asked (SQLSTATE {code})")
