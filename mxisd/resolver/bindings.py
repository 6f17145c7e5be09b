"""Our own bindings as the first store of the chain."""

from collections.abc import Mapping

from zope.interface import implementer

from mxisd.interfaces import IThreePidLookup
from mxisd.model.identifiers import UserId
from mxisd.model.threepids import ThreePid
from mxisd.portions import Portions
from mxisd.ports import IBindingRecords

BATCH = 256
"""3PIDs that are looked up without a break: up to 8 µs each."""


@implementer(IThreePidLookup)
class BindingsLookup:
    """Finds the owners of 3PIDs that were bound with us."""

    def __init__(self, records: IBindingRecords, portions: Portions) -> None:
        self._records = records
        self._portions = portions

    async def lookup(self, threepids: frozenset[ThreePid]) -> Mapping[ThreePid, UserId]:
        """Ask our own records, which are read on the reactor's thread."""
        if len(threepids) <= BATCH:
            return await self._records.bound(threepids)
        found: dict[ThreePid, UserId] = {}
        wanted = list(threepids)
        for start in range(0, len(wanted), BATCH):
            await self._portions.turn()
            some = frozenset(wanted[start : start + BATCH])
            found.update(await self._records.bound(some))
        return found
