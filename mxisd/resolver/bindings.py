"""Our own bindings as the first store of the chain."""

from collections.abc import Mapping

from zope.interface import implementer

from mxisd.interfaces import IThreePidLookup
from mxisd.model.identifiers import UserId
from mxisd.model.threepids import ThreePid
from mxisd.ports import IBindingRecords


@implementer(IThreePidLookup)
class BindingsLookup:
    """Finds the owners of 3PIDs that were bound with us."""

    def __init__(self, records: IBindingRecords) -> None:
        self._records = records

    async def lookup(self, threepids: frozenset[ThreePid]) -> Mapping[ThreePid, UserId]:
        """Ask our own records."""
        return await self._records.bound(threepids)
