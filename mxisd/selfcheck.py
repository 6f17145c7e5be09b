"""``--check-config --connect``: what only those who are asked can tell."""

from collections.abc import Mapping, Sequence, Set
from typing import Any

from mxisd.assembly.base import clients
from mxisd.assembly.headcounts import counts_of_stores
from mxisd.assembly.messages import build_senders
from mxisd.assembly.stores import build_stores, stop
from mxisd.config.sections import Config
from mxisd.config.stores import store_at
from mxisd.errors import ConfigError, Problem, Unavailable, Weight
from mxisd.interfaces import ISelfCheck, IStoreFactory
from mxisd.public_url import found_at_public_url
from mxisd.records.key_files import current_public_key
from mxisd.resolver.guard import apart
from mxisd.waiting import in_time

PATIENCE = 60.0
"""Seconds that one store, or one sender, may take."""


async def everything_found(
    config: Config, factories: Mapping[str, IStoreFactory], reactor: Any
) -> Sequence[Problem]:
    """
    Try stores and senders, count people, and ask the public URL.

    :return: What does not work, what may not be meant, and what is good to know.
    """
    try:
        of_stores = await problems_of_stores(config, factories, reactor)
        broken = _stores_with(errors_in(of_stores), config)
        counts = await counts_of_stores(config, factories, reactor, broken)
        of_senders = await problems_of_senders(config, reactor)
        found = [*of_stores, *counts, *of_senders]
    except ConfigError as error:
        found = [*error.problems]
    return [*found, *await _of_public_url(config, reactor)]


def errors_in(found: Sequence[Problem]) -> list[Problem]:
    """What does not work."""
    return [each for each in found if each.weight is Weight.ERROR]


def _stores_with(problems: Sequence[Problem], config: Config) -> Set[str]:
    found = (store_at(each.path, config.stores) for each in problems)
    return {each.name for each in found if each is not None}


async def _of_public_url(config: Config, reactor: Any) -> Sequence[Problem]:
    http, key = clients(config, reactor), current_public_key(config.key.path)
    found = await found_at_public_url(config, http.configured, key)
    return () if found is None else (found,)


async def problems_of_stores(
    config: Config, factories: Mapping[str, IStoreFactory], reactor: Any
) -> Sequence[Problem]:
    """
    Let every store try what is configured, one after the other.

    :return: What does not work; each path begins with the store's name.
    :raise ConfigError: If a store cannot be made.
    """
    found: list[Problem] = []
    for name, store in build_stores(config, factories, reactor):
        if store.self_check is not None:
            found += await _problems(name, store.self_check, reactor)
            await stop(store, reactor)
    return found


async def problems_of_senders(config: Config, reactor: Any) -> Sequence[Problem]:
    """
    Let every sender that can do so try what is configured; nothing is sent.

    :return: What does not work; each path begins with that of the sender's section.
    :raise ConfigError: If a sender cannot be made.
    """
    found: list[Problem] = []
    http = clients(config, reactor)
    for path, sender in build_senders(config, http, reactor):
        if ISelfCheck.providedBy(sender):
            check: Any = sender
            found += await _problems(path, check, reactor)
    return found


async def _problems(place: str, check: ISelfCheck, reactor: Any) -> Sequence[Problem]:
    problems: Sequence[Problem]
    try:
        problems = await in_time(apart(check.problems), PATIENCE, reactor)
    except Unavailable as error:
        problems = (Problem("", str(error)),)
    return [each.below(place) for each in problems]
