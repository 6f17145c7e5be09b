"""What is around us: randomness, keys, people, and homeservers."""

from collections.abc import Awaitable, Callable
from typing import Any

from zope.interface import Interface

from mxisd.model.identifiers import ServerName
from mxisd.model.notices import Notice
from mxisd.model.secret import Secret

Warn = Callable[..., None]
"""Warns in the log, though not each time: ``text``, with ``{address}``; fields."""


class IRandom(Interface):
    """Randomness, injected like the clock."""

    def token_bytes(size: int) -> bytes:
        """Random bytes fit for secrets."""

    def alphanumeric(length: int) -> str:
        """A random text of ``[0-9A-Za-z]`` fit for secrets."""


class IKeyRing(Interface):
    """Our long-term signing keys, and the ephemeral ones of invites."""

    def public_key(key_id: str) -> str | None:
        """The public key of a long-term key, unpadded base64."""

    def is_valid(public_key: str) -> bool:
        """Whether this is one of our valid long-term keys, in any base64 spelling."""

    def is_ephemeral_valid(public_key: str) -> bool:
        """Whether this is the valid key of an invite, in any base64 spelling."""

    def current_key_id() -> str:
        """The ID of the long-term key with which we sign today."""

    def signed(content: dict[str, Any], key_id: str | None = None) -> dict[str, Any]:
        """
        A copy of the content, signed under our server name.

        :param key_id: With this long-term key, if we have it and it is valid; otherwise
            with the current one.
        """


class INotifier(Interface):
    """Tells people something at their 3PIDs."""

    def can_reach(notice_type: type, medium: str) -> bool:
        """Whether notices of this type are sent by this medium at all."""

    def send(notice: Notice) -> Awaitable[None]:
        """
        Put a notice into words, and hand it over.

        :raise MessageNotSent: If that failed, was too slow, or is not possible.
        """


class IHomeserver(Interface):
    """Questions to homeservers."""

    def openid_user(server_name: ServerName, token: Secret) -> Awaitable[str]:
        """
        Ask a homeserver whose OpenID token this is.

        :return: The ``sub`` of its answer, unchecked.
        :raise HomeserverRejectedToken: If the homeserver does not know the token.
        :raise HomeserverUnavailable: If it could not be found or asked.
        """


class IHomeserverKeys(Interface):
    """The keys with which homeservers sign."""

    def remembered_key(server_name: ServerName, key_id: str) -> bytes | None:
        """
        Find a public key that need not be asked for, at once.

        :return: ``None`` if :meth:`verify_key` has to find out.
        """

    def verify_key(server_name: ServerName, key_id: str) -> Awaitable[bytes | None]:
        """
        Find a public key that a homeserver uses today.

        :return: ``None`` if it has no such key, or uses it no more.
        :raise HomeserverUnavailable: If it could not be found or asked.
        """


class IOnBind(Interface):
    """Tells homeservers whose an address is."""

    def onbind(server_name: ServerName, content: dict[str, Any]) -> Awaitable[int]:
        """
        Tell one.

        :return: The HTTP status of its answer; 404 or 405 if it has no such endpoint.
        :raise HomeserverUnavailable: If it could not be found or asked.
        """
