# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""What we tell people at their 3PIDs: the facts, before they are put into words."""

from collections.abc import Mapping

from attrs import field, frozen

from mxisd.model.identifiers import UserId
from mxisd.model.secret import Secret
from mxisd.model.threepids import ThreePid

SPACE = "m.space"
"""The type of a room that is a space."""


@frozen(kw_only=True)
class ValidationNotice:
    """
    "Is this address yours?"

    :ivar token: Long where it stands in a link, six digits for phones.
    :ivar link: The URL that validates when it is opened. The token is in it, so it is
        never logged.
    :ivar next_link: Where the client wants to go on afterwards.
    :ivar languages: Language tags, the most wanted first.
    """

    threepid: ThreePid
    token: Secret
    link: str = field(repr=False)
    next_link: str | None = None
    languages: tuple[str, ...] = ()


@frozen(kw_only=True)
class InviteNotice:
    """
    "Somebody invited you, and you have no account that we know of."

    :ivar room_type: ``m.space`` for a space, ``None`` for a plain room.
    :ivar register_url: Where to get an account; ``None``: the operator's domain.
    :ivar room_url: Where to read about the room, such as a ``matrix.to`` link.
    :ivar languages: Language tags, the most wanted first.
    :ivar facts: Everything that the homeserver told, by its key on the wire.
    :ivar token: What names the invite in the room.
    :ivar private_key: Whoever has it may accept the invite as anybody; ``None`` if we
        do not have it.
    :ivar sign_url: The URL that signs the invite; both are in it.
    """

    threepid: ThreePid
    sender: UserId
    sender_name: str | None = None
    room_id: str
    room_name: str | None = None
    room_type: str | None = None
    register_url: str | None = field(default=None, repr=False)
    room_url: str | None = field(default=None, repr=False)
    languages: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(factory=dict, repr=False)
    token: Secret | None = None
    private_key: Secret | None = None
    sign_url: Secret | None = None


@frozen(kw_only=True)
class MatrixIdInviteNotice:
    """
    "Somebody invited your account to a room."

    :ivar threepid: Where the owner of the account is reached.
    :ivar recipient: The account.
    :ivar room_type: ``m.space`` for a space, ``None`` for a plain room.
    :ivar room_url: Where to open the room, such as a ``matrix.to`` link.
    :ivar languages: Language tags, the most wanted first.
    """

    threepid: ThreePid
    recipient: UserId
    sender: UserId
    sender_name: str | None = None
    room_id: str
    room_name: str | None = None
    room_type: str | None = None
    room_url: str | None = field(default=None, repr=False)
    languages: tuple[str, ...] = ()


@frozen(kw_only=True)
class UnbindNotice:
    """
    "Your address no longer leads to this account."

    :ivar threepid: The address, which is also where the notice goes.
    :ivar user_id: The account.
    :ivar languages: Language tags, the most wanted first.
    """

    threepid: ThreePid
    user_id: UserId
    languages: tuple[str, ...] = ()


Notice = ValidationNotice | InviteNotice | MatrixIdInviteNotice | UnbindNotice
