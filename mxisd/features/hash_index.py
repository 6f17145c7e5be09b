"""
The index behind lookups by hash: what every store lists, and the bindings.

A pepper serves for a while, and then some time beside its successor. A new index
is built beside the one that answers. A source that fails keeps what it last listed.

Source: Identity Service API v1.19, "Security considerations of hashed lookup".
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import suppress

from attrs import frozen
from twisted.internet.defer import DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mxisd.errors import Unavailable
from mxisd.features.hash_sources import Sources, SourceStatus
from mxisd.model.hashing import Generation, PepperPolicy
from mxisd.ports import (
    IBindingRecords,
    IHashFiles,
    IHashIndex,
    IPepperRecords,
    IRandom,
)

AT_A_STRETCH = 128
"""Digests that are looked up without a break: up to 8 µs each."""

log = Logger()


@frozen(kw_only=True)
class IndexStatus:
    """
    How the index is.

    :ivar sources: How each source does, by name.
    :ivar count: How many hashes of listed people are answered; ``None`` before there is
        an index.
    :ivar is_refreshing: Whether sources are being listed, or an index is being built.
    :ivar queued: How many more refreshes have been asked for meanwhile.
    :ivar refreshes: How often that has come to an end since the server started.
    :ivar failure: Why the last one was in vain; ``None`` if it was not. A source that
        fails is told by its own status.
    """

    sources: Mapping[str, SourceStatus]
    count: int | None
    is_refreshing: bool
    queued: int
    refreshes: int
    failure: str | None = None


class HashIndex:
    """Answers lookups by hash, and keeps the index fresh."""

    def __init__(
        self,
        policy: PepperPolicy,
        sources: Sources,
        files: IHashFiles,
        peppers: IPepperRecords,
        bindings: IBindingRecords,
        random: IRandom,
        clock: IReactorTime,
    ) -> None:
        """Serve nothing yet: :meth:`start` comes first."""
        self._policy = policy
        self._sources = sources
        self._files = files
        self._peppers = peppers
        self._bindings = bindings
        self._random = random
        self._clock = clock
        self._refreshing = DeferredLock()
        self._building = DeferredLock()
        self._generations: list[Generation] = []
        self._indexes: dict[str, IHashIndex] = {}
        self._lookups = 0
        self._refreshes = 0
        self._failure: str | None = None
        self._is_rotation_failing = False
        self._is_new = False
        self._is_stale = True

    # --- Lookups ----------------------------------------------------------------------

    def current_pepper(self) -> str:
        """
        The pepper that clients are to use.

        :raise Unavailable: Before :meth:`start` is through.
        """
        if not self._generations:
            raise Unavailable("The server is starting; try again in a moment.")
        return self._generations[0].pepper

    def is_served(self, pepper: str) -> bool:
        """Whether lookups with this pepper are still answered."""
        now_ms = self._now_ms()
        return any(
            each.pepper == pepper and not each.is_over(now_ms)
            for each in self._generations
        )

    def find(self, pepper: str, digests: Sequence[bytes]) -> Mapping[bytes, str]:
        """
        Find user IDs by lookup digest; no store is asked.

        :param pepper: One that is served.
        """
        self._lookups += 1
        return self._find(pepper, digests)

    def find_many(
        self, pepper: str, digests: Sequence[bytes]
    ) -> Iterator[Mapping[bytes, str]]:
        """
        The same in steps, each of less than a millisecond.

        :param pepper: After the last step, it must still be served.
        """
        self._lookups += 1
        for start in range(0, len(digests), AT_A_STRETCH):
            yield self._find(pepper, digests[start : start + AT_A_STRETCH])

    def _find(self, pepper: str, digests: Sequence[bytes]) -> Mapping[bytes, str]:
        found = dict(self._bindings.bound_by_digest(pepper, digests))
        index = self._indexes.get(pepper)
        if index is not None:
            missing = [d for d in digests if d not in found] if found else digests
            found.update(index.find(missing))
        return found

    def unlisted(self) -> Set[str]:
        """The sources whose last list broke off."""
        return self._sources.unlisted()

    def is_well(self) -> bool:
        """Whether there is an index, and making it did not fail the last time."""
        is_whole = all(each.pepper in self._indexes for each in self._generations)
        is_failing = self._failure is not None or self._is_rotation_failing
        return bool(self._generations) and is_whole and not is_failing

    def status(self) -> IndexStatus:
        """How the index is, and what is being done about it."""
        current = [each.pepper for each in self._generations[:1]]
        index = self._indexes.get(current[0]) if current else None
        return IndexStatus(
            sources=self._sources.status(),
            count=None if index is None else index.count,
            is_refreshing=bool(self._refreshing.locked),
            queued=len(self._refreshing.waiting),
            refreshes=self._refreshes,
            failure=self._failure,
        )

    # --- Life -------------------------------------------------------------------------

    async def start(self) -> None:
        """Serve what an earlier run left; make the first pepper if there is none."""
        async with self._building:
            await self._start()

    async def refresh(self) -> None:
        """List every source again, and rebuild the index if anything changed."""
        async with self._refreshing:
            await self._refresh()

    async def rebuild(self) -> None:
        """List every source again, and rebuild the index whatever they list."""
        async with self._refreshing:
            self._is_stale = True
            await self._refresh()

    async def retry(self) -> None:
        """List those sources again that broke off, sooner than the others."""
        sources = self._sources.to_retry()
        if sources and not self._refreshing.locked:
            async with self._refreshing:
                await self._refresh(sources)

    async def _refresh(self, only: Set[str] | None = None) -> None:
        failure: str | None = "it was broken off"
        try:
            if not self._is_new:
                # From what is on disk: a slow source may take an hour. If that fails,
                # it is done, and told, when the sources are listed.
                with suppress(Unavailable):
                    await self._build_lost()
            self._is_stale |= await self._sources.refresh(only)
            # Only now: a pepper is not kept waiting by a slow source.
            async with self._building:
                await self._rebuild()
            self._is_new = False
            failure = None
        except Unavailable as error:
            failure = str(error)
            raise
        finally:
            self._failure = failure
            self._refreshes += 1

    async def rotate_if_due(self) -> None:
        """Replace the pepper if it is time to, and forget those whose grace is over."""
        async with self._building:
            is_failing = True
            try:
                if not self._generations:
                    await self._start()
                await self._rotate_if_due()
                is_failing = False
            finally:
                self._is_rotation_failing = is_failing

    def close(self) -> None:
        """Release the files."""
        for index in self._indexes.values():
            index.close()
        self._indexes.clear()

    async def _start(self) -> None:
        await self._peppers.purge_peppers(self._now_ms())
        generations = await self._peppers.generations()
        for generation in generations:
            await self._open(generation.pepper)
        self._generations = list(generations)
        if not generations:
            self._is_new = True
            await self._promote(await self._prepared())
        await self._clean()

    async def _open(self, pepper: str) -> None:
        try:
            index = await self._files.open(pepper)
        except Unavailable as error:
            log.warn("An index of hashes cannot be opened: {error}", error=error)
            return
        if index is not None:
            self._indexes[pepper] = index

    async def _build_lost(self) -> None:
        async with self._building:
            for generation in self._generations:
                if generation.pepper not in self._indexes:
                    await self._build(generation.pepper)

    async def _rebuild(self) -> None:
        """Bring the current pepper's index up to date, and make those that are lost."""
        for generation in self._generations:
            pepper = generation.pepper
            is_current = pepper == self.current_pepper()
            if pepper not in self._indexes or (is_current and self._is_stale):
                await self._build(pepper)
            if is_current:
                self._is_stale = False

    async def _rotate_if_due(self) -> None:
        age_ms = self._now_ms() - self._generations[0].since_ms
        if self._policy.is_due(age_ms, self._lookups):
            pepper = await self._prepared()
            await self._build(pepper)
            await self._promote(pepper)
            self._lookups = 0
            log.info("A new pepper serves lookups by hash")
        if any(each.is_over(self._now_ms()) for each in self._generations):
            await self._peppers.purge_peppers(self._now_ms())
            self._generations = list(await self._peppers.generations())
            await self._clean()

    async def _prepared(self) -> str:
        # What an earlier try left prepared would be hashed with for ever.
        await self._peppers.purge_peppers(self._now_ms())
        pepper = self._random.alphanumeric(self._policy.length)
        await self._peppers.prepare_pepper(pepper)
        return pepper

    async def _promote(self, pepper: str) -> None:
        now_ms = self._now_ms()
        await self._peppers.promote_pepper(pepper, now_ms, self._policy.grace_ms)
        self._generations = list(await self._peppers.generations())

    async def _build(self, pepper: str) -> None:
        began = self._clock.seconds()
        fresh = await self._files.build(pepper, self._sources.names)
        former = self._indexes.get(pepper)
        self._indexes[pepper] = fresh
        if former is not None:
            former.close()
        log.info(
            "Indexed {count} hashes in {seconds:.1f} s",
            count=fresh.count,
            seconds=self._clock.seconds() - began,
        )

    async def _clean(self) -> None:
        served = {each.pepper for each in self._generations}
        for pepper in self._indexes.keys() - served:
            self._indexes.pop(pepper).close()
        await self._files.retain(served, set(self._sources.names))

    def _now_ms(self) -> int:
        return int(self._clock.seconds() * 1000)


class NoHashes:
    """Lookup by hash, switched off: a pepper for the clients, and no answers."""

    def __init__(self, random: IRandom, length: int) -> None:
        self._pepper = random.alphanumeric(length)

    def current_pepper(self) -> str:
        """A pepper, since every lookup carries one."""
        return self._pepper

    def is_served(self, pepper: str) -> bool:
        """Whether this is the pepper of this run."""
        return pepper == self._pepper

    def find(self, pepper: str, digests: Sequence[bytes]) -> Mapping[bytes, str]:
        """Nobody is found by hash."""
        return {}

    def find_many(
        self, pepper: str, digests: Sequence[bytes]
    ) -> Iterator[Mapping[bytes, str]]:
        """Nobody is found by hash."""
        return iter(())

    def unlisted(self) -> Set[str]:
        """Nobody is asked for a list."""
        return frozenset()

    def is_well(self) -> bool:
        """There is nothing that could be ill."""
        return True
