"""How lookups by hash went, for whoever looks into them at debug."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mxisd.features.lookup import Hashes
from mxisd.model.pseudonyms import Pseudonyms, listed

log = Logger()


class TracedHashes:
    """A hash index that tells how each lookup went; addresses are pseudonyms."""

    def __init__(
        self, inner: Hashes, clock: IReactorTime, pseudonyms: Pseudonyms
    ) -> None:
        self._inner = inner
        self._clock = clock
        self._pseudonyms = pseudonyms

    def current_pepper(self) -> str:
        """The pepper that clients are to use."""
        return self._inner.current_pepper()

    def is_served(self, pepper: str) -> bool:
        """Tell it of a client that has to hash again."""
        is_served = self._inner.is_served(pepper)
        if not is_served:
            log.debug("a lookup came with a pepper that is not served, or no more")
        return is_served

    def find(self, pepper: str, digests: Sequence[bytes]) -> Mapping[bytes, str]:
        """Find as the index does."""
        began = self._clock.seconds()
        found = self._inner.find(pepper, digests)
        self._tell(digests, found.keys(), began)
        return found

    def find_many(
        self, pepper: str, digests: Sequence[bytes]
    ) -> Iterator[Mapping[bytes, str]]:
        """The same in steps; told when all were made."""
        began = self._clock.seconds()
        found: set[bytes] = set()
        for some in self._inner.find_many(pepper, digests):
            found.update(some)
            yield some
        self._tell(digests, found, began)

    def _tell(
        self, digests: Sequence[bytes], found: Collection[bytes], began: float
    ) -> None:
        missing = [digest for digest in digests if digest not in found]
        log.debug(
            "lookup by hash of {asked} took {ms:.1f} ms: found {found}; not found "
            "{missing}",
            asked=len(digests),
            ms=(self._clock.seconds() - began) * 1000,
            found=listed(found, self._pseudonyms.of_digest),
            missing=listed(missing, self._pseudonyms.of_digest),
        )
