"""Output of the type ``json``."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from mxisd.stores.command.outputs import Hits, Login, Nonsense, Owner, RawThreePid, Row


class JsonOutput:
    """One JSON object."""

    def login(self, text: str) -> Login:
        """``{"auth": {"success", "refused", "id", "profile"}}``."""
        auth = _object(_document(text), "auth")
        if auth is None:
            raise Nonsense("no object auth")
        profile = _object(auth, "profile") or {}
        return Login(
            is_right=_switch(auth, "success"),
            is_refused=_switch(auth, "refused") or False,
            owner=_owner(auth),
            display_name=_text(profile, "display_name"),
            threepids=tuple(map(_threepid, _list(profile, "three_pids"))),
        )

    def hits(self, text: str) -> Hits:
        """``{"limited", "results": [{"user_id", "display_name"}]}``."""
        document = _document(text)
        entries = [_hit(each) for each in _list(document, "results")]
        return Hits(entries, _switch(document, "limited") or False)

    def owner(self, text: str) -> Owner | None:
        """``{"lookup": {"id": {"type", "value"}}}``."""
        lookup = _object(_document(text), "lookup")
        if not lookup:
            return None
        owner = _owner(lookup)
        if owner is None:
            raise Nonsense("a lookup without an id of type and value")
        return owner

    def rows(self, text: str) -> Iterator[Row | None]:
        """``{"lookup": [{"medium", "address", "id": {"type", "value"}}]}``."""
        document = _document(text)
        if text.strip() and "lookup" not in document:
            # Perhaps an error in a form of the program's own.
            raise Nonsense("no list lookup")
        for each in _list(document, "lookup"):
            threepid = _threepid(each)
            owner = _owner(each) if isinstance(each, dict) else None
            yield None if threepid is None or owner is None else (threepid, owner)

    def display_name(self, text: str) -> str | None:
        """``{"profile": {"display_name"}}``."""
        return _text(_object(_document(text), "profile") or {}, "display_name")

    def threepids(self, text: str) -> Sequence[RawThreePid | None] | None:
        """``{"profile": {"threepids": [{"medium", "address"}]}}``."""
        profile = _object(_document(text), "profile")
        if profile is None:
            return None
        return [_threepid(each) for each in _list(profile, "threepids")]

    def roles(self, text: str) -> Sequence[str] | None:
        """``{"profile": {"roles": ["…"]}}``."""
        profile = _object(_document(text), "profile")
        if profile is None:
            return None
        roles = _list(profile, "roles")
        if not all(isinstance(each, str) for each in roles):
            # Leaving one out could open a door that it closes.
            raise Nonsense("a role that is no text")
        return roles


def _document(text: str) -> dict[str, Any]:
    if not text.strip():
        return {}
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Nonsense("something that is no JSON") from error
    if not isinstance(document, dict):
        raise Nonsense("JSON that is no object")
    return document


def _object(holder: dict[str, Any], key: str) -> dict[str, Any] | None:
    value = holder.get(key)
    if value == []:
        # What PHP makes of an empty object.
        return {}
    if value is not None and not isinstance(value, dict):
        raise Nonsense(f"a {key} that is no object")
    return value


def _list(holder: dict[str, Any], key: str) -> list[Any]:
    value = holder.get(key)
    if value == {}:
        return []
    if value is not None and not isinstance(value, list):
        raise Nonsense(f"a {key} that is no list")
    return value or []


def _switch(holder: dict[str, Any], key: str) -> bool | None:
    value = holder.get(key)
    if value is not None and not isinstance(value, bool):
        raise Nonsense(f"a {key} that is neither true nor false")
    return value


def _text(holder: dict[str, Any], key: str) -> str | None:
    value = holder.get(key)
    return value if isinstance(value, str) and value.strip() else None


def _owner(holder: dict[str, Any]) -> Owner | None:
    found = holder.get("id")
    if not isinstance(found, dict):
        return None
    kind, value = found.get("type"), _name(found.get("value"))
    if not isinstance(kind, str) or value is None:
        return None
    return kind, value


def _threepid(value: Any) -> RawThreePid | None:
    found = value if isinstance(value, dict) else {}
    medium, address = found.get("medium"), found.get("address")
    if not isinstance(medium, str) or not isinstance(address, str):
        return None
    return medium, address


def _hit(value: Any) -> tuple[str, str | None] | None:
    user = _name(value.get("user_id")) if isinstance(value, dict) else None
    return None if user is None else (user, _text(value, "display_name"))


def _name(value: Any) -> str | None:
    """A text, or a number as one."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else None
