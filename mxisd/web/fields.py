"""Fields of a request that are texts, 3PIDs or users."""

from collections.abc import Mapping
from typing import Any

from mxisd.errors import InvalidParam, MissingParams
from mxisd.model.identifiers import IllegalIdentifier, UserId
from mxisd.model.threepids import IllegalThreePid, ThreePid, canonical


def text(content: Mapping[str, Any], key: str) -> str:
    """
    Read a text.

    :raise MissingParams: If it is absent.
    :raise InvalidParam: If it is something else.
    """
    value = content.get(key)
    if value is None:
        raise MissingParams(f"{key} is missing.")
    if not isinstance(value, str):
        raise InvalidParam(f"{key} must be a string.")
    return value


def user_id(content: Mapping[str, Any], key: str) -> UserId:
    """Read a user ID; as :func:`text`."""
    try:
        return UserId.parse(text(content, key))
    except IllegalIdentifier as error:
        raise InvalidParam(f"{key} must be a Matrix user ID.") from error


def threepid(content: Mapping[str, Any]) -> ThreePid:
    """Read a 3PID; as :func:`text`."""
    medium, address = text(content, "medium"), text(content, "address")
    try:
        return canonical(medium, address)
    except IllegalThreePid as error:
        raise InvalidParam(f"The address is none of this medium: {error}.") from error
