"""
Writes batches of what was read into our tables.

Each function tells how many were not taken, by reason. Whatever is here already stays,
so that writing a batch again changes nothing.
"""

from collections import Counter
from collections.abc import Sequence

from attrs import frozen

from mxisd.model.associations import Association
from mxisd.model.identifiers import UserId
from mxisd.model.invites import Invite
from mxisd.model.sessions import ValidationSession
from mxisd.ports import AccountRecord
from mxisd.records.accounts import ACCEPT_URL, ADD_ACCOUNT
from mxisd.records.bindings import (
    ADD_HASH,
    BIND_IF_NEWER,
    PEPPERS,
    UNHASH,
    binding_row,
    hash_rows,
)
from mxisd.records.database import Row, Transaction
from mxisd.records.invite_rows import (
    ADD_INVITE,
    INVITE,
    TWINS,
    invite_row,
    twin_key,
)
from mxisd.records.invites import ADOPT_KEY
from mxisd.records.sessions import ADD_SESSION, session_row

HERE = "already here"
NEWER = "a binding of the same address that is as new, or newer, is here"
TWIN = "a pending invite of that person to that room is here"

TAKE_ACCOUNT = ADD_ACCOUNT + " ON CONFLICT (token_hash) DO NOTHING"
TAKE_SESSION = ADD_SESSION + " ON CONFLICT (sid) DO NOTHING"
TAKE_KEY = ADOPT_KEY + " ON CONFLICT (key_public) DO NOTHING"


@frozen
class Acceptance:
    """A user accepted a document."""

    user_id: UserId
    url: str
    accepted_ms: int


async def write_accounts(
    tx: Transaction, records: Sequence[AccountRecord]
) -> Counter[str]:
    """Write account tokens."""
    rows = [(each.token_hash, str(each.user_id), each.expires_ms) for each in records]
    return await _write(tx, TAKE_ACCOUNT, rows)


async def write_acceptances(
    tx: Transaction, acceptances: Sequence[Acceptance]
) -> Counter[str]:
    """Write who accepted what."""
    rows = [(str(each.user_id), each.url, each.accepted_ms) for each in acceptances]
    return await _write(tx, ACCEPT_URL, rows)


async def write_sessions(
    tx: Transaction, sessions: Sequence[ValidationSession]
) -> Counter[str]:
    """Write validation sessions."""
    return await _write(tx, TAKE_SESSION, [session_row(each) for each in sessions])


async def write_bindings(
    tx: Transaction, associations: Sequence[Association]
) -> Counter[str]:
    """Write bindings with their hashes; of two of an address the newer one wins."""
    left: Counter[str] = Counter()
    peppers = [pepper for (pepper,) in await tx.rows(PEPPERS)]
    for each in associations:
        if not await tx.run(BIND_IF_NEWER, *binding_row(each)):
            left[NEWER] += 1
        elif peppers:
            await tx.run(UNHASH, each.threepid.medium, each.threepid.address)
            rows = hash_rows(peppers, each.threepid, str(each.user_id))
            await tx.run_many(ADD_HASH, rows)
    return left


async def write_invites(tx: Transaction, invites: Sequence[Invite]) -> Counter[str]:
    """Write invites, about which nobody is sent a message, and nothing is delivered."""
    left: Counter[str] = Counter()
    for each in invites:
        reason = await _objection(tx, each)
        if reason is None:
            await tx.run(ADD_INVITE, *invite_row(each))
        else:
            left[reason] += 1
    return left


async def _objection(tx: Transaction, invite: Invite) -> str | None:
    if await tx.rows(INVITE, invite.token):
        return HERE
    key = twin_key(invite.threepid, invite.room_id, invite.sender)
    return TWIN if invite.is_pending and await tx.rows(TWINS, *key) else None


async def write_adopted_keys(tx: Transaction, keys: Sequence[bytes]) -> Counter[str]:
    """Write the public halves of ephemeral keys."""
    return await _write(tx, TAKE_KEY, [(key,) for key in keys])


async def _write(tx: Transaction, statement: str, rows: Sequence[Row]) -> Counter[str]:
    taken = sum([await tx.run(statement, *row) for row in rows])
    return Counter({HERE: len(rows) - taken})
