"""``--check-config --connect``: what only stores and senders themselves can tell."""

from collections.abc import Mapping, Sequence
from typing import Any

from mxisd.assembly.base import clients
from mxisd.assembly.messages import build_senders
from mxisd.assembly.stores import build_stores, stop
from mxisd.config.sections import Config
from mxisd.errors import Problem, Unavailable
from mxisd.interfaces import ISelfCheck, IStoreFactory
from mxisd.resolver.guard import apart
from mxisd.waiting import in_time

PATIENCE = 60.0
"""Seconds that one store, or one sender, may take."""


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
