"""The configuration reference, written from the settings classes themselves."""

import typing
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

import attrs
from attrs import frozen

from mxisd.config.dump import plain
from mxisd.config.scalars import NETWORK
from mxisd.config.structure import nested, options
from mxisd.model.secret import Secret
from mxisd.model.settings import DEFAULT_NOTE, MEANING, Duration, key_of

_WORDS: Mapping[Any, str] = {
    str: "text",
    int: "number",
    float: "number",
    bool: "true or false",
    Secret: "secret",
    Duration: "time",
    NETWORK: "network",
    NETWORK | None: "network",
    Any: "anything",
}


@frozen
class Entry:
    """
    One key of the reference.

    :ivar path: Dotted; ``[]`` stands for each item of a list, ``<name>`` for a name of
        the operator's choice.
    :ivar default_text: As a phrase: ``default …`` or ``required``.
    """

    path: str
    type_text: str
    default_text: str
    meaning: str


def entries(settings: type, prefix: str = "") -> Iterator[Entry]:
    """
    Every key of a settings class that holds a value, in order.

    :param prefix: What the paths begin with, such as ``ldap.``.
    """
    for field in options(settings):
        path = f"{prefix}{key_of(field)}"
        inner = nested(field.type)
        if inner is None:
            meaning = field.metadata[MEANING]
            yield Entry(path, _type(field.type), _default(field), meaning)
        else:
            yield from entries(inner, path + _step(field.type))


def render(settings: type, prefix: str = "") -> str:
    """The reference of a settings class as a reST definition list."""
    return "\n".join(
        f"``{each.path}``\n"
        f"    *{each.type_text}*, {each.default_text}. {each.meaning}\n"
        for each in entries(settings, prefix)
    )


def _step(kind: Any) -> str:
    for wrapped in (kind, *typing.get_args(kind)):
        if typing.get_origin(wrapped) is tuple:
            return "[]."
        if typing.get_origin(wrapped) is Mapping:
            return ".<name>."
    return "."


def _type(kind: Any) -> str:
    if kind in _WORDS:
        return _WORDS[kind]
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        return f"list of {_type(arguments[0])}"
    if origin is Mapping:
        return f"{_type(arguments[1])} by name"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return " or ".join(str(member.value) for member in kind)
    return _type(next(each for each in arguments if each is not type(None)))


def _default(field: "attrs.Attribute[Any]") -> str:
    if field.metadata[DEFAULT_NOTE]:
        return f"default {field.metadata[DEFAULT_NOTE]}"
    default: Any = field.default
    if default is attrs.NOTHING:
        return "required"
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        default = default.factory()
    return f"default {_shown(plain(default))}"


def _shown(value: Any) -> str:
    if value in (None, "", [], {}):
        return "none"
    if isinstance(value, bool):
        return f"``{str(value).lower()}``"
    if isinstance(value, list):
        return ", ".join(f"``{each}``" for each in value)
    return f"``{value}``"
