"""
Plain data -> settings classes, with every problem found at once.

cattrs walks the classes and collects what goes wrong; what single values look like is
in :mod:`mxisd.config.scalars`.
"""

import re
import typing
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from enum import Enum
from functools import cache
from typing import Any, TypeVar

import attrs
from cattrs import Converter
from cattrs.errors import (
    ClassValidationError,
    ForbiddenExtraKeysError,
    IterableValidationError,
)
from cattrs.gen import make_dict_structure_fn, override
from zope.interface import implementer

from mxisd.config.scalars import BY_KIND, shown, word
from mxisd.config.suggestions import KnownKeys, Spot
from mxisd.errors import ConfigError, Problem, UnknownKey
from mxisd.interfaces import ISection
from mxisd.model.secret import Secret
from mxisd.model.settings import MEANING, key_of
from mxisd.model.stored import StoredAddresses

S = TypeVar("S")

# YAML takes "host:x", and "-x", for a text.
_NO_SPACE = re.compile(r"[A-Za-z]+:\S")
_COLON = "; is a space missing after the colon?"
_DASH = "; each entry begins with a dash and a space"


@implementer(ISection)
@attrs.frozen
class Section:
    """
    A section, as a store's factory sees it.

    :ivar values: Its keys without those that each store has.
    :ivar place: Its path in the file, for sentences that name another key.
    :ivar addresses: How addresses in it are read.
    :ivar read_elsewhere: The keys that each store has, and that are gone from it.
    :ivar sections: The sections of the whole file, which may be indented by mistake.
    """

    values: Mapping[str, Any]
    place: str = ""
    addresses: StoredAddresses = StoredAddresses()
    read_elsewhere: Sequence[str] = ()
    sections: Sequence[str] = ()

    def read(self, settings: type[S]) -> S:
        """
        Read the section into a settings class.

        :raise ConfigError: With every problem.
        """
        return read(
            settings,
            self.values,
            place=self.place,
            read_elsewhere=self.read_elsewhere,
            sections=self.sections,
        )


def read(
    settings: type[S],
    values: Mapping[str, Any],
    *,
    place: str = "",
    read_elsewhere: Sequence[str] = (),
    sections: Sequence[str] = (),
) -> S:
    """
    Read a mapping into a settings class (see :mod:`mxisd.model.settings`).

    A key whose value is null counts as absent.

    :param place: The path of the mapping in the file, for sentences that name a key.
    :param read_elsewhere: Keys of the mapping that somebody else reads, and that are
        gone from ``values``; worth suggesting.
    :param sections: The sections of the whole file, for those that are indented.
    :raise ConfigError: With every unknown key, wrong type and failed check; paths are
        relative to the mapping.
    """
    try:
        return _converter().structure(values, settings)
    except (ClassValidationError, ValueError) as error:
        known = KnownKeys(tuple(paths(settings)), place, sections)
        report = _Report(known, read_elsewhere)
        raise ConfigError(list(report.problems(error, ""))) from error


def options(settings: type) -> "Iterator[attrs.Attribute[Any]]":
    """The fields of a settings class that stand in the file."""
    attrs.resolve_types(settings)
    return (field for field in attrs.fields(settings) if MEANING in field.metadata)


def is_section(kind: Any) -> bool:
    """Whether values of this type are sections of the file."""
    return attrs.has(kind) and kind is not Secret


def nested(kind: Any) -> type | None:
    """The settings class of the sections that a type holds, however wrapped."""
    if is_section(kind):
        return typing.cast(type, kind)
    found = (nested(argument) for argument in typing.get_args(kind))
    return next((each for each in found if each is not None), None)


def paths(settings: type, prefix: str = "") -> Iterator[str]:
    """The dotted path of every key of a settings class that has a fixed place."""
    for field in options(settings):
        path = _join(prefix, key_of(field))
        yield path
        if is_section(field.type):
            yield from paths(typing.cast(type, field.type), path)


def _join(path: str, key: str) -> str:
    return ".".join(filter(None, (path, key)))


# --- Reading --------------------------------------------------------------------------


@cache
def _converter() -> Converter:
    converter = Converter(detailed_validation=True, forbid_extra_keys=True)
    converter.register_structure_hook_factory(
        is_section, lambda settings: _section_hook(settings, converter)
    )
    converter.register_structure_hook_func(
        _made_of(tuple), lambda value, kind: _tuple(value, kind, converter)
    )
    converter.register_structure_hook_func(
        _made_of(Mapping), lambda value, kind: _map(value, kind, converter)
    )
    converter.register_structure_hook(Enum, word)
    for kind, convert in BY_KIND.items():
        converter.register_structure_hook(kind, _of_kind(convert))
    return converter


def _of_kind(convert: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    def structure(value: Any, kind: Any) -> Any:
        # cattrs takes an enumeration of texts for a kind of text.
        is_enum = isinstance(kind, type) and issubclass(kind, Enum)
        return word(value, kind) if is_enum else convert(value)

    return structure


def _made_of(container: Any) -> Callable[[Any], bool]:
    return lambda kind: typing.get_origin(kind) is container


def _section_hook(settings: type, converter: Converter) -> Callable[[Any, Any], Any]:
    overrides = {field.name: override(omit=True) for field in attrs.fields(settings)}
    absent: dict[str, Any] = {}
    for field in options(settings):
        check = _checking(field, converter)
        overrides[field.name] = override(rename=key_of(field), struct_hook=check)
        if field.default is attrs.NOTHING and is_section(field.type):
            # What the operator has to write is not the section, but what it needs.
            absent[key_of(field)] = {}
    structure: Any = make_dict_structure_fn(
        settings,
        converter,
        _cattrs_forbid_extra_keys=True,
        **overrides,  # type: ignore[arg-type]
    )
    known = {key_of(field) for field in options(settings)}
    return lambda value, kind: structure(absent | _present(value, known), kind)


def _checking(
    field: "attrs.Attribute[Any]", converter: Converter
) -> Callable[[Any, Any], Any]:
    # The constructor checks too, but a failure there does not tell the key.
    def structure(value: Any, kind: Any) -> Any:
        result = converter.structure(value, kind)
        if field.validator is not None:
            field.validator(None, field, result)
        return result

    return structure


def _present(value: Any, known: Collection[str]) -> dict[str, Any]:
    # Without a value a key counts as absent, if it is a key at all.
    if not isinstance(value, Mapping):
        text = f"must be a section with keys below it, not {shown(value)}"
        is_close = isinstance(value, str) and _NO_SPACE.match(value)
        raise ValueError(text + _COLON if is_close else text)
    return {
        key: each for key, each in value.items() if each is not None or key not in known
    }


def _tuple(value: Any, kind: Any, converter: Converter) -> tuple[Any, ...]:
    if not isinstance(value, list):
        text = f"must be a list, not {shown(value)}"
        is_close = isinstance(value, str) and value.startswith("-")
        raise ValueError(text + _DASH if is_close else text)
    items: Any = list[typing.get_args(kind)[0]]  # type: ignore[misc]
    return tuple(converter.structure(value, items))


def _map(value: Any, kind: Any, converter: Converter) -> Mapping[str, Any]:
    items: Any = dict[typing.get_args(kind)]  # type: ignore[misc]
    result: dict[str, Any] = converter.structure(_present(value, value), items)
    return result


# --- Reporting ------------------------------------------------------------------------


def _required(field: "attrs.Attribute[Any]") -> str:
    meaning: str = field.metadata[MEANING]
    return f"is required: {meaning.replace('``', '`').rstrip('.')}"


@attrs.frozen
class _Report:
    known: KnownKeys
    read_elsewhere: Sequence[str]

    def problems(self, error: Exception, path: str) -> Iterator[Problem]:
        if isinstance(error, ClassValidationError):
            yield from self._of_section(error, path)
        elif isinstance(error, IterableValidationError):
            for inner, note in error.group_exceptions()[0]:
                yield from self.problems(inner, _join(path, str(note.index)))
        elif isinstance(error, ValueError):
            yield Problem(path, str(error))
        else:
            # A check that fails in another way is broken; the operator is not to blame.
            raise error

    def _of_section(self, error: ClassValidationError, path: str) -> Iterator[Problem]:
        fields = {field.name: field for field in options(error.cl)}
        noted, others = error.group_exceptions()
        for inner, note in noted:
            field = fields[note.name]
            here = _join(path, key_of(field))
            if isinstance(inner, KeyError):
                yield Problem(here, _required(field))
            else:
                yield from self.problems(inner, here)
        for other in others:
            if isinstance(other, ForbiddenExtraKeysError):
                yield from self._unknown(other, path)
            else:
                yield from self.problems(other, path)

    def _unknown(self, error: ForbiddenExtraKeysError, path: str) -> Iterator[Problem]:
        siblings = {key_of(field) for field in options(error.cl)}
        siblings.update(self.read_elsewhere if not path else ())
        below = tuple(paths(error.cl))
        spot = Spot(sorted(siblings), path, below, _names_below(error.cl))
        for key in sorted(error.extra_fields):
            yield UnknownKey(_join(path, key), self.known.about(key, spot))


def _names_below(settings: type) -> str | None:
    """The key of a class that has one only, for sections of any name."""
    fields = list(options(settings))
    if len(fields) != 1 or not _made_of(Mapping)(fields[0].type):
        return None
    return key_of(fields[0]) if nested(fields[0].type) else None
