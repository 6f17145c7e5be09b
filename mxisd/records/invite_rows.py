"""Rows of invites, and what they mean."""

import json
from collections.abc import Sequence

from mxisd.model.identifiers import UserId
from mxisd.model.invites import EPHEMERAL_SERIAL, Ending, Invite
from mxisd.model.signing import SigningKey, key_bytes
from mxisd.model.threepids import ThreePid
from mxisd.records.database import Database, Row

COLUMNS = (
    "token, medium, address, lowered, room_id, sender, facts, languages, key_seed, "
    "display_name, created_ms, ended_ms, ending, owner, key_id"
)
SELECT = f"SELECT {COLUMNS} FROM invites "  # noqa: S608
INVITE = SELECT + "WHERE token = ?"
TWINS = SELECT + (
    "WHERE medium = ? AND address = ? AND room_id = ? AND sender = ? AND ending IS NULL"
)
ADD_INVITE = (
    "INSERT INTO invites (token, medium, address, lowered, room_id, sender, facts, "
    "languages, key_seed, key_public, display_name, created_ms, ended_ms, ending, "
    "owner, key_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def twin_key(threepid: ThreePid, room_id: str, sender: UserId) -> Row:
    """The parameters of :data:`TWINS`."""
    return threepid.medium, threepid.address, room_id, str(sender)


def known(database: Database, token: str) -> Invite:
    """Find an invite that is there, at once."""
    (row,) = database.rows(INVITE, token)
    return invite_of(*row)


def first(rows: Sequence[Row]) -> Invite | None:
    """The invite of the first row, if there is one."""
    return invite_of(*rows[0]) if rows else None


def invite_of(
    token: str,
    medium: str,
    address: str,
    lowered: str | None,
    room_id: str,
    sender: str,
    facts: str,
    languages: str,
    key_seed: bytes | None,
    display_name: str,
    created_ms: int,
    ended_ms: int | None,
    ending: str | None,
    owner: str | None,
    key_id: str | None,
) -> Invite:
    """The invite of a row with all :data:`COLUMNS`."""
    return Invite(
        token=token,
        threepid=ThreePid(medium, address, lowered),
        room_id=room_id,
        sender=UserId.parse(sender),
        facts=json.loads(facts),
        languages=tuple(json.loads(languages)),
        key=None if key_seed is None else SigningKey(EPHEMERAL_SERIAL, bytes(key_seed)),
        display_name=display_name,
        created_ms=created_ms,
        ended_ms=ended_ms,
        ending=None if ending is None else Ending(ending),
        owner=None if owner is None else UserId.parse(owner),
        key_id=key_id,
    )


def invite_row(invite: Invite) -> Row:
    """The parameters of :data:`ADD_INVITE`."""
    key = invite.key
    return (
        invite.token,
        invite.threepid.medium,
        invite.threepid.address,
        invite.threepid.lowered,
        invite.room_id,
        str(invite.sender),
        json.dumps(dict(invite.facts)),
        json.dumps(invite.languages),
        None if key is None else key.seed,
        None if key is None else key_bytes(key.public_key),
        invite.display_name,
        invite.created_ms,
        invite.ended_ms,
        None if invite.ending is None else invite.ending.value,
        None if invite.owner is None else str(invite.owner),
        invite.key_id,
    )
