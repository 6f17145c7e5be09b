"""``--check-config --connect``: what only the stores themselves can tell."""

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve
from twisted.application.service import IService
from twisted.internet.defer import Deferred

from mxisd.assembly.stores import build_stores
from mxisd.config.sections import Config
from mxisd.errors import Problem, Unavailable
from mxisd.interfaces import IStoreFactory, Store
from mxisd.resolver.guard import apart
from mxisd.waiting import in_time

PATIENCE = 60.0
"""Seconds that one store may take."""

STOP_PATIENCE = 5.0


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
        for problem in await _problems(store, reactor):
            path = ".".join(filter(None, (name, problem.path)))
            found.append(evolve(problem, path=path))
    return found


async def _problems(store: Store, reactor: Any) -> Sequence[Problem]:
    check = store.self_check
    if check is None:
        return ()
    try:
        return await in_time(apart(check.problems), PATIENCE, reactor)
    except Unavailable as error:
        return (Problem("", str(error)),)
    finally:
        await _stop(store.service, reactor)


async def _stop(service: IService | None, reactor: Any) -> None:
    async def stopped() -> None:
        ending: Any = None if service is None else service.stopService()
        if isinstance(ending, Deferred):
            await ending

    try:
        await in_time(apart(stopped), STOP_PATIENCE, reactor)
    except Unavailable:
        return  # the process ends in a moment
