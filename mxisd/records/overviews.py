"""Our tables as operators see them: newest first, a page at a time."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from attrs import frozen
from zope.interface import implementer

from mxisd.model.associations import Association
from mxisd.model.identifiers import UserId
from mxisd.model.overviews import (
    Cursor,
    DeliveryState,
    Errand,
    InviteOverview,
    InviteState,
    Page,
    Wanted,
)
from mxisd.model.sessions import ValidationSession
from mxisd.model.threepids import ThreePid
from mxisd.ports import IOverviews
from mxisd.records.database import Database, Transaction
from mxisd.records.invite_rows import COLUMNS, invite_of
from mxisd.records.sessions import SESSION_COLUMNS, session_of

T = TypeVar("T")

_INVITE_WIDTH = COLUMNS.count(",") + 1


@frozen(kw_only=True)
class _Table:
    """
    What a list is made of.

    :ivar order: Two columns that order the rows.
    :ivar user_id: The column with a user.
    :ivar state: The column that is NULL until something has ended.
    """

    select: str
    threepid: tuple[str, str]
    order: tuple[str, str]
    is_newest_first: bool = True
    user_id: str = ""
    state: str = ""

    def query(self, wanted: Wanted) -> tuple[str, list[Any]]:
        """The SQL of a page and one row more, and its parameters."""
        conditions = list(self._conditions(wanted))
        where = " AND ".join(text for text, _ in conditions)
        direction = "DESC" if self.is_newest_first else "ASC"
        order = ", ".join(f"{each} {direction}" for each in self.order)
        sql = f"{self.select}{where and f' WHERE {where}'} ORDER BY {order} LIMIT ?"
        parameters = [each for _, values in conditions for each in values]
        return sql, [*parameters, wanted.limit + 1]

    def _conditions(self, wanted: Wanted) -> Iterator[tuple[str, Sequence[Any]]]:
        if wanted.threepid is not None:
            medium, address = self.threepid
            key = wanted.threepid.medium, wanted.threepid.address
            yield f"{medium} = ? AND {address} = ?", key
        if wanted.user_id is not None and self.user_id:
            yield f"{self.user_id} = ?", [str(wanted.user_id)]
        if wanted.state in (InviteState.PENDING, DeliveryState.WAITING):
            yield f"{self.state} IS NULL", ()
        elif wanted.state is not None and self.state:
            yield f"{self.state} = ?", [wanted.state.value]
        if wanted.after is not None:
            sign = "<" if self.is_newest_first else ">"
            yield f"({', '.join(self.order)}) {sign} (?, ?)", wanted.after


BINDINGS = _Table(
    select="SELECT medium, address, lowered, user_id, ts_ms, not_before_ms, "
    "not_after_ms FROM bindings",
    threepid=("medium", "address"),
    order=("medium", "address"),
    is_newest_first=False,
    user_id="user_id",
)
SESSIONS = _Table(
    select=f"SELECT {SESSION_COLUMNS} FROM sessions",  # noqa: S608
    threepid=("medium", "address"),
    order=("changed_ms", "sid"),
)
_INVITES = (
    f"SELECT {', '.join(f'i.{each}' for each in COLUMNS.split(', '))}, "  # noqa: S608
    "m.failures, m.due_ms, m.ended_ms, m.outcome, m.answer, "
    "d.server, d.failures, d.due_ms, d.ended_ms, d.outcome, d.answer "
    "FROM invites i LEFT JOIN invite_messages m ON m.token = i.token "
)
INVITES = _Table(
    select=f"{_INVITES}LEFT JOIN deliveries d ON d.token = i.token",
    threepid=("i.medium", "i.address"),
    order=("i.created_ms", "i.token"),
    user_id="i.sender",
    state="i.ending",
)
DELIVERIES = _Table(
    select=f"{_INVITES}JOIN deliveries d ON d.token = i.token",
    threepid=("i.medium", "i.address"),
    order=("i.created_ms", "i.token"),
    user_id="d.owner",
    state="d.outcome",
)
ONE_INVITE = f"{INVITES.select} WHERE i.token = ?"


@implementer(IOverviews)
class Overviews:
    """Pages of our tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def bindings(self, wanted: Wanted) -> Page[Association]:
        """Who published what, in the order of the addresses."""
        return await self._page(BINDINGS, wanted, _association, _binding_key)

    async def sessions(self, wanted: Wanted) -> Page[ValidationSession]:
        """Validation sessions, the last one that changed first."""
        return await self._page(SESSIONS, wanted, session_of, _session_key)

    async def invites(self, wanted: Wanted) -> Page[InviteOverview]:
        """Invites, and what was done about them."""
        return await self._page(INVITES, wanted, _overview, _invite_key)

    async def deliveries(self, wanted: Wanted) -> Page[InviteOverview]:
        """The invites that homeservers are told of, or were."""
        return await self._page(DELIVERIES, wanted, _overview, _invite_key)

    def invite(self, token: str) -> InviteOverview | None:
        """An invite, and what was done about it, at once."""
        rows = self._database.rows(ONE_INVITE, token)
        return _overview(*rows[0]) if rows else None

    async def _page(
        self,
        table: _Table,
        wanted: Wanted,
        read: Callable[..., T],
        key: Callable[[T], Cursor],
    ) -> Page[T]:
        sql, parameters = table.query(wanted)

        # Reading may take a while, hence not on the reactor's thread.
        async def work(tx: Transaction) -> Page[T]:
            rows = await tx.rows(sql, *parameters)
            items = [read(*row) for row in rows[: wanted.limit]]
            return Page(items, key(items[-1]) if len(rows) > wanted.limit else None)

        return await self._database.transact(work)


def _association(
    medium: str,
    address: str,
    lowered: str | None,
    user_id: str,
    ts_ms: int,
    not_before_ms: int,
    not_after_ms: int,
) -> Association:
    threepid, owner = ThreePid(medium, address, lowered), UserId.parse(user_id)
    return Association(threepid, owner, ts_ms, not_before_ms, not_after_ms)


def _overview(*row: Any) -> InviteOverview:
    invite = invite_of(*row[:_INVITE_WIDTH])
    message, delivery = row[_INVITE_WIDTH : _INVITE_WIDTH + 5], row[_INVITE_WIDTH + 5 :]
    return InviteOverview(
        invite=invite,
        message=_errand(invite.threepid.medium, *message),
        delivery=_errand(*delivery),
    )


def _errand(
    recipient: str | None,
    failures: int | None,
    due_ms: int,
    ended_ms: int | None,
    outcome: str | None,
    answer: str | None,
) -> Errand | None:
    if recipient is None or failures is None:
        return None
    return Errand(
        recipient=recipient,
        failures=failures,
        due_ms=due_ms,
        ended_ms=ended_ms,
        outcome=outcome,
        answer=answer,
    )


def _binding_key(item: Association) -> Cursor:
    return item.threepid.medium, item.threepid.address


def _session_key(item: ValidationSession) -> Cursor:
    return item.changed_ms, item.sid


def _invite_key(item: InviteOverview) -> Cursor:
    return item.invite.created_ms, item.invite.token
