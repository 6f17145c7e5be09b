"""Whether we, and those we depend on, are well."""

from collections.abc import Callable, Mapping, Sequence, Set

from attrs import frozen

from mxisd.errors import RecordsUnavailable
from mxisd.ports import IAnswering, IRecordsHealth


@frozen
class StoreHealth:
    """
    How a store is.

    :ivar is_answering: Whether it answered when last asked, its list for the hash index
        included.
    :ivar misconfigured: Keys without which some of its parts do not work.
    """

    is_answering: bool
    misconfigured: Sequence[str] = ()

    @property
    def is_well(self) -> bool:
        """Whether there is nothing to mend."""
        return self.is_answering and not self.misconfigured


@frozen
class HealthReport:
    """
    What works; stores by name.

    :ivar hashes_ok: Whether lookups by hash are answered from an index that could be
        made when it last should.
    """

    records_ok: bool
    stores: Mapping[str, StoreHealth]
    hashes_ok: bool = True

    @property
    def is_whole(self) -> bool:
        """Whether there is nothing to mend."""
        stores = self.stores.values()
        return self.records_ok and self.hashes_ok and all(s.is_well for s in stores)


class Health:
    """Asks our records, and sums up what is known about the stores."""

    def __init__(
        self,
        records: IRecordsHealth,
        stores: Mapping[str, IAnswering],
        unlisted: Callable[[], Set[str]],
        hashes_are_well: Callable[[], bool] = lambda: True,
    ) -> None:
        """
        Watch.

        :param unlisted: Names the stores whose last list for the hash index broke off.
        :param hashes_are_well: Tells whether there is an index that is up to date.
        """
        self._records = records
        self._stores = stores
        self._unlisted = unlisted
        self._hashes_are_well = hashes_are_well

    async def report(self) -> HealthReport:
        """Report; no store is asked for it."""
        unlisted = self._unlisted()
        stores = {
            name: _health(store, is_listed=name not in unlisted)
            for name, store in self._stores.items()
        }
        return HealthReport(await self._works(), stores, self._hashes_are_well())

    async def _works(self) -> bool:
        try:
            await self._records.check()
        except RecordsUnavailable:
            return False
        return True


def _health(store: IAnswering, *, is_listed: bool) -> StoreHealth:
    misconfigured = tuple(store.misconfigured)
    # Where keys are named, they are why a list broke off.
    is_answering = store.is_answering and (is_listed or bool(misconfigured))
    return StoreHealth(is_answering, misconfigured)
