"""MariaDB and MySQL, through PyMySQL."""

import ssl
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import pymysql
from attrs import frozen
from pymysql.cursors import SSCursor

from mxisd.drivers.sql.address import DatabaseAddress
from mxisd.drivers.sql.backends import LISTING_PATIENCE, Row
from mxisd.drivers.sql.errors import (
    ConnectionGone,
    NoSuchValue,
    NotLetIn,
    QueryWrong,
    TimedOut,
)
from mxisd.drivers.sql.statements import Statement
from mxisd.errors import StoreUnavailable

_PORT = 3306

# See "Server Error Message Reference" of MySQL, and "Error Codes" of MariaDB.
_GONE = (2006, 2013, 2014, 2055, 1053, 1927, 4031)
_TOO_SLOW = (1969, 3024)
_NO_SUCH_VALUE = (1267, 1270, 1271, 1366, 3854, 3988)
_NOT_LET_IN = {
    1044: ("database", "the database server does not let this user into the database"),
    1045: ("password", "the database server refuses the user or the password"),
    1049: ("database", "the database server has no such database"),
    1698: ("password", "the database server refuses the user or the password"),
}
_UNREACHABLE = {
    1040: "the database server has too many connections",
    1203: "this user has too many connections to the database server",
    2003: "the database server cannot be reached",
    2026: "TLS with the database server failed",
}
# The server's default may be less, and its answers would be cut without a word.
_NO_LIMIT = 2**64 - 1
_TIMED_OUT = "the database did not answer in time"


@frozen
class MysqlDialect:
    """A database on a server."""

    address: DatabaseAddress
    library = "pymysql"

    def connect(self, *, for_listing: bool) -> Any:
        """Connect, log in, and promise to write nothing."""
        address = self.address
        patience = address.timeout * (LISTING_PATIENCE if for_listing else 1)
        connection = pymysql.connect(
            **self._place(),
            user=address.user or None,
            password=address.password.value,
            database=address.database,
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=address.timeout,
            read_timeout=patience,
            write_timeout=patience,
            ssl=self._tls(),
        )
        try:
            self._prepare(connection, for_listing)
        except BaseException:
            connection.close()
            raise
        return connection

    def begin(self, connection: Any) -> None:
        """Nothing: the connection's own limits hold."""

    def rows(
        self, connection: Any, statement: Statement, limit: int | None
    ) -> Sequence[Row]:
        """The first rows, or all; the server itself is told how many."""
        with closing(connection.cursor()) as cursor:
            self._set_limit(connection, cursor, limit)
            cursor.execute(statement.text, statement.parameters)
            rows: Sequence[Row] = cursor.fetchall()
            # A procedure, for example, knows no such limit.
            return rows[:limit]

    def columns(self, connection: Any, statement: Statement) -> Sequence[str]:
        """The names of the columns."""
        with closing(connection.cursor()) as cursor:
            cursor.execute(statement.text, statement.parameters)
            return [column[0].lower() for column in cursor.description or ()]

    def stream(self, connection: Any, statement: Statement) -> Any:
        """A cursor that fetches rows as they are wanted."""
        cursor = _Stream(connection)
        cursor.execute(statement.text, statement.parameters)
        return cursor

    def judged(self, error: Exception) -> Exception:
        """Errors by their number; the text may hold parameters, and is left out."""
        if isinstance(error, OSError):
            # The file with authorities, for example, cannot be read.
            return StoreUnavailable(f"{_UNREACHABLE[2026]}: {type(error).__name__}")
        if not isinstance(error, pymysql.MySQLError):
            return error
        code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
        if isinstance(error.__context__, TimeoutError) or code in _TOO_SLOW:
            return TimedOut(_TIMED_OUT)
        if code in _GONE or isinstance(error, pymysql.InterfaceError):
            return ConnectionGone("the database server closed the connection")
        if code in _NO_SUCH_VALUE:
            return NoSuchValue()
        if code in _NOT_LET_IN:
            return NotLetIn(*_NOT_LET_IN[code])
        if code in _UNREACHABLE:
            return StoreUnavailable(_words(code, error))
        if 1000 <= code < 2000 or 3000 <= code < 5000:
            return QueryWrong(
                f"the query is refused (error {code})", str(error.args[-1])
            )
        return StoreUnavailable(f"the database cannot be asked (error {code})")

    def _set_limit(self, connection: Any, cursor: Any, limit: int | None) -> None:
        # Mostly it is the one of the question before.
        if getattr(connection, "select_limit", -1) != limit:
            number = _NO_LIMIT if limit is None else limit
            cursor.execute(f"SET SESSION sql_select_limit = {number:d}")
            connection.select_limit = limit

    def _place(self) -> dict[str, Any]:
        host = self.address.host or "localhost"
        if host.startswith("/"):
            return {"unix_socket": host}
        return {"host": host, "port": self.address.port or _PORT}

    def _tls(self) -> ssl.SSLContext | None:
        if not self.address.tls:
            return None
        return ssl.create_default_context(cafile=self.address.ca_file)

    def _prepare(self, connection: Any, for_listing: bool) -> None:
        seconds = self.address.timeout
        is_mariadb = "mariadb" in connection.get_server_info().lower()
        with closing(connection.cursor()) as cursor:
            cursor.execute("SET SESSION TRANSACTION READ ONLY")
            if for_listing:
                # The receiver of a list may need a while for each batch.
                cursor.execute("SET SESSION net_write_timeout = 600")
                cursor.execute(f"SET SESSION sql_select_limit = {_NO_LIMIT:d}")
            elif is_mariadb:
                cursor.execute(f"SET SESSION max_statement_time = {seconds:f}")
            else:
                milliseconds = int(seconds * 1000)
                cursor.execute(f"SET SESSION max_execution_time = {milliseconds:d}")


class _Stream(SSCursor):
    """Rows as they come; what is left unread ends with the connection."""

    connection: Any
    _result: Any

    def close(self) -> None:
        """Forget the rest: reading it, as PyMySQL does, may take for ever."""
        if self._result is not None:
            self._result.unbuffered_active = False
        self.connection = None

    __del__ = close


def _words(code: int, error: Exception) -> str:
    if code != 2003 or not isinstance(
        error.__cause__ or error.__context__, ssl.SSLError
    ):
        return _UNREACHABLE[code]
    return _UNREACHABLE[2026]
