"""
Keys of mxisd and ma1sd that need a word; what is said about them is a warning.

:data:`UPCOMING` and :data:`UPCOMING_VALUES` must be empty when the product is complete.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import field, frozen

UPCOMING = (
    "appsvc",
    "auth",
    "directory",
    "dns.overwrite.homeserver.client",
    "forward",
    "logging.requests",
    "lookup.recursive.bridge",
    "matrix.identity",
    "register",
    "storage.provider.postgresql",
)
"""Sections and keys of parts that are not built yet: read, and without effect."""

UPCOMING_VALUES: Mapping[str, Mapping[str, str]] = {
    "storage.backend": {
        "postgresql": "PostgreSQL is not built yet; sqlite is the one that works"
    },
}
"""Values of parts that are not built yet, where going on would be wrong: a problem."""

_TEMPLATE = "generators.template.session.unbind"
_PARTS = "notification.handlers.sendgrid.templates.session.unbind"
_NO_WARNING = "nobody is warned of refused requests; see unbind.notification"

RENAMED: Mapping[str, str] = {
    "exec.identity.hashEnabled": "exec.identity.hashLookup",
    "ldap.lookup": "ldap.identity.lookup",
    "netiq.lookup": "netiq.identity.lookup",
    f"{_PARTS}.body": f"{_PARTS}.notification.body",
    f"{_PARTS}.subject": f"{_PARTS}.notification.subject",
    "view.session.local.onTokenSubmit.failure": "view.session.onTokenSubmit.failure",
    "view.session.local.onTokenSubmit.success": "view.session.onTokenSubmit.success",
}
"""What the documentation said, and what the programs read."""

NEEDLESS: Mapping[str, str] = {
    "exec.identity.priority": "the order of the stores counts",
    "hashing.hashStorageType": "the index is always a file in hashing.directory",
    "synapseSql.legacyRoomNames": "names of rooms come from where Synapse has them",
    "session.policy.unbind.fraudulent": _NO_WARNING,
    f"threepid.medium.email.{_TEMPLATE}.fraudulent": _NO_WARNING,
    f"threepid.medium.msisdn.{_TEMPLATE}.fraudulent": _NO_WARNING,
    f"{_PARTS}.fraudulent": _NO_WARNING,
}
"""Keys that have no meaning any more, and why."""


@frozen
class Settled:
    """
    What was found in one section; paths are relative to it.

    :ivar values: The section as today's settings classes want it.
    :ivar upcoming: Keys that have no effect yet.
    :ivar remarks: Keys that deserve a sentence of their own.
    """

    values: dict[str, Any]
    upcoming: tuple[str, ...] = ()
    remarks: Mapping[str, str] = field(factory=dict)


def settle(values: Mapping[str, Any], section: str = "") -> Settled:
    """
    Take the keys out of a section that only old programs, or later versions, read.

    :param section: The store type that the section is for; empty for the whole file,
        without the sections of stores.
    """
    rest = _copied(values)
    found = [path for path in _below(section, UPCOMING) if _take(rest, path)]
    remarks = {}
    for path, key in _below(section, NEEDLESS).items():
        if _take(rest, path):
            remarks[path] = f"has no effect: {NEEDLESS[key]}"
    for path, key in _below(section, RENAMED).items():
        new = RENAMED[key].removeprefix(f"{section}.")
        taken = _take(rest, path)
        _drop_empty(rest, path)
        if taken and _put(rest, new, taken[0]):
            remarks[path] = f"is read as {new}, its real name"
        elif taken:
            remarks[path] = f"has no effect: {new}, its real name, is there too"
    return Settled(rest, tuple(found), remarks)


def postponed(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The paths with a value that is not built yet, and what to say."""
    for path, texts in UPCOMING_VALUES.items():
        *above, key = path.split(".")
        holder = _holder(values, above)
        value = holder.get(key) if holder else None
        if isinstance(value, str) and value in texts:
            yield path, texts[value]


def _below(section: str, keys: Any) -> dict[str, str]:
    prefix = f"{section}." if section else ""
    return {key.removeprefix(prefix): key for key in keys if key.startswith(prefix)}


def _copied(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _copied(each) if isinstance(each, Mapping) else each
        for key, each in values.items()
    }


def _holder(values: Any, path: list[str]) -> Any:
    for key in path:
        values = values.get(key) if isinstance(values, Mapping) else None
    return values if isinstance(values, Mapping) else None


def _take(values: dict[str, Any], path: str) -> tuple[Any, ...]:
    # An empty tuple: the key is absent, or has no value, which is the same.
    *above, key = path.split(".")
    holder = _holder(values, above)
    value = holder.pop(key, None) if holder else None
    return () if value is None else (value,)


def _drop_empty(values: dict[str, Any], path: str) -> None:
    # A section that held old names alone would be an unknown key itself.
    *above, _ = path.split(".")
    while len(above) > 1 and _holder(values, above) == {}:
        _take(values, ".".join(above))
        above.pop()


def _put(values: dict[str, Any], path: str, value: Any) -> bool:
    *above, key = path.split(".")
    for each in above:
        inner = values.get(each)
        if inner is None:
            inner = values[each] = {}
        if not isinstance(inner, dict):
            return False
        values = inner
    if values.get(key) is not None:
        return False
    values[key] = value
    return True
