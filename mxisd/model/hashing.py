# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""
Hashes and peppers of the v2 lookup.

Source: Identity Service API v1.19, "Security considerations of hashed lookup"; MSC2134.
"""

import hashlib
from base64 import urlsafe_b64encode

from attrs import field, frozen

SHA256 = "sha256"
NONE = "none"
ALGORITHMS = (SHA256, NONE)

PEPPER_MIN_MS = 600_000
"""A pepper serves for ten minutes at least, and is answered for as long again."""


def lookup_digest(address: str, medium: str, pepper: str) -> bytes:
    """The 32 raw bytes of a lookup hash."""
    return hashlib.sha256(f"{address} {medium} {pepper}".encode()).digest()


def lookup_hash(address: str, medium: str, pepper: str) -> str:
    """The hash as clients send it: URL-safe base64 without padding, 43 characters."""
    digest = lookup_digest(address, medium, pepper)
    return urlsafe_b64encode(digest).decode().rstrip("=")


@frozen
class Generation:
    """
    One pepper and its life.

    :ivar since_ms: When it became the current one, milliseconds since the epoch.
    :ivar until_ms: Until when it is still answered after its successor took over;
        ``None`` for the current one.
    """

    pepper: str
    since_ms: int
    until_ms: int | None = None

    def is_over(self, now_ms: int) -> bool:
        """Whether its grace period has ended."""
        return self.until_ms is not None and now_ms >= self.until_ms


def _bearable(grace_ms: int) -> int:
    return max(grace_ms, PEPPER_MIN_MS)


@frozen(kw_only=True)
class PepperPolicy:
    """
    When a pepper is replaced.

    :ivar max_age_ms: The age at which it is; ``None`` if the number of lookups decides.
    :ivar max_lookups: The number of lookups after which it is, once it is ten minutes
        old; ``None`` if its age decides.
    :ivar grace_ms: How long it is answered after that; ten minutes at least.
    """

    length: int
    grace_ms: int = field(converter=_bearable)
    max_age_ms: int | None = None
    max_lookups: int | None = None

    def is_due(self, age_ms: int, lookups: int) -> bool:
        """Whether a pepper of this age and use is to be replaced."""
        if age_ms < PEPPER_MIN_MS:
            return False
        if self.max_age_ms is not None:
            return age_ms >= self.max_age_ms
        return self.max_lookups is not None and lookups >= self.max_lookups
