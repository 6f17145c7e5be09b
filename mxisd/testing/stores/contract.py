# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""What all suites need."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mxisd.interfaces import IThreePidLookup, Store
from mxisd.testing.stores.people import PEOPLE, Person

if TYPE_CHECKING:
    from twisted.trial.unittest import TestCase as _TestCase
else:
    _TestCase = object


class StoreContract(_TestCase):
    """What all suites need."""

    takes_any_name = True
    """Whether the back end may know users by names that are no localparts."""

    async def store_with(self, people: Sequence[Person]) -> Store:
        """
        Give a store that knows exactly these people; override this.

        Whatever it starts must end by ``self.addCleanup``.
        """
        raise NotImplementedError

    async def _lookup(self, people: Sequence[Person] = PEOPLE) -> IThreePidLookup:
        lookup: IThreePidLookup = self._capability(
            await self.store_with(people), "lookup"
        )
        return lookup

    def _capability(self, store: Store, name: str) -> Any:
        capability = getattr(store, name)
        self.assertIsNotNone(capability, f"the store has no {name}")
        return capability
