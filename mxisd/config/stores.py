"""The stores of a configuration: ``stores:`` and the classic sections."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from attrs import frozen

from mxisd.config.sections import Config, StoreEntry
from mxisd.config.structure import Section, options, read
from mxisd.config.upcoming import Settled, settle
from mxisd.errors import ConfigError, Problem, UnknownKey
from mxisd.interfaces import IStoreFactory
from mxisd.model.destinations import ELSEWHERE, countries
from mxisd.model.settings import key_of, option
from mxisd.model.stored import StoredAddresses

H = TypeVar("H")

CLASSIC_ORDER = (
    "memory",
    "firebase",
    "ldap",
    "netiq",
    "rest",
    "sql",
    "synapseSql",
    "wordpress",
    "exec",
)
RESERVED_NAMES = ("bindings",)
"""What the chain calls its other sources."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def _legal_name(value: str | None) -> None:
    if value is None:
        return
    if _NAME.fullmatch(value) is None:
        raise ValueError("must be 1 to 64 letters, digits, dots, dashes, underscores")
    if value in RESERVED_NAMES:
        raise ValueError(f"{value} is the name of our own records")


def _country(value: str | None) -> None:
    if value is not None and (value not in countries() or value == ELSEWHERE):
        raise ValueError("is no country: use an ISO code such as DE")


def _default_country() -> Any:
    return option(
        "The country of phone numbers that are written without one.",
        None,
        default_note="none: such numbers are left out",
        check=_country,
    )


@frozen(kw_only=True)
class ListedHead:
    """What each entry of ``stores:`` has, whatever its type."""

    type: str = option("The type of the store.")
    name: str | None = option(
        "What the log and ``/status`` call it; no two alike.",
        None,
        default_note="the type",
        check=_legal_name,
    )
    enabled: bool = option("Whether it is used.", True)
    default_country: str | None = _default_country()


@frozen(kw_only=True)
class ClassicHead:
    """What each section named like a store type has."""

    enabled: bool = option("Whether it is used.", False)
    default_country: str | None = _default_country()


@frozen
class DeclaredStore:
    """
    A store, before its own keys are judged.

    :ivar path: Where it stands in the file.
    :ivar head: The keys that it has as such.
    :ivar settled: Its own keys.
    """

    path: str
    store_type: str
    name: str
    settled: Settled
    head: "ListedHead | ClassicHead"

    @property
    def is_used(self) -> bool:
        """Whether it is switched on."""
        return self.head.enabled

    def parsed(self, factories: Mapping[str, IStoreFactory]) -> StoreEntry:
        """
        Let the factory judge it.

        :raise ConfigError: With paths relative to the section.
        """
        if self.store_type not in factories:
            raise ConfigError.at("type", _unknown(self.store_type, factories))
        addresses = StoredAddresses(self.head.default_country)
        section = Section(
            self.settled.values,
            self.path,
            addresses,
            read_elsewhere=[key_of(each) for each in options(type(self.head))],
            sections=[*_core(), *factories],
        )
        return StoreEntry(
            name=self.name,
            store_type=self.store_type,
            settings=factories[self.store_type].parse(section),
            addresses=addresses,
            path=self.path,
        )

    def unknown_keys(self, factories: Mapping[str, IStoreFactory]) -> list[Problem]:
        """Keys that its type does not have, whatever else is wrong or missing."""
        try:
            self.parsed(factories)
        except ConfigError as error:
            return [each for each in error.problems if isinstance(each, UnknownKey)]
        return []


@frozen
class Place:
    """
    A section of the file that is a store's.

    :ivar store_type: The type that the section is named like; ``None`` in the list.
    """

    path: str
    section: Any
    store_type: str | None = None

    @property
    def is_forgotten(self) -> bool:
        """Whether it has keys, and nothing that says whether it is used."""
        has_keys = isinstance(self.section, Mapping) and bool(self.section)
        return (
            has_keys and self.store_type is not None and "enabled" not in self.section
        )

    def declared(self) -> DeclaredStore:
        """
        What is said of the store as such.

        :raise ConfigError: With paths relative to the section.
        """
        if self.store_type is not None:
            classic, own = _split(ClassicHead, self.section)
            return self._declared(classic, self.store_type, None, own)
        listed, own = _split(ListedHead, self.section)
        return self._declared(listed, listed.type, listed.name, own)

    def _declared(
        self,
        head: ListedHead | ClassicHead,
        store_type: str,
        name: str | None,
        own: dict[str, Any],
    ) -> DeclaredStore:
        return DeclaredStore(
            self.path,
            store_type,
            name or store_type,
            settle(own, store_type),
            head,
        )


def listed(values: Any) -> list[Place]:
    """
    The entries of ``stores:``.

    :raise ConfigError: If that is no list.
    """
    if values is not None and not isinstance(values, list):
        raise ConfigError.at("stores", "must be a list: each entry starts with a dash")
    return [Place(f"stores.{index}", each) for index, each in enumerate(values or ())]


def classic(values: Mapping[str, Any], known: Collection[str]) -> list[Place]:
    """
    The sections that are named like a store type, in order of priority.

    :param known: The store types.
    """
    others = sorted(set(known) - set(CLASSIC_ORDER) - set(_core()))
    order = [each for each in CLASSIC_ORDER if each in known] + others
    return [Place(each, values[each], each) for each in order if each in values]


def doubles(stores: Sequence[DeclaredStore]) -> Iterator[Problem]:
    """Stores that are called like one before them."""
    first: dict[str, DeclaredStore] = {}
    for store in stores:
        other = first.setdefault(store.name, store)
        if other is not store:
            text = f"is called {store.name}, like {other.path}; give one another name:"
            yield Problem(store.path, text)


def store_at(path: str, stores: Iterable[StoreEntry]) -> StoreEntry | None:
    """
    The store that a path begins with, as in what stores tell of themselves.

    Names may have dots in them, so the longest name is right.
    """
    found = [each for each in stores if f"{path}.".startswith(f"{each.name}.")]
    return max(found, key=lambda each: len(each.name), default=None)


def _core() -> list[str]:
    return [*(key_of(each) for each in options(Config)), "stores"]


def _unknown(store_type: str, factories: Mapping[str, IStoreFactory]) -> str:
    known = ", ".join(sorted(factories)) or "none"
    return (
        f"there is no store of type {store_type!r}; known: {known}. "
        "A plug-in that cannot be used is named in the log, and in a warning above"
    )


def _split(head: type[H], section: Any) -> tuple[H, dict[str, Any]]:
    keys = {key_of(each) for each in options(head)}
    section = {} if section is None else section
    if not isinstance(section, Mapping):
        return read(head, section), {}
    own = {key: value for key, value in section.items() if key not in keys}
    return read(head, {key: section[key] for key in keys & set(section)}), own
