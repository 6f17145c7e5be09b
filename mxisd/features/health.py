"""Whether we, and those we depend on, are well."""

from collections.abc import Callable, Mapping, Set

from attrs import frozen

from mxisd.errors import RecordsUnavailable
from mxisd.ports import IAnswering, IRecordsHealth


@frozen
class HealthReport:
    """
    What works.

    :ivar stores: Whether each store answered when last asked, its list for the hash
        index included, by name.
    """

    records_ok: bool
    stores: Mapping[str, bool]


class Health:
    """Asks our records, and sums up what is known about the stores."""

    def __init__(
        self,
        records: IRecordsHealth,
        stores: Mapping[str, IAnswering],
        unlisted: Callable[[], Set[str]],
    ) -> None:
        """
        Watch.

        :param unlisted: Names the stores whose last list for the hash index broke off.
        """
        self._records = records
        self._stores = stores
        self._unlisted = unlisted

    async def report(self) -> HealthReport:
        """Report; no store is asked for it."""
        unlisted = self._unlisted()
        stores = {
            name: store.is_answering and name not in unlisted
            for name, store in self._stores.items()
        }
        try:
            await self._records.check()
        except RecordsUnavailable:
            return HealthReport(False, stores)
        return HealthReport(True, stores)
