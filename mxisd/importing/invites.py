"""Invites of other servers, and what there is of their ephemeral keys."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from attrs import evolve

from mxisd.errors import ConfigError
from mxisd.importing.parts import Part
from mxisd.importing.refusing import ImportRefused
from mxisd.importing.values import (
    Circumstances,
    LeftOut,
    number,
    text,
    threepid,
    user_id,
)
from mxisd.importing.writing import write_adopted_keys, write_invites
from mxisd.model.invites import (
    EPHEMERAL_SERIAL,
    KEY_BYTES,
    Ending,
    Invite,
    redacted,
)
from mxisd.model.signing import SigningKey, key_bytes
from mxisd.records.key_folders import EPHEMERAL, StoredKey, load_key

NO_PRIVATE_KEY = "without their private key, which is not in the key store"
LONGEST_TIME = 15
"""Digits; what has more is no time."""

_CREATED = "created_at"
_KEYS_OF_SERVER = frozenset(
    f"{kind}_key_{what}" for kind in "pe" for what in ("algo", "serial", "public")
)


def ma1sd_invites(circumstances: Circumstances) -> Sequence[Part]:
    """
    What mxisd and ma1sd have.

    They wrote an invite's end down before they removed it from those that are pending:
    so the ended ones come first.
    """
    columns = "properties, token, sender, medium, address, roomId"
    return (
        Part(
            name="ended invites",
            table="invite_3pid_history",
            columns=f"resolvedTo, resolvedAt, {columns}",
            read=partial(_ended, circumstances),
            write=write_invites,
        ),
        Part(
            name="pending invites",
            table="invite_3pid",
            columns=columns,
            read=partial(_pending, circumstances),
            write=write_invites,
            remark=_about_key,
        ),
    )


def sydent_invites(circumstances: Circumstances) -> Sequence[Part]:
    """What sydent has: of its keys the public halves, and not whose they are."""
    return (
        Part(
            name="invites",
            table="invite_tokens",
            key="id",
            columns="token, sender, medium, address, room_id, received_ts",
            read=partial(_of_sydent, circumstances),
            write=write_invites,
        ),
        Part(
            name="ephemeral keys",
            table="ephemeral_public_keys",
            key="id",
            columns="public_key",
            read=_public_key,
            write=write_adopted_keys,
        ),
    )


# --- mxisd and ma1sd ------------------------------------------------------------------


def _pending(circumstances: Circumstances, properties: Any, *columns: Any) -> Invite:
    invite = _of_ma1sd(circumstances, properties, *columns)
    return evolve(invite, key=_private_key(circumstances, _properties(properties)))


def _ended(
    circumstances: Circumstances, owner: Any, ended_ms: Any, *columns: Any
) -> Invite:
    return evolve(
        _of_ma1sd(circumstances, *columns),
        ended_ms=circumstances.past(number(ended_ms)),
        ending=Ending.RESOLVED,
        owner=user_id(owner),
    )


def _of_ma1sd(
    circumstances: Circumstances,
    properties: Any,
    token: Any,
    sender: Any,
    medium: Any,
    address: Any,
    room_id: Any,
) -> Invite:
    found, person = _properties(properties), threepid(medium, address)
    return Invite(
        token=text(token),
        threepid=person,
        room_id=text(room_id),
        sender=user_id(sender),
        facts=_facts(found),
        languages=(),
        key=None,
        display_name=redacted(person),
        created_ms=_created_ms(circumstances, found),
        key_id=_key_id(found),
    )


def _properties(value: Any) -> Mapping[str, str]:
    """The texts among what the homeserver told, and what mxisd added to it."""
    if value is None:
        return {}
    try:
        found = json.loads(text(value))
    except (ValueError, RecursionError) as error:
        raise LeftOut("the properties are not JSON") from error
    if not isinstance(found, dict):
        raise LeftOut("the properties are no JSON object")
    return {
        key: value
        for key, value in found.items()
        if _is_text(key) and isinstance(value, str) and _is_text(value)
    }


def _is_text(value: str) -> bool:
    # JSON can spell halves of surrogate pairs, which no mail can have.
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _facts(properties: Mapping[str, str]) -> Mapping[str, str]:
    added = _KEYS_OF_SERVER | {_CREATED}
    return {key: value for key, value in properties.items() if key not in added}


def _created_ms(circumstances: Circumstances, properties: Mapping[str, str]) -> int:
    written = properties.get(_CREATED, "")
    is_time = written.isdecimal() and len(written) <= LONGEST_TIME
    # As with mxisd, an invite of an unknown age is a new one.
    return circumstances.past(int(written)) if is_time else circumstances.now_ms


def _key_id(properties: Mapping[str, str]) -> str | None:
    """The signing key of which mxisd had told the room."""
    serial = properties.get("p_key_serial")
    return f"ed25519:{serial}" if serial else None


def _private_key(
    circumstances: Circumstances, properties: Mapping[str, str]
) -> SigningKey | None:
    """The ephemeral key that the properties name, if it is to be had."""
    stored = _stored(circumstances, properties.get("e_key_serial", ""))
    if stored is None or not stored.is_valid:
        return None
    public_key = properties.get("e_key_public", stored.key.public_key)
    if key_bytes(public_key) != key_bytes(stored.key.public_key):
        return None
    return SigningKey(EPHEMERAL_SERIAL, stored.key.seed)


def _stored(circumstances: Circumstances, serial: str) -> StoredKey | None:
    try:
        return load_key(circumstances.keys, EPHEMERAL, serial)
    except ConfigError:
        return None
    except OSError as error:
        # Some other user's files, say. It would be taken without its key for ever.
        raise ImportRefused(f"a key cannot be read: {error}") from error


def _about_key(invite: Invite) -> str | None:
    return NO_PRIVATE_KEY if invite.key is None else None


# --- Sydent ---------------------------------------------------------------------------


def _of_sydent(
    circumstances: Circumstances,
    token: Any,
    sender: Any,
    medium: Any,
    address: Any,
    room_id: Any,
    received: Any,
) -> Invite:
    # Those with a sent_ts, too: sydent forgets an invite as soon as a homeserver has
    # taken note of its owner, so whatever is still there has not arrived.
    person = threepid(medium, address)
    created_ms = circumstances.now_ms if received is None else number(received) * 1000
    return Invite(
        token=text(token),
        threepid=person,
        room_id=text(room_id),
        sender=user_id(sender),
        facts={},
        languages=(),
        key=None,
        display_name=redacted(person),
        created_ms=circumstances.past(created_ms),
    )


def _public_key(value: Any) -> bytes:
    found = key_bytes(text(value))
    if found is None or len(found) != KEY_BYTES:
        raise LeftOut("the key is none")
    return found
