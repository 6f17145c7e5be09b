"""
The words of associations: requests into values, values into replies.

Source: Identity Service API v1.19; r0.3.0 for v1.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen
from twisted.web.http_headers import Headers

from mxisd.errors import Forbidden, InvalidParam, MissingParams
from mxisd.model.identifiers import UserId
from mxisd.model.threepids import ThreePid
from mxisd.model.x_matrix import (
    IllegalXMatrix,
    XMatrix,
    is_x_matrix,
    parse_x_matrix,
)
from mxisd.web import fields
from mxisd.web.session_messages import SessionKey, session_key


@frozen
class BindMessage:
    """The address of this session is to be published as that user's."""

    key: SessionKey
    user_id: UserId


@frozen
class UnbindMessage:
    """
    An address is no longer to lead to a user.

    :ivar key: The session that has proved the address, where there is one.
    """

    threepid: ThreePid
    user_id: UserId
    key: SessionKey | None


def bind(content: Mapping[str, Any]) -> BindMessage:
    """Read what to publish."""
    return BindMessage(session_key(content), fields.user_id(content, "mxid"))


def unbind(content: Mapping[str, Any]) -> UnbindMessage:
    """Read what to take back."""
    has_session = any(content.get(key) is not None for key in ("sid", "client_secret"))
    return UnbindMessage(
        _threepid(content),
        fields.user_id(content, "mxid"),
        session_key(content) if has_session else None,
    )


def signatures(headers: Headers) -> Sequence[XMatrix]:
    """
    The signatures of a homeserver on a request; empty if there is none.

    :raise Forbidden: If one cannot be read.
    """
    values = headers.getRawHeaders(b"Authorization", ())
    texts = [value.decode("latin-1") for value in values]
    try:
        return [parse_x_matrix(text) for text in texts if is_x_matrix(text)]
    except IllegalXMatrix as error:
        raise Forbidden(f"Invalid homeserver signature: {error}.") from error


def _threepid(content: Mapping[str, Any]) -> ThreePid:
    value = content.get("threepid")
    if value is None:
        raise MissingParams("threepid is missing.")
    if not isinstance(value, dict):
        raise InvalidParam("threepid must be an object.")
    return fields.threepid(value)
