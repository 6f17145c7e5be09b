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

_EMAIL = "threepid.medium.email.generators.template.session"
_MSISDN = "threepid.medium.msisdn.generators.template.session"
_SENDGRID = "notification.handlers.sendgrid.templates.session"
_TWILIO = "threepid.medium.msisdn.connectors.twilio"
_NO_WARNING = "nobody is warned of refused requests; see unbind.notification"
_NO_PROOF = "ma1sd never sent it"
_NOT_REMOTE = "there are no remote sessions any more"

RENAMED: Mapping[str, str] = {
    "exec.identity.hashEnabled": "exec.identity.hashLookup",
    "ldap.lookup": "ldap.identity.lookup",
    "netiq.lookup": "netiq.identity.lookup",
    f"{_SENDGRID}.unbind.body": f"{_SENDGRID}.unbind.notification.body",
    f"{_SENDGRID}.unbind.subject": f"{_SENDGRID}.unbind.notification.subject",
    f"{_SENDGRID}.validation.local": f"{_SENDGRID}.validation",
    f"{_EMAIL}.validation.local": f"{_EMAIL}.validation",
    f"{_MSISDN}.validation.local": f"{_MSISDN}.validation",
    f"{_TWILIO}.accountSid": f"{_TWILIO}.account_sid",
    f"{_TWILIO}.authToken": f"{_TWILIO}.auth_token",
    "view.session.local.onTokenSubmit.failure": "view.session.onTokenSubmit.failure",
    "view.session.local.onTokenSubmit.success": "view.session.onTokenSubmit.success",
}
"""What the documentation said, or former versions read, and what is read now."""

NEEDLESS: Mapping[str, str] = {
    "exec.identity.priority": "the order of the stores counts",
    "hashing.hashStorageType": "the index is always a file in hashing.directory",
    "synapseSql.legacyRoomNames": "names of rooms come from where Synapse has them",
    "session.policy.unbind.fraudulent": _NO_WARNING,
    "session.policy.validation.forLocal": _NOT_REMOTE,
    "session.policy.validation.forRemote": _NOT_REMOTE,
    "view.session.localRemote": _NOT_REMOTE,
    "view.session.remote": _NOT_REMOTE,
    **{
        f"{templates}.{key}": reason
        for templates in (_EMAIL, _MSISDN, _SENDGRID)
        for key, reason in (
            ("unbind.fraudulent", _NO_WARNING),
            ("unbind.validation", _NO_PROOF),
            ("validation.remote", _NOT_REMOTE),
        )
    },
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
            _drop_empty(rest, path, levels=1)
    for path, key in _below(section, RENAMED).items():
        new = RENAMED[key].removeprefix(f"{section}.")
        taken = _take(rest, path)
        _drop_empty(rest, path, levels=2)
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


def _drop_empty(values: dict[str, Any], path: str, levels: int) -> None:
    # A section that held old names alone would be an unknown key itself, or stand
    # where a text is wanted.
    *above, _ = path.split(".")
    while levels and len(above) > 1 and _holder(values, above) == {}:
        _take(values, ".".join(above))
        above.pop()
        levels -= 1


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
