# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""
The links of invites, and what people are told about one.

Whoever has the private key of an invite may accept it as anybody.
"""

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from unpaddedbase64 import encode_base64

from mxisd.model.invites import Invite
from mxisd.model.notices import InviteNotice
from mxisd.model.secret import Secret
from mxisd.model.threepids import EMAIL
from mxisd.model.web_clients import WebClient

NAME_LENGTH = 60
TERM_LENGTH = 255
"""A link goes into a header, of which reverse proxies take some 4000 characters."""


def room_url(client: WebClient, invite: Invite) -> str:
    """
    A client's page of the room: for everybody to see, without any secret.

    Source: Element Web, ``#/room/…?via=…``.
    """
    return _page(client, invite, {"via": invite.sender.server_name})


def accepting_url(client: WebClient, invite: Invite, sign_url: str) -> str:
    """
    The link with which a client accepts an invite: it holds the private key.

    An address that is no e-mail address is left out: clients have no use for it.

    :param sign_url: The URL where a client gets an invite signed.

    Source: Element Web, ``#/room/…?signurl=…``.
    """
    facts, signing = invite.facts, signing_url(invite, sign_url)
    address = invite.threepid.written if invite.threepid.medium == EMAIL else None
    query = {
        "email": address,
        "signurl": signing,
        "room_name": facts.get("room_name", "")[:NAME_LENGTH],
        "room_avatar_url": _term(facts, "room_avatar_url"),
        "inviter_name": facts.get("sender_display_name", "")[:NAME_LENGTH],
        "room_type": _term(facts, "room_type"),
    }
    return _page(client, invite, {k: v for k, v in query.items() if v is not None})


def signing_url(invite: Invite, sign_url: str) -> str | None:
    """
    The URL that signs this invite when a client posts to it.

    :return: ``None`` if another server made it: only its addressee has the key.
    """
    key = private_key(invite)
    if key is None:
        return None
    return f"{sign_url}?{urlencode({'token': invite.token, 'private_key': key})}"


def private_key(invite: Invite) -> str | None:
    """The private half of its key, in URL-safe base64, if we have it."""
    return None if invite.key is None else encode_base64(invite.key.seed, urlsafe=True)


def _page(client: WebClient, invite: Invite, query: Mapping[str, str]) -> str:
    room = quote(invite.room_id, safe="")
    return f"{client}/#/room/{room}?{urlencode(query)}"


def _term(facts: Mapping[str, str], key: str) -> str:
    # A part of one would be another one.
    term = facts.get(key, "")
    return term if len(term) <= TERM_LENGTH else ""


def notice_of(invite: Invite, link: str | None, sign_url: str) -> InviteNotice:
    """
    What a person is told.

    :param link: Where they go; ``None``: to the operator's domain.
    :param sign_url: The URL where a client gets an invite signed.
    """
    facts = invite.facts
    return InviteNotice(
        threepid=invite.threepid,
        sender=invite.sender,
        sender_name=_sender_name(invite),
        room_id=invite.room_id,
        room_name=_name(facts, "room_name") or _name(facts, "room_alias"),
        room_type=_name(facts, "room_type"),
        register_url=link,
        room_url=link,
        languages=invite.languages,
        facts=facts,
        token=Secret(invite.token),
        private_key=_secret(private_key(invite)),
        sign_url=_secret(signing_url(invite, sign_url)),
    )


def _secret(value: str | None) -> Secret | None:
    return None if value is None else Secret(value)


def _sender_name(invite: Invite) -> str | None:
    # Synapse has the user ID for whoever has no name.
    name = _name(invite.facts, "sender_display_name")
    return None if name == str(invite.sender) else name


def _name(facts: Mapping[str, str], key: str) -> str | None:
    return facts.get(key) or None
