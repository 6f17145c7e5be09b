"""Invites, the deliveries to homeservers, and the messages to people."""

import json
from collections.abc import Sequence
from functools import partial

from zope.interface import implementer

from mxisd.model.identifiers import UserId
from mxisd.model.invites import (
    EPHEMERAL_SERIAL,
    Delivery,
    Ending,
    Invite,
    Verdict,
)
from mxisd.model.signing import SigningKey, key_bytes
from mxisd.model.threepids import ThreePid
from mxisd.ports import IDeliveryRecords, IInviteMessageRecords, IInviteRecords
from mxisd.records.database import Database, Row, Transaction

_SELECT = (
    "SELECT token, medium, address, lowered, room_id, sender, facts, languages, "
    "key_seed, display_name, created_ms, ended_ms, ending, owner FROM invites "
)
INVITE = _SELECT + "WHERE token = ?"
TWIN = _SELECT + (
    "WHERE medium = ? AND address = ? AND room_id = ? AND sender = ? "
    "AND ending IS NULL LIMIT 1"
)
LIVE_KEY = "SELECT 1 FROM invites WHERE key_public = ? AND ending IS NULL LIMIT 1"
ADD_INVITE = (
    "INSERT INTO invites (token, medium, address, lowered, room_id, sender, facts, "
    "languages, key_seed, key_public, display_name, created_ms, ended_ms, ending, "
    "owner) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
PENDING = "SELECT DISTINCT medium, address, lowered FROM invites WHERE ending IS NULL"
PENDING_OF = (
    "SELECT token FROM invites WHERE medium = ? AND address = ? AND ending IS NULL"
)
PENDING_BEFORE = "SELECT token FROM invites WHERE created_ms <= ? AND ending IS NULL"
END = "UPDATE invites SET ended_ms = ?, ending = ?, owner = ? WHERE token = ?"

ADD_DELIVERY = (
    "INSERT INTO deliveries (token, owner, server, failures, due_ms) "
    "VALUES (?, ?, ?, 0, ?)"
)
SERVERS = "SELECT DISTINCT server FROM deliveries WHERE outcome IS NULL AND due_ms <= ?"
NEXT_DELIVERY = (
    "SELECT token, owner, failures, due_ms FROM deliveries "
    "WHERE server = ? AND outcome IS NULL AND due_ms <= ? ORDER BY due_ms LIMIT 1"
)
DELIVERY_FAILED = (
    "UPDATE deliveries SET failures = failures + 1, due_ms = ?, answer = ? "
    "WHERE token = ?"
)
DELIVERY_ENDED = (
    "UPDATE deliveries SET ended_ms = ?, outcome = ?, answer = ? WHERE token = ?"
)
EXPEDITE_DELIVERIES = (
    "UPDATE deliveries SET due_ms = ? WHERE outcome IS NULL AND failures > 0"
)

ADD_MESSAGE = "INSERT INTO invite_messages (token, failures, due_ms) VALUES (?, 0, ?)"
DUE_MESSAGES = (
    "SELECT token, failures FROM invite_messages "
    "WHERE outcome IS NULL AND due_ms <= ? ORDER BY due_ms LIMIT ?"
)
MESSAGE_FAILED = (
    "UPDATE invite_messages SET failures = failures + 1, due_ms = ? WHERE token = ?"
)
MESSAGE_ENDED = (
    "UPDATE invite_messages SET ended_ms = ?, outcome = ? "
    "WHERE token = ? AND outcome IS NULL"
)
EXPEDITE_MESSAGES = (
    "UPDATE invite_messages SET due_ms = ? WHERE outcome IS NULL AND failures > 0"
)
NEEDLESS = "needless"


@implementer(IInviteRecords)
class InviteRecords:
    """Invites in our tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def invite(self, token: str) -> Invite | None:
        """Find an invite by key, at once; ended ones too."""
        return _first(self._database.rows(INVITE, token))

    def twin(self, threepid: ThreePid, room_id: str, sender: UserId) -> Invite | None:
        """Find the pending invite of the same person to the same room, at once."""
        return _first(self._database.rows(TWIN, *_twin_key(threepid, room_id, sender)))

    def is_live_key(self, public_key: bytes) -> bool:
        """Whether this is the ephemeral key of a pending invite, at once."""
        return bool(self._database.rows(LIVE_KEY, public_key))

    async def add_invite(self, invite: Invite, due_ms: int) -> Invite:
        """Remember an invite, and what is to be done about it."""

        async def work(tx: Transaction) -> Invite:
            key = _twin_key(invite.threepid, invite.room_id, invite.sender)
            twin = _first(await tx.rows(TWIN, *key)) if invite.is_pending else None
            if twin is not None:
                return twin
            await tx.run(ADD_INVITE, *_row(invite))
            if invite.owner is None:
                await tx.run(ADD_MESSAGE, invite.token, due_ms)
            else:
                await _add_delivery(tx, due_ms, invite.owner, invite.token)
            return invite

        return await self._database.transact(work)

    async def pending_threepids(self) -> frozenset[ThreePid]:
        """Tell whose owners are still unknown."""

        async def work(tx: Transaction) -> frozenset[ThreePid]:
            return frozenset(ThreePid(*row) for row in await tx.rows(PENDING))

        return await self._database.transact(work)

    async def resolve(self, threepid: ThreePid, owner: UserId, now_ms: int) -> int:
        """End all pending invites of an address, and queue their deliveries."""

        async def work(tx: Transaction) -> int:
            rows = await tx.rows(PENDING_OF, threepid.medium, threepid.address)
            await _end(tx, rows, Ending.RESOLVED, owner, now_ms)
            return len(rows)

        return await self._database.transact(work)

    async def expire(self, before_ms: int, owner: UserId | None, now_ms: int) -> int:
        """End the pending invites that are so old; tells how many."""

        async def work(tx: Transaction) -> int:
            rows = await tx.rows(PENDING_BEFORE, before_ms)
            await _end(tx, rows, Ending.EXPIRED, owner, now_ms)
            return len(rows)

        return await self._database.transact(work)


async def _end(
    tx: Transaction,
    rows: Sequence[Row],
    ending: Ending,
    owner: UserId | None,
    now_ms: int,
) -> None:
    name = None if owner is None else str(owner)
    for (token,) in rows:
        await tx.run(END, now_ms, ending.value, name, token)
        await tx.run(MESSAGE_ENDED, now_ms, NEEDLESS, token)
        if owner is not None:
            await _add_delivery(tx, now_ms, owner, token)


async def _add_delivery(
    tx: Transaction, due_ms: int, owner: UserId, token: str
) -> None:
    server = owner.server_name.lower()
    await tx.run(ADD_DELIVERY, token, str(owner), server, due_ms)


@implementer(IDeliveryRecords)
class DeliveryRecords:
    """Deliveries in our tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def servers_due(self, now_ms: int) -> Sequence[str]:
        """The servers for which something is due, at once."""
        return [server for (server,) in self._database.rows(SERVERS, now_ms)]

    def next_delivery(self, server: str, now_ms: int) -> Delivery | None:
        """The delivery that has been due for a server longest, at once."""
        rows = self._database.rows(NEXT_DELIVERY, server, now_ms)
        if not rows:
            return None
        token, owner, failures, due_ms = rows[0]
        return Delivery(
            invite=_known(self._database, token),
            owner=UserId.parse(owner),
            failures=failures,
            due_ms=due_ms,
        )

    async def delivery_failed(self, token: str, due_ms: int, answer: str) -> None:
        """Remember a failure, and when to try again."""
        await self._run(DELIVERY_FAILED, due_ms, answer, token)

    async def delivery_ended(
        self, token: str, outcome: Verdict, now_ms: int, answer: str
    ) -> None:
        """Remember the end."""
        await self._run(DELIVERY_ENDED, now_ms, outcome.value, answer, token)

    async def expedite_deliveries(self, now_ms: int) -> None:
        """Make everything due that waits for another try."""
        await self._run(EXPEDITE_DELIVERIES, now_ms)

    async def _run(self, sql: str, *parameters: object) -> None:
        await self._database.transact(partial(_run, sql, parameters))


@implementer(IInviteMessageRecords)
class InviteMessageRecords:
    """Messages about invites in our tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def due_messages(self, now_ms: int, limit: int) -> Sequence[tuple[Invite, int]]:
        """What is due, and how often it has failed, at once."""
        return [
            (_known(self._database, token), failures)
            for token, failures in self._database.rows(DUE_MESSAGES, now_ms, limit)
        ]

    async def message_failed(self, token: str, due_ms: int) -> None:
        """Remember a failure, and when to try again."""
        await self._run(MESSAGE_FAILED, due_ms, token)

    async def message_ended(self, token: str, outcome: str, now_ms: int) -> None:
        """Remember the end."""
        await self._run(MESSAGE_ENDED, now_ms, outcome, token)

    async def expedite_messages(self, now_ms: int) -> None:
        """Make everything due that waits for another try."""
        await self._run(EXPEDITE_MESSAGES, now_ms)

    async def _run(self, sql: str, *parameters: object) -> None:
        await self._database.transact(partial(_run, sql, parameters))


async def _run(sql: str, parameters: Sequence[object], tx: Transaction) -> None:
    await tx.run(sql, *parameters)


# --- Rows -----------------------------------------------------------------------------


def _twin_key(threepid: ThreePid, room_id: str, sender: UserId) -> Row:
    return threepid.medium, threepid.address, room_id, str(sender)


def _known(database: Database, token: str) -> Invite:
    (row,) = database.rows(INVITE, token)
    return _invite(*row)


def _first(rows: Sequence[Row]) -> Invite | None:
    return _invite(*rows[0]) if rows else None


def _invite(
    token: str,
    medium: str,
    address: str,
    lowered: str | None,
    room_id: str,
    sender: str,
    facts: str,
    languages: str,
    key_seed: bytes,
    display_name: str,
    created_ms: int,
    ended_ms: int | None,
    ending: str | None,
    owner: str | None,
) -> Invite:
    return Invite(
        token=token,
        threepid=ThreePid(medium, address, lowered),
        room_id=room_id,
        sender=UserId.parse(sender),
        facts=json.loads(facts),
        languages=tuple(json.loads(languages)),
        key=SigningKey(EPHEMERAL_SERIAL, bytes(key_seed)),
        display_name=display_name,
        created_ms=created_ms,
        ended_ms=ended_ms,
        ending=None if ending is None else Ending(ending),
        owner=None if owner is None else UserId.parse(owner),
    )


def _row(invite: Invite) -> Row:
    return (
        invite.token,
        invite.threepid.medium,
        invite.threepid.address,
        invite.threepid.lowered,
        invite.room_id,
        str(invite.sender),
        json.dumps(dict(invite.facts)),
        json.dumps(invite.languages),
        invite.key.seed,
        key_bytes(invite.key.public_key),
        invite.display_name,
        invite.created_ms,
        invite.ended_ms,
        None if invite.ending is None else invite.ending.value,
        None if invite.owner is None else str(invite.owner),
    )
