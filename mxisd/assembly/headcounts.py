"""How many people each store lists: for an operator who has just configured it."""

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from typing import Any

from attrs import define, field

from mxisd.assembly.stores import build_stores, stop
from mxisd.config.sections import Config
from mxisd.errors import DeadlineExceeded, Misconfigured, Problem, Unavailable, Weight
from mxisd.features.hash_sources import NOBODY, counts
from mxisd.interfaces import IAssociationSource, IStoreFactory
from mxisd.model.identifiers import UserId
from mxisd.model.threepids import ThreePid
from mxisd.resolver.guard import apart
from mxisd.waiting import in_time

PATIENCE = 60.0
"""Seconds that one list may take; of a longer one, the beginning is told."""


async def counts_of_stores(
    config: Config,
    factories: Mapping[str, IStoreFactory],
    reactor: Any,
    without: Set[str] = frozenset(),
) -> Sequence[Problem]:
    """
    Let every store list itself, one after the other.

    :param without: Names of stores that are not asked.
    :return: A note for each, a warning for one that lists nobody, and what went wrong.
    """
    found: list[Problem] = []
    for name, store in build_stores(config, factories, reactor):
        if name not in without and store.associations is not None:
            found.append(await _counted(name, store.associations, reactor))
        await stop(store, reactor)
    return found


@define
class _Headcount:
    """Counts what it is given."""

    users: set[UserId] = field(factory=set)
    by_medium: Counter[str] = field(factory=Counter)

    async def put(self, batch: Sequence[tuple[ThreePid, UserId]]) -> None:
        """Count a batch."""
        self.users.update(user_id for _, user_id in batch)
        self.by_medium.update(threepid.medium for threepid, _ in batch)

    def __str__(self) -> str:
        return ", ".join([f"lists {len(self.users)} people", *counts(self.by_medium)])


async def _counted(name: str, source: IAssociationSource, reactor: Any) -> Problem:
    count = _Headcount()
    try:
        await in_time(apart(lambda: source.associations(count.put)), PATIENCE, reactor)
    except DeadlineExceeded:
        text = f"{count}, and more: {PATIENCE:g} s were not enough"
        return Problem(name, text, weight=Weight.NOTE)
    except Misconfigured as error:
        return error.as_problem.below(name)
    except Unavailable as error:
        return Problem(name, f"could not be listed: {error}")
    if not count.users:
        return Problem(name, f"lists {NOBODY}", weight=Weight.WARNING)
    return Problem(name, str(count), weight=Weight.NOTE)
