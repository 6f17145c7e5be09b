"""The effective configuration as YAML, secrets masked."""

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from functools import singledispatch
from ipaddress import IPv4Network, IPv6Network
from typing import Any

import attrs
import yaml

from mxisd.config.sections import Config, StoreEntry
from mxisd.config.senders import SenderEntry
from mxisd.config.structure import is_section, options
from mxisd.model.secret import Secret
from mxisd.model.settings import key_of

MASK = "********"

# Stores are given URLs of many kinds: https://user:password@host, ldap://…, and
# //host/database?user=…&password=….
_USER_INFO = re.compile(r"(?<=//)[^/?#\s]+@")
_PARAMETER = re.compile(r"(?i)\b([\w-]*(?:password|passwd|pwd|secret|token)=)[^&;\s]+")


def dump(config: Config) -> str:
    """
    The configuration with all defaults filled in; no secret is in it.

    Every store stands in ``stores:``. What a plug-in made of its section without a
    settings class is not shown. What a store says of itself follows as comments.
    """
    values = plain(config)
    values["stores"] = [_store(each) for each in config.stores]
    text: str = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
    return text + "".join(_comments(config.stores))


def _comments(stores: Sequence[StoreEntry]) -> Iterator[str]:
    for store in stores:
        explained = getattr(store.settings, "explained", None)
        if isinstance(explained, Mapping) and explained:
            yield f"\n# What {store.name} is asked:\n"
            for key, value in explained.items():
                yield f"#   {_line(key)}: {_line(value)}\n"


def _line(value: Any) -> str:
    return " ".join(plain(str(value)).split())


def _store(store: StoreEntry) -> dict[str, Any]:
    head: dict[str, Any] = {"name": store.name, "type": store.store_type}
    if store.addresses.default_country is not None:
        head["defaultCountry"] = store.addresses.default_country
    has_keys = is_section(type(store.settings))
    own: dict[str, Any] = plain(store.settings) if has_keys else {}
    # Keys of its own that are called like ours would change what the entry is.
    return head | own | head


@singledispatch
def plain(value: Any) -> Any:
    """A settings value as YAML knows it; what has no value is left out."""
    if value is None:
        return None
    if not attrs.has(type(value)):
        # A plug-in may hold anything in its settings, and it may be secret.
        return f"<{type(value).__name__}>"
    values = {
        key_of(field): plain(getattr(value, field.name))
        for field in options(type(value))
    }
    return {key: each for key, each in values.items() if each is not None}


@plain.register
def _secret(value: Secret) -> str:
    return MASK if value else ""


@plain.register
def _sender(value: SenderEntry) -> Any:
    # What a plug-in keeps without a settings class may be secret.
    return plain(value.settings) if is_section(type(value.settings)) else {}


@plain.register
def _text(value: str) -> str:
    # A plain str even of an enumeration's word, which YAML would refuse.
    masked = _USER_INFO.sub(f"{MASK}@", str(value))
    return _PARAMETER.sub(rf"\g<1>{MASK}", masked)


@plain.register
def _number(value: float) -> int | float:
    # A Duration is one, too.
    return int(value) if value.is_integer() else float(value)


@plain.register
def _whole_number(value: int) -> int:
    return value if isinstance(value, bool) else int(value)


@plain.register
def _word(value: Enum) -> Any:
    return value.value


@plain.register(IPv4Network)
@plain.register(IPv6Network)
def _network(value: IPv4Network | IPv6Network) -> str:
    return str(value)


@plain.register(tuple)
@plain.register(list)
def _items(value: tuple[Any, ...] | list[Any]) -> list[Any]:
    return [plain(each) for each in value]


@plain.register(Mapping)
def _map(value: Mapping[str, Any]) -> dict[str, Any]:
    return {str(key): plain(each) for key, each in value.items()}
