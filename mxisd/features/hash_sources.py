"""What the stores tell of themselves: the lists from which the hash index is made."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set

from attrs import define, evolve, field, frozen
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mxisd.errors import MxisdError, StoreUnavailable
from mxisd.interfaces import BATCH_LIMIT, IAssociationSource
from mxisd.model.identifiers import UserId
from mxisd.model.threepids import ThreePid
from mxisd.ports import IHashFiles, IListing, Listed
from mxisd.waiting import in_time

SOURCE_LIMIT = 20_000_000
LISTING_TIMEOUT = 3600.0
"""The longest a source takes, in seconds, to list itself."""

FIRST_RETRY, LAST_RETRY = 60.0, 900.0
"""Seconds until a source that broke off is to be listed again; the pause doubles."""

log = Logger()


@frozen
class SourceStatus:
    """
    How a source does.

    :ivar listed_ms: When it last listed itself, in milliseconds since the epoch;
        ``None`` if it has not since the server started.
    :ivar is_failing: Whether its last list broke off: what it listed before is served.
    :ivar count: How many associations it listed then.
    :ivar so_far: How many it has listed in the list that is being taken, if one is.
    """

    listed_ms: int | None = None
    is_failing: bool = False
    count: int | None = None
    so_far: int | None = None


class Sources:
    """Takes the lists of stores, and keeps the former one of a store that fails."""

    def __init__(
        self,
        sources: Mapping[str, IAssociationSource],
        files: IHashFiles,
        clock: IReactorTime,
    ) -> None:
        """
        List nothing yet.

        :param sources: In order of priority.
        """
        self._sources = sources
        self._files = files
        self._clock = clock
        self._status = dict.fromkeys(sources, SourceStatus())
        self._failures: Counter[str] = Counter()
        self._retry_at: dict[str, float] = {}

    @property
    def names(self) -> Sequence[str]:
        """Their names, in order of priority."""
        return list(self._sources)

    def status(self) -> Mapping[str, SourceStatus]:
        """How each does, by name."""
        return dict(self._status)

    def unlisted(self) -> Set[str]:
        """Those whose last list broke off."""
        return {name for name, each in self._status.items() if each.is_failing}

    def to_retry(self) -> Set[str]:
        """Those that broke off, and have been left alone for long enough."""
        now = self._clock.seconds()
        return {name for name in self.unlisted() if now >= self._retry_at[name]}

    async def refresh(self, only: Set[str] | None = None) -> bool:
        """
        List each again, one after the other; tells whether anything changed.

        :param only: Not all, but these.
        """
        is_changed = False
        for name, source in self._sources.items():
            if only is None or name in only:
                is_changed |= await self._list(name, source)
        return is_changed

    async def _list(self, name: str, source: IAssociationSource) -> bool:
        """Take a source's list, or keep the former one."""
        former = self._status[name]
        try:
            listed, by_medium = await self._listed(name, source)
        except MxisdError as error:
            self._status[name] = evolve(former, is_failing=True)
            self._postpone(name)
            if not former.is_failing:
                _log_failure(name, error)
            return False
        except BaseException:
            self._status[name] = former
            raise
        now_ms = int(self._clock.seconds() * 1000)
        self._status[name] = SourceStatus(now_ms, count=listed.count)
        self._failures.pop(name, None)
        if listed.is_changed or former.is_failing or former.listed_ms is None:
            _log_counts(name, by_medium)
        return listed.is_changed

    def _postpone(self, name: str) -> None:
        pause = min(FIRST_RETRY * 2 ** self._failures[name], LAST_RETRY)
        self._failures[name] += 1
        self._retry_at[name] = self._clock.seconds() + pause

    async def _listed(
        self, name: str, source: IAssociationSource
    ) -> tuple[Listed, Counter[str]]:
        listing = await self._files.listing(name)
        try:
            intake = _Intake(listing, self._progress(name))
            await in_time(source.associations(intake.put), LISTING_TIMEOUT, self._clock)
            return await listing.commit(), intake.by_medium
        except BaseException:
            await listing.abandon()
            raise

    def _progress(self, name: str) -> Callable[[int], None]:
        def tell(count: int) -> None:
            self._status[name] = evolve(self._status[name], so_far=count)

        tell(0)
        return tell


NOBODY = "no addresses, so that nobody there is found by hash"


def counts(by_medium: Mapping[str, int]) -> Sequence[str]:
    """How many 3PIDs there are of each medium, for people."""
    return [f"{count} {medium}" for medium, count in sorted(by_medium.items())]


def _log_counts(name: str, by_medium: Counter[str]) -> None:
    if not by_medium:
        log.warn("{store} listed {nobody}", store=name, nobody=NOBODY)
        return
    log.info(
        "{store} listed {count} 3PIDs: {by_medium}",
        store=name,
        count=by_medium.total(),
        by_medium=", ".join(counts(by_medium)),
    )


def _log_failure(name: str, error: MxisdError) -> None:
    log.warn(
        "{store} could not be listed, what it listed before is kept: {error}",
        store=name,
        error=error,
    )


@define(eq=False)
class _Intake:
    """Takes batches as long as they are of bearable size; tells how much there was."""

    listing: IListing
    tell: Callable[[int], None]
    count: int = 0
    by_medium: Counter[str] = field(factory=Counter)

    async def put(self, batch: Sequence[tuple[ThreePid, UserId]]) -> None:
        self.count += len(batch)
        if len(batch) > BATCH_LIMIT:
            raise StoreUnavailable(f"a batch of more than {BATCH_LIMIT} associations")
        if self.count > SOURCE_LIMIT:
            raise StoreUnavailable(f"more than {SOURCE_LIMIT} associations")
        self.by_medium.update(threepid.medium for threepid, _ in batch)
        await self.listing.add(batch)
        self.tell(self.count)
