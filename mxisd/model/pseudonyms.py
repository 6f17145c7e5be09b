# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""Names for addresses in logs, from which nobody can go back to the address."""

import hashlib
from collections.abc import Callable, Collection
from itertools import islice
from typing import TypeVar

from attrs import field, frozen

from mxisd.model.threepids import ThreePid

KEY_BYTES = 32
PSEUDONYM_BYTES = 5

MENTIONED = 20
"""So many addresses are named in a line; of the others, there is the number."""

T = TypeVar("T")


@frozen
class Pseudonyms:
    """
    Names addresses by their hash under a key.

    Whoever has the log and not the key can guess as much as they like. The same address
    has the same name as long as the key is the same.

    :ivar key: Random, as many bytes as ``KEY_BYTES``.
    """

    _key: bytes = field(repr=False)

    def of(self, threepid: ThreePid) -> str:
        """Name an address, however it is spelled."""
        return self._named(f"{threepid.medium} {threepid.address}".encode())

    def of_digest(self, digest: bytes) -> str:
        """Name an address of which a client sent the lookup hash alone."""
        return self._named(digest)

    def _named(self, data: bytes) -> str:
        return hashlib.blake2b(
            data, digest_size=PSEUDONYM_BYTES, key=self._key
        ).hexdigest()


def listed(items: Collection[T], named: Callable[[T], str]) -> str:
    """Some items by name, and how many more there are."""
    names = ", ".join(map(named, islice(items, MENTIONED)))
    more = len(items) - MENTIONED
    return f"{names} and {more} more" if more > 0 else names or "nobody"
