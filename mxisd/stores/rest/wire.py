"""JSON values -> the model's; what is illegal is ``None``."""

from collections.abc import Mapping, Sequence
from typing import Any

from mxisd.model.identifiers import IllegalIdentifier, UserId
from mxisd.model.stored import StoredAddresses
from mxisd.model.threepids import IllegalThreePid, ThreePid


def is_unicode(*texts: str) -> bool:
    """Whether JSON in UTF-8 can say these texts: none has half a character."""
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        return False
    return True


def is_nothing(value: Any) -> bool:
    """Whether this is what languages make of an empty list, object or pointer."""
    return value is None or value in ({}, [])


def user_id(value: Any, domain: str) -> UserId | None:
    """
    Read ``{"type": "localpart|mxid", "value": …}``.

    :param domain: The server name of users known by localpart.
    """
    if not isinstance(value, Mapping):
        return None
    kind, text = value.get("type"), _text(value.get("value"))
    if not isinstance(kind, str) or text is None:
        return None
    match kind.strip().lower():
        case "localpart":
            return _by_localpart(text, domain)
        case "mxid":
            return _by_user_id(text)
    return None


def any_user_id(value: Any, domain: str) -> UserId | None:
    """Read a whole user ID, or a localpart."""
    text = _text(value)
    if text is None:
        return None
    is_whole = text.strip().startswith("@")
    return _by_user_id(text) if is_whole else _by_localpart(text, domain)


def threepid(value: Any, known: StoredAddresses) -> ThreePid | None:
    """Read ``{"medium": …, "address": …}``."""
    if not isinstance(value, Mapping):
        return None
    medium, address = value.get("medium"), _text(value.get("address"))
    if not isinstance(medium, str) or address is None:
        return None
    try:
        return known.read(medium, address)
    except IllegalThreePid:
        return None


def association(
    value: Any, domain: str, known: StoredAddresses
) -> tuple[ThreePid, UserId] | None:
    """Read a 3PID with its owner as ``id``."""
    key = threepid(value, known)
    owner = None if key is None else user_id(value.get("id"), domain)
    return None if key is None or owner is None else (key, owner)


def items(value: Any) -> Sequence[Any]:
    """Read a list; anything else is an empty one."""
    return value if isinstance(value, list) else ()


def name(value: Any) -> str | None:
    """Read a name that says something."""
    return value if isinstance(value, str) and value.strip() else None


def _text(value: Any) -> str | None:
    """A text, or a number as one: databases hold both."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else None


def _by_localpart(text: str, domain: str) -> UserId | None:
    try:
        return UserId.of(text, domain)
    except IllegalIdentifier:
        return None


def _by_user_id(text: str) -> UserId | None:
    try:
        historical = UserId.parse(text.strip())
        return UserId.of(historical.localpart, historical.server_name)
    except IllegalIdentifier:
        return None
