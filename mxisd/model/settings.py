# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""
How a settings class describes its keys.

A settings class is a frozen attrs class whose fields are made by :func:`option`. The
configuration reader, ``--dump-config`` and the configuration reference all read these
descriptions: a key stands in one place.
"""

import enum
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

import attrs

KEY, MEANING, DEFAULT_NOTE = "mxisd_key", "mxisd_meaning", "mxisd_default"
REQUIRED: Any = attrs.NOTHING


class Duration(float):
    """Seconds; written ``90``, ``10s``, ``15m``, ``2h``, ``1d 12h``."""


class RecordType(enum.Enum):
    """What a store's user column or attribute holds."""

    UID = "uid"
    MXID = "mxid"


def option(
    meaning: str,
    default: Any = REQUIRED,
    *,
    key: str | None = None,
    default_note: str | None = None,
    check: Any = None,
) -> Any:
    """
    A field of a settings class.

    The field's annotation is its type: ``str``, ``int``, ``bool``, ``Secret``,
    :class:`Duration`, an enum, a network, ``X | None``, ``tuple[X, ...]``,
    ``Mapping[str, X]`` or another settings class.

    :param meaning: One sentence for the configuration reference.
    :param default: The value of an absent key; without it the key is required. A
        callable is called for a fresh value.
    :param key: The YAML key; by default the field's name in camelCase.
    :param default_note: The default as documented, where it depends on other keys.
    :param check: Called with the value; raises ``ValueError`` with a helpful sentence.
    """
    metadata = {KEY: key, MEANING: meaning, DEFAULT_NOTE: default_note}
    validator = None if check is None else (lambda _self, _field, value: check(value))
    if callable(default):
        return attrs.field(factory=default, metadata=metadata, validator=validator)
    return attrs.field(default=default, metadata=metadata, validator=validator)


def key_of(field: "attrs.Attribute[Any]") -> str:
    """The YAML key of a settings field."""
    if field.metadata.get(KEY):
        return str(field.metadata[KEY])
    head, *rest = field.name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def networks(*cidrs: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Networks from their usual notation."""
    return tuple(ip_network(cidr) for cidr in cidrs)
