"""Queries to WordPress's database."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from attrs import define, field

from mxisd.drivers.sql.database import SqlDatabase
from mxisd.drivers.sql.errors import QueryWrong
from mxisd.drivers.sql.statements import marks
from mxisd.errors import Misconfigured
from mxisd.interfaces import BATCH_LIMIT

Row = Mapping[str, Any]
Take = Callable[[Sequence[Row]], Awaitable[None]]

PREFIX = "%TABLE_PREFIX%"
PREFIX_KEY = "sql.tablePrefix"
"""What is wrong when one of our own queries is: the tables have other names."""

BY_EMAIL = """\
SELECT user_login AS uid, user_email AS address FROM %TABLE_PREFIX%users
WHERE user_email IN (??) ORDER BY user_login"""

EVERYBODY = """\
SELECT user_login AS uid, 'email' AS medium, user_email AS address
FROM %TABLE_PREFIX%users WHERE user_email <> ''"""

SEARCH_NAME = """\
SELECT DISTINCT u.user_login, u.display_name FROM %TABLE_PREFIX%users u
LEFT JOIN %TABLE_PREFIX%usermeta m ON m.user_id = u.ID
AND m.meta_key IN ('nickname', 'first_name', 'last_name')
WHERE u.display_name LIKE ? OR u.user_login LIKE ? OR m.meta_value LIKE ?
ORDER BY u.user_login"""

SEARCH_THREEPID = """\
SELECT user_login, display_name FROM %TABLE_PREFIX%users
WHERE user_email LIKE ? ORDER BY user_login"""

PROFILE = """\
SELECT u.user_login, u.display_name, u.user_email, m.meta_value AS capabilities
FROM %TABLE_PREFIX%users u LEFT JOIN %TABLE_PREFIX%usermeta m
ON m.user_id = u.ID AND m.meta_key = '%TABLE_PREFIX%capabilities'
WHERE u.user_login = ?"""


@define(eq=False)
class Query:
    """
    A query that the database judges before it is asked.

    :ivar path: The key to mend if it is wrong.
    :ivar wanted: The columns that it must have, by name.
    :ivar width: How many columns it must have at least.
    """

    database: SqlDatabase
    path: str
    text: str
    wanted: Sequence[str] = ()
    width: int = 1
    _columns: Sequence[str] = field(default=(), init=False)

    @property
    def marks(self) -> Sequence[str]:
        """The parameters that it wants, each ``?`` or ``??``."""
        return marks(self.database.engine, self.text)

    async def check(self) -> None:
        """
        Have it judged, unless that was done.

        :raise Misconfigured: If it can never work.
        """
        if self._columns:
            return
        examples = [["x"] if mark == "??" else "x" for mark in self.marks]
        try:
            columns = await self.database.columns(self.text, examples)
        except QueryWrong as error:
            raise Misconfigured(self.path, str(error)) from error
        missing = [name for name in self.wanted if name not in columns]
        if missing:
            raise Misconfigured(self.path, f"gives no column {', '.join(missing)}")
        if len(columns) < self.width:
            raise Misconfigured(self.path, f"must give {self.width} columns")
        self._columns = columns

    async def rows(
        self, parameters: Sequence[Any], limit: int | None = None
    ) -> Sequence[Row]:
        """Ask; rows are by column."""
        return [self._named(each) for each in await self.plain_rows(parameters, limit)]

    async def plain_rows(
        self, parameters: Sequence[Any], limit: int | None = None
    ) -> Sequence[Sequence[Any]]:
        """Ask; rows are as they come."""
        await self.check()
        try:
            return await self.database.rows(self.text, parameters, limit=limit)
        except QueryWrong as error:
            self._columns = ()
            raise Misconfigured(self.path, str(error)) from error

    async def each_batch(
        self, take: Callable[[Sequence[Row]], Awaitable[None]]
    ) -> None:
        """Hand over all rows, as they come."""
        await self.check()

        async def named(rows: Sequence[Sequence[Any]]) -> None:
            await take([self._named(each) for each in rows])

        try:
            await self.database.each_batch(self.text, (), BATCH_LIMIT, named)
        except QueryWrong as error:
            self._columns = ()
            raise Misconfigured(self.path, str(error)) from error

    def _named(self, row: Sequence[Any]) -> Row:
        return dict(zip(self._columns, row, strict=True))


def contains(term: str) -> str:
    """The pattern for what contains a term, whatever characters are in it."""
    for special in ("\\", "%", "_"):
        term = term.replace(special, f"\\{special}")
    return f"%{term}%"
