"""
The words of invitations: requests into values, values into replies.

The names of JSON keys of invitations stand here and nowhere else in ``web``.

Source: Identity Service API v1.19; r0.3.0 for v1.
"""

import json
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from mxisd.errors import (
    BadJson,
    InvalidEmail,
    InvalidParam,
    InvalidPhone,
    MissingParams,
    UnknownMedium,
)
from mxisd.model.destinations import Destination, dialled, mailbox
from mxisd.model.identifiers import IllegalIdentifier, UserId
from mxisd.model.invites import Invitation, Invite
from mxisd.model.secret import Secret
from mxisd.model.threepids import EMAIL, MSISDN, IllegalThreePid, canonical
from mxisd.web.exchange import Call, Reply, json_reply
from mxisd.web.session_messages import wanted_languages

TEXT_MAX_LENGTH = 1000

_OURS = frozenset({"medium", "address", "room_id", "sender", "access_token"})


@frozen
class SigningRequest:
    """Somebody accepts an invite."""

    token: str
    private_key: Secret
    user_id: UserId


def medium(content: Mapping[str, Any]) -> str:
    """Read the medium of an invite."""
    return _text(content, "medium")


def destination(content: Mapping[str, Any]) -> Destination:
    """Read whom an invite is for, as somebody who can be sent a message."""
    kind, address = medium(content), _text(content, "address")
    try:
        if kind == EMAIL:
            return mailbox(address)
        if kind == MSISDN:
            return dialled("", f"+{canonical(MSISDN, address).address}")
    except IllegalThreePid as error:
        refusal = InvalidEmail if kind == EMAIL else InvalidPhone
        raise refusal("This address cannot be sent a message.") from error
    try:
        return Destination(threepid=canonical(kind, address))
    except IllegalThreePid as error:
        raise UnknownMedium("Nobody can be invited by this medium here.") from error


def invitation(call: Call, content: Mapping[str, Any], to: Destination) -> Invitation:
    """Read an invite; whatever else a homeserver tells of it is kept."""
    return Invitation(
        threepid=to.threepid,
        spelling=_text(content, "address"),
        room_id=_text(content, "room_id"),
        sender=_user_id(content, "sender"),
        facts={
            key: _fact(value)
            for key, value in content.items()
            if key not in _OURS and value is not None
        },
        languages=wanted_languages(call, content),
    )


def signing(content: Mapping[str, Any]) -> SigningRequest:
    """Read who accepts which invite."""
    return SigningRequest(
        _text(content, "token"),
        Secret(_text(content, "private_key")),
        _user_id(content, "mxid"),
    )


def _text(content: Mapping[str, Any], key: str) -> str:
    value = content.get(key)
    if value is None:
        raise MissingParams(f"{key} is missing.")
    if not isinstance(value, str) or not value or len(value) > TEXT_MAX_LENGTH:
        raise InvalidParam(f"{key} must be a string of 1 to {TEXT_MAX_LENGTH}.")
    return value


def _user_id(content: Mapping[str, Any], key: str) -> UserId:
    try:
        return UserId.parse(_text(content, key))
    except IllegalIdentifier as error:
        raise InvalidParam(f"{key} must be a user ID.") from error


def _fact(value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError as error:
        raise BadJson("The body is nested too deeply.") from error


# --- Replies --------------------------------------------------------------------------


def stored(invite: Invite, public_key: str, base_url: str) -> Reply:
    """
    A stored invite; the keys stand as the room is to remember them.

    :param public_key: The long-term one.
    :param base_url: Where homeservers find this version of the API.
    """
    place = f"{base_url}/pubkey"
    keys = {public_key: f"{place}/isvalid"}
    if invite.key is not None:
        keys[invite.key.public_key] = f"{place}/ephemeral/isvalid"
    return json_reply(
        {
            "token": invite.token,
            "public_keys": [
                {"public_key": key, "key_validity_url": url}
                for key, url in keys.items()
            ],
            # Homeservers prefer it for what older ones read in a room.
            "public_key": public_key,
            "display_name": invite.display_name,
        }
    )


def owned_by(user_id: str) -> Mapping[str, str]:
    """What to add to an error so that the homeserver can invite the owner."""
    return {"mxid": user_id}
