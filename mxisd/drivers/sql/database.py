"""Asking a database of somebody else, whatever its engine."""

import os
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, TimeoutError
from twisted.logger import Logger

from mxisd.drivers.sql.address import DatabaseAddress, Engine
from mxisd.drivers.sql.backends import Backend, Row
from mxisd.drivers.sql.errors import (
    NoSuchValue,
    NotLetIn,
    QueryWrong,
    TimedOut,
    is_passable,
)
from mxisd.drivers.sql.sqlite import SqliteDialect
from mxisd.drivers.sql.statements import is_table, translated
from mxisd.drivers.sql.threaded import ThreadedBackend
from mxisd.drivers.tls_files import TlsFiles
from mxisd.errors import ConfigError, Misconfigured, StoreUnavailable

T = TypeVar("T")

log = Logger()

QUESTIONS_PER_CONNECTION = 100
"""How many may wait; the rest is told at once that the database is busy."""


class SqlDatabase:
    """
    A database that is asked, and never written to.

    Queries have a ``?`` for each parameter, and ``IN (??)`` for one that is a list.
    Everything raises ``StoreUnavailable`` where the database could not be asked, and
    :class:`mxisd.drivers.sql.errors.QueryWrong` where it did not understand.

    :ivar name: What log lines call it: the store's name.
    """

    def __init__(
        self,
        reactor: Any,
        address: DatabaseAddress,
        name: str,
        backend: Backend,
        key: str = "",
    ) -> None:
        self.name = name
        self._key = key
        self._reactor = reactor
        self._address = address
        self._backend = backend
        self._waiting = 0
        self._is_closed = False

    @property
    def engine(self) -> Engine:
        """Whose dialect of SQL is spoken."""
        return self._address.engine

    async def rows(
        self, query: str, parameters: Sequence[Any] = (), *, limit: int | None = None
    ) -> Sequence[Row]:
        """
        Ask, and fetch the answer.

        A value that no database can hold, such as a text with a NUL, matches nothing.
        One that this database cannot hold, or that has more rows than are wanted, costs
        the others of its list nothing: they are asked for again in smaller lists.

        :param limit: How many rows are wanted at most, of each list that is asked for.
        """
        possible = _possible(parameters)
        if possible is None:
            return ()
        rows = await self._rows(query, possible, limit)
        if rows is not None and (limit is None or len(rows) < limit):
            return rows
        halves = _halves(possible)
        if halves is None:
            return rows or ()
        answers = [await self.rows(query, half, limit=limit) for half in halves]
        return [row for answer in answers for row in answer]

    async def _rows(
        self, query: str, parameters: Sequence[Any], limit: int | None
    ) -> Sequence[Row] | None:
        statement = translated(self.engine, query, parameters)
        try:
            return await self._in_time(self._backend.rows(statement, limit))
        except NoSuchValue:
            return None

    async def columns(self, query: str, parameters: Sequence[Any]) -> Sequence[str]:
        """
        Have a query judged; no row is fetched.

        :param parameters: Examples, for the types and numbers.
        :return: The names of its columns, in lower case.
        """
        statement = translated(self.engine, query, parameters)
        asking = self._backend.columns(statement, is_table(query))
        try:
            return await self._in_time(asking)
        except QueryWrong as error:
            raise QueryWrong(error.detail or str(error)) from error
        except NoSuchValue as error:
            raise StoreUnavailable("the database refuses an example") from error

    async def each_batch(
        self,
        query: str,
        parameters: Sequence[Any],
        size: int,
        take: Callable[[Sequence[Row]], Awaitable[None]],
    ) -> None:
        """
        Hand over all rows in batches, each when the one before was taken.

        What ``take`` raises ends the listing, and reaches the caller.
        """
        statement = translated(self.engine, query, parameters)
        self._check_open()
        try:
            await self._backend.each_batch(statement, size, take)
        except NoSuchValue as error:
            raise StoreUnavailable("the database refuses a parameter") from error
        except NotLetIn as error:
            raise self._misconfigured(error) from error

    async def close(self) -> None:
        """End the connections; whoever asks from now on is refused."""
        if not self._is_closed:
            self._is_closed = True
            await self._backend.close()

    async def _in_time(self, asking: Coroutine[Any, Any, T]) -> T:
        # Connection and statement have their own limits; this one frees the caller
        # even where a thread hangs, or where there is a long queue.
        try:
            self._check_open()
        except StoreUnavailable:
            asking.close()
            raise
        self._waiting += 1
        answer = Deferred.fromCoroutine(asking)
        answer.addTimeout(2 * self._address.timeout, self._reactor)
        try:
            return await answer
        except TimeoutError as error:
            raise TimedOut("the database did not answer in time") from error
        except NotLetIn as error:
            raise self._misconfigured(error) from error
        finally:
            self._waiting -= 1

    def _misconfigured(self, error: NotLetIn) -> Misconfigured:
        return Misconfigured(self._key or error.key, str(error), is_whole=True)

    def _check_open(self) -> None:
        if self._is_closed:
            raise StoreUnavailable("the connection to the database has been closed")
        if self._waiting >= QUESTIONS_PER_CONNECTION * self._address.connections:
            raise StoreUnavailable("too many questions wait for the database already")


def open_database(
    reactor: Any,
    address: DatabaseAddress,
    name: str,
    key: str = "",
    ca_key: str = "caFile",
) -> SqlDatabase:
    """
    A database; it is connected to at the first question.

    :param name: What log lines call it: the store's name.
    :param key: The key with the whole address, for whoever is to mend it; empty if
        ``user``, ``password`` and ``database`` have keys of their own.
    :param ca_key: The key that names the file of authorities.
    :raise ConfigError: If the library for this engine is not installed, or the file of
        authorities cannot be used.
    """
    backend = _backend(reactor, address)
    _require_authorities(address, ca_key)
    _report_no_file(address, name)
    return SqlDatabase(reactor, address, name, backend, key)


def _require_authorities(address: DatabaseAddress, key: str) -> None:
    if not address.tls:
        return
    try:
        TlsFiles(ca_file=address.ca_file).require()
    except ConfigError as error:
        raise ConfigError.at(key, error.problems[0].text) from error


def _report_no_file(address: DatabaseAddress, name: str) -> None:
    # It may be there in a moment: whose it is may start beside us.
    is_file = address.engine is Engine.SQLITE
    if is_file and not os.access(address.database, os.R_OK):
        log.warn(
            "{store}: the database file {file} is not there, or may not be read",
            store=name,
            file=address.database,
        )


def _backend(reactor: Any, address: DatabaseAddress) -> Backend:
    if address.engine is Engine.SQLITE:
        return ThreadedBackend(reactor, address, SqliteDialect(reactor, address))
    try:
        return _server(reactor, address)
    except ImportError as error:
        extra = "postgresql" if address.engine is Engine.POSTGRESQL else "mysql"
        raise ConfigError.at(
            "type", f"needs a library that is missing: pip install 'mxisd[{extra}]'"
        ) from error


def _server(reactor: Any, address: DatabaseAddress) -> Backend:
    # Imported here, since not everybody has the libraries.
    if address.engine is Engine.POSTGRESQL:
        from mxisd.drivers.sql.postgresql import PostgresqlBackend  # noqa: PLC0415

        return PostgresqlBackend(reactor, address)
    from mxisd.drivers.sql.mysql import MysqlDialect  # noqa: PLC0415

    return ThreadedBackend(reactor, address, MysqlDialect(address))


def _possible(parameters: Sequence[Any]) -> Sequence[Any] | None:
    """The parameters without list members that match nothing; ``None``: none does."""
    possible: list[Any] = []
    for each in parameters:
        if isinstance(each, list | tuple | frozenset | set):
            possible.append([one for one in each if is_passable(one)])
        elif is_passable(each):
            possible.append(each)
        else:
            return None
    return possible


def _halves(parameters: Sequence[Any]) -> Sequence[Sequence[Any]] | None:
    """The same question about each half of its list; ``None`` if there is no list."""
    lists = [each for each in parameters if isinstance(each, list)]
    if not lists or len(lists[0]) < 2 or any(each != lists[0] for each in lists):
        return None
    half = len(lists[0]) // 2
    return [
        [each[part] if isinstance(each, list) else each for each in parameters]
        for part in (slice(half), slice(half, None))
    ]
