"""A configuration file -> :class:`Config`, or everything that is wrong with it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

import attrs
from attrs import define, field, frozen

from mxisd.config import senders
from mxisd.config.document import Document, Sources, parse
from mxisd.config.lookups import HashingSection
from mxisd.config.sections import Config, StoreEntry
from mxisd.config.stores import DeclaredStore, classic, doubles, listed, store_at
from mxisd.config.structure import read
from mxisd.config.upcoming import UPCOMING, Settled, postponed, settle
from mxisd.errors import ConfigError, Problem
from mxisd.interfaces import IMessageSenderFactory, IStoreFactory
from mxisd.model.requesters import OURSELVES
from mxisd.model.settings import Duration

T = TypeVar("T")

PEPPER_LEAST = Duration(600)


@frozen
class Loaded:
    """A good configuration, and what its owner should know about it."""

    config: Config
    warnings: tuple[Problem, ...]
    document: Document = field(repr=False)

    def in_order(self, problems: Iterable[Problem]) -> list[Problem]:
        """What was found out later, with the lines of the file, and in their order."""
        return _in_order(problems, self._line_of)

    def _line_of(self, path: str) -> int | None:
        line = self.document.line_of(path)
        if line is not None:
            return line
        entry = store_at(path, self.config.stores)
        if entry is None:
            return None
        return self.document.line_of(entry.path + path[len(entry.name) :])


def load(
    text: str,
    *,
    environment: Mapping[str, str],
    read_file: Callable[[str], str],
    factories: Mapping[str, IStoreFactory],
    sender_factories: Mapping[str, IMessageSenderFactory],
) -> Loaded:
    """
    Read a configuration.

    :param environment: Where ``${NAME}`` is looked up.
    :param read_file: Reads ``${file:PATH}``; raises ``OSError`` or ``ValueError``.
    :param factories: The known stores, by type.
    :param sender_factories: The known senders of messages, by type.
    :raise ConfigError: With every problem, in the order of the lines.
    """
    document = parse(text, Sources(environment, read_file))
    loading = _Loading(factories, sender_factories)
    config = loading.config(document.values)
    # A value that cannot be resolved is not missing, too.
    reported = {each.path for each in document.problems}
    problems = [each for each in loading.problems if each.path not in reported]
    problems += document.problems
    if problems or config is None:
        raise ConfigError(_in_order(problems, document.line_of))
    warnings = tuple(_in_order(loading.warnings, document.line_of))
    return Loaded(config, warnings, document)


def _in_order(
    problems: Iterable[Problem], line_of: Callable[[str], int | None]
) -> list[Problem]:
    lined = [
        attrs.evolve(each, line=each.line or line_of(each.path)) for each in problems
    ]
    return sorted(lined, key=lambda each: each.line or 0)


def _with_derived(config: Config) -> Config:
    """The configuration with the defaults that follow from other keys written out."""
    inbound = attrs.evolve(config.lookup.inbound, allowed_cidr=config.inbound_networks)
    return attrs.evolve(
        config,
        server=attrs.evolve(
            config.server, name=config.server_name, public_url=config.public_url
        ),
        lookup=attrs.evolve(config.lookup, inbound=inbound),
    )


@define(eq=False)
class _Loading:
    factories: Mapping[str, IStoreFactory]
    sender_factories: Mapping[str, IMessageSenderFactory]
    problems: list[Problem] = field(factory=list)
    warnings: list[Problem] = field(factory=list)
    upcoming: list[str] = field(factory=list)

    def config(self, values: Mapping[str, Any]) -> Config | None:
        core = dict(values)
        entries = self._stores(core)
        core = self._settled("", settle(core))
        entries_of_senders = self._senders(core)
        config = self._core(core)
        if config is not None:
            config = self._with_senders(config, entries_of_senders)
        if self.upcoming:
            text = f"not built yet, so without effect: {', '.join(self.upcoming)}"
            self.warnings.append(Problem(self.upcoming[0], text))
        return config and attrs.evolve(self._judged(config), stores=entries)

    def _settled(self, path: str, settled: Settled) -> dict[str, Any]:
        prefix = f"{path}." if path else ""
        self.upcoming += [prefix + each for each in settled.upcoming]
        self.warnings += [
            Problem(prefix + key, text) for key, text in settled.remarks.items()
        ]
        return settled.values

    def _try(self, make: Callable[[], T], path: str = "") -> T | None:
        try:
            return make()
        except ConfigError as error:
            self.problems += error.below(path).problems
            return None

    # --- Stores -----------------------------------------------------------------------

    def _stores(self, core: dict[str, Any]) -> tuple[StoreEntry, ...]:
        declared = list(self._declared(core))
        self.problems += doubles(declared)
        for each in declared:
            self._settled(each.path, each.settled)
        parsed = [
            self._try(partial(each.parsed, self.factories), each.path)
            for each in declared
        ]
        return tuple(entry for entry in parsed if entry is not None)

    def _declared(self, core: dict[str, Any]) -> Iterator[DeclaredStore]:
        places = self._try(partial(listed, core.pop("stores", None))) or []
        for place in places + classic(core, self.factories):
            core.pop(place.path, None)
            declared = self._try(place.declared, place.path)
            if declared is not None and declared.is_used:
                yield declared
            elif declared is not None:
                self._unused(declared, is_forgotten=place.is_forgotten)

    def _unused(self, declared: DeclaredStore, *, is_forgotten: bool) -> None:
        found = declared.unknown_keys(self.factories)
        unknown = [each.below(declared.path) for each in found]
        if is_forgotten:
            # One of them may be the switch.
            self.problems += unknown
            text = "is not used; say enabled: true, or false"
            self.warnings.append(Problem(declared.path, text))
        else:
            self.warnings += unknown

    # --- Senders ----------------------------------------------------------------------

    def _senders(self, core: Mapping[str, Any]) -> Mapping[str, senders.SenderEntry]:
        parsed = {
            each.path: self._try(partial(each.parsed, self.sender_factories), each.path)
            for each in senders.declared_senders(core)
        }
        return {path: entry for path, entry in parsed.items() if entry is not None}

    def _with_senders(
        self, config: Config, entries: Mapping[str, senders.SenderEntry]
    ) -> Config:
        self.problems += senders.problems(config.threepid, config.notification)
        if self.problems:
            return config
        threepid, notification = senders.with_entries(
            config.threepid, config.notification, entries
        )
        return attrs.evolve(config, threepid=threepid, notification=notification)

    # --- The core ---------------------------------------------------------------------

    def _core(self, values: dict[str, Any]) -> Config | None:
        waiting = dict(postponed(values))
        others: Sequence[str] = sorted(
            {"stores", *self.factories, *(key.split(".")[0] for key in UPCOMING)}
        )
        make = partial(read, Config, values, read_elsewhere=others, sections=others)
        config = self._try(make)
        self.problems = [each for each in self.problems if each.path not in waiting]
        self.problems += [Problem(path, text) for path, text in waiting.items()]
        return config

    def _judged(self, config: Config) -> Config:
        public = urlsplit(config.public_url)
        if public.scheme == "http" and public.hostname not in OURSELVES:
            text = "clients and homeservers want https; http is good for tests only"
            self.warnings.append(Problem("server.publicUrl", text))
        if config.internal.enabled and config.admin.token is None:
            text = "has no effect without admin.token: ma1sd let everybody in"
            self.warnings.append(Problem("internal.enabled", text))
        slower = self._slower(config.hashing)
        return _with_derived(attrs.evolve(config, hashing=slower))

    def _slower(self, hashing: HashingSection) -> HashingSection:
        for key in ("delay", "grace"):
            if getattr(hashing, key) < PEPPER_LEAST:
                text = "is raised to 10 minutes: clients need time between two requests"
                self.warnings.append(Problem(f"hashing.{key}", text))
        return attrs.evolve(
            hashing,
            delay=max(hashing.delay, PEPPER_LEAST),
            grace=max(hashing.grace, PEPPER_LEAST),
        )
