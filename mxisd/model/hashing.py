# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""
Hashes and peppers of the v2 lookup.

Source: Identity Service API v1.19, "Security considerations of hashed lookup"; MSC2134.
"""

import hashlib
import re
from base64 import urlsafe_b64encode
from binascii import a2b_base64
from collections.abc import Mapping, Sequence

from attrs import field, frozen

SHA256 = "sha256"
NONE = "none"
ALGORITHMS = (SHA256, NONE)

HASH_LENGTH = 43
DIGEST_BYTES = 32

PEPPER_MIN_MS = 600_000
"""A pepper serves for ten minutes at least, and is answered for as long again."""

_HASH = re.compile(r"[0-9A-Za-z_/+-]{42}[AEIMQUYcgkosw048]")
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")


def lookup_digest(address: str, medium: str, pepper: str) -> bytes:
    """The 32 raw bytes of a lookup hash."""
    return hashlib.sha256(f"{address} {medium} {pepper}".encode()).digest()


def lookup_hash(address: str, medium: str, pepper: str) -> str:
    """The hash as clients send it: URL-safe base64 without padding, 43 characters."""
    digest = lookup_digest(address, medium, pepper)
    return urlsafe_b64encode(digest).decode().rstrip("=")


def digests_of(hashes: Sequence[str]) -> Mapping[str, bytes]:
    """
    The 32 bytes behind each lookup hash; malformed ones are left out.

    They are decoded in one go, and looked at one by one only if one is malformed.
    """
    try:
        return _decoded(hashes)
    except ValueError:
        return _decoded([text for text in hashes if _HASH.fullmatch(text)])


def _decoded(hashes: Sequence[str]) -> Mapping[str, bytes]:
    if any(len(text) != HASH_LENGTH for text in hashes):
        raise ValueError("a hash has 43 characters")
    # A 44th character for each makes them whole groups of base64: 33 bytes, of which
    # the last holds the two bits that must not be there, and nothing else.
    joined = ("A".join(hashes) + "A").encode("ascii") if hashes else b""
    decoded = a2b_base64(joined.translate(_TO_STANDARD), strict_mode=True)
    if any(decoded[DIGEST_BYTES :: DIGEST_BYTES + 1]):
        raise ValueError("a hash has 256 bits")
    starts = range(0, len(decoded), DIGEST_BYTES + 1)
    return {
        text: decoded[start : start + DIGEST_BYTES]
        for text, start in zip(hashes, starts, strict=True)
    }


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
