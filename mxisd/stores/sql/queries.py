"""Queries that are checked before they are asked."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NoReturn, Protocol

from attrs import Factory, define, field
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mxisd.drivers.sql.address import Engine
from mxisd.drivers.sql.errors import QueryWrong
from mxisd.drivers.sql.statements import marks
from mxisd.errors import Misconfigured
from mxisd.portions import Portions

Row = Sequence[Any]

AGAIN = 60.0
"""Seconds after which a wrong query is looked at again: tables may have been mended."""

log = Logger()


Form = tuple[str, ...]
ANY: Form = ("?", "…")
NONE: Form = ()
ADDRESS: Form = ("?",)
MEDIUM_AND_ADDRESS: Form = ("?", "?")
ADDRESSES: Form = ("??",)
MEDIUM_AND_ADDRESSES: Form = ("?", "??")

_WORDS = {
    ANY: "at least one ?, and no ??",
    NONE: "no ?",
    ADDRESS: "one ?, for the address",
    MEDIUM_AND_ADDRESS: "two ?, for medium and address",
    ADDRESSES: "one ??, for the addresses",
    MEDIUM_AND_ADDRESSES: "? and ??, for medium and addresses",
}


class Database(Protocol):
    """What is asked: :class:`mxisd.drivers.sql.database.SqlDatabase`."""

    name: str

    @property
    def engine(self) -> Engine:
        """Whose dialect of SQL is spoken."""

    async def rows(
        self, query: str, parameters: Sequence[Any] = (), *, limit: int | None = None
    ) -> Sequence[Row]:
        """Ask."""

    async def columns(self, query: str, parameters: Sequence[Any]) -> Sequence[str]:
        """Have a query judged."""

    async def each_batch(
        self,
        query: str,
        parameters: Sequence[Any],
        size: int,
        take: Callable[[Sequence[Row]], Awaitable[None]],
    ) -> None:
        """Hand over all rows."""

    async def close(self) -> None:
        """End the connections."""


def _portions(query: "Query") -> Portions:
    return Portions(query.clock)


@define(eq=False)
class Query:
    """
    A query of the operator's.

    :ivar path: The key it stands under.
    :ivar forms: The parameters that it may want: one of these.
    :ivar wanted: The columns that it must have, by name.
    :ivar width: How many columns it must have at least.
    :ivar is_guess: Whether it is ours, and its table may well not be there.
    :ivar portions: For loops over its rows.
    """

    database: Database
    clock: IReactorTime
    path: str
    text: str
    forms: Sequence[Form] = (ANY,)
    wanted: Sequence[str] = ()
    width: int = 1
    is_guess: bool = False
    portions: Portions = field(init=False, default=Factory(_portions, takes_self=True))
    _columns: Sequence[str] | None = None
    _problem: str | None = None
    _again: float = 0.0

    @property
    def marks(self) -> Sequence[str]:
        """The parameters that it wants, each ``?`` or ``??``."""
        return marks(self.database.engine, self.text)

    async def check(self) -> None:
        """
        Have the database judge the query, unless it has done so.

        :raise Misconfigured: If the query can never work.
        """
        if self._columns is not None:
            return
        if self._problem is not None and self.clock.seconds() < self._again:
            raise Misconfigured(self.path, self._problem)
        if not any(_fits(self.marks, form) for form in self.forms):
            self._wrong("must have " + ", or ".join(_WORDS[f] for f in self.forms))
        # NULL is of every type.
        nothing = [[None] if mark == "??" else None for mark in self.marks]
        try:
            columns = await self.database.columns(self.text, nothing)
        except QueryWrong as error:
            self._wrong(str(error))
        self._judge(columns)

    async def rows(
        self, parameters: Sequence[Any], limit: int | None = None
    ) -> Sequence[Row]:
        """Check and ask."""
        await self.check()
        try:
            return await self.database.rows(self.text, parameters, limit=limit)
        except QueryWrong as error:
            self._wrong(str(error))

    async def repeated(self, value: Any, limit: int | None = None) -> Sequence[Row]:
        """Check and ask, with the same value for every ``?``."""
        return await self.rows([value] * len(self.marks), limit)

    async def each_batch(
        self, size: int, take: Callable[[Sequence[Row]], Awaitable[None]]
    ) -> None:
        """Check, and hand over all rows."""
        await self.check()
        try:
            await self.database.each_batch(self.text, (), size, take)
        except QueryWrong as error:
            self._wrong(str(error))

    def has(self, name: str) -> bool:
        """Whether there is such a column; only after :meth:`check`."""
        return self._columns is not None and name in self._columns

    def value(self, row: Row, name: str) -> Any:
        """A row's value in a column; only after :meth:`check`."""
        assert self._columns is not None
        return row[self._columns.index(name)]

    def _judge(self, columns: Sequence[str]) -> None:
        missing = [name for name in self.wanted if name not in columns]
        if missing:
            names = ", ".join(missing)
            self._wrong(f"gives no column {names}: name columns by AS")
        if len(columns) < self.width:
            self._wrong(f"gives {len(columns)} columns, must give {self.width}")
        if self._problem is not None:
            log.info("{store}: {key} is in order now", **self._place)
        self._columns, self._problem = columns, None

    def _wrong(self, problem: str) -> NoReturn:
        if problem != self._problem and self.is_guess:
            log.info("{store}: {key} has no default here", **self._place)
        elif problem != self._problem:
            log.error(
                "{store}: {key} does not work, and is not asked: {problem}",
                problem=problem,
                **self._place,
            )
        self._columns, self._problem = None, problem
        self._again = self.clock.seconds() + AGAIN
        raise Misconfigured(self.path, problem)

    @property
    def _place(self) -> dict[str, str]:
        return {"store": self.database.name, "key": self.path}


def _fits(found: Sequence[str], form: Form) -> bool:
    if form == ANY:
        return bool(found) and "??" not in found
    return tuple(found) == form
