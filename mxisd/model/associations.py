# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""
Signed statements that a 3PID belongs to a user.

Source: Identity Service API v1.19, "Establishing associations"; r0.3.0, "lookup".
"""

from typing import Any

from attrs import frozen

from mxisd.model.identifiers import UserId
from mxisd.model.threepids import ThreePid

LOOKUP_BACKDATED_MS = 60_000
LOOKUP_VALID_MS = 300_000
BOUND_VALID_MS = 100 * 365 * 24 * 3600 * 1000


@frozen
class Association:
    """
    "This 3PID belongs to that user", with the time in which it holds.

    :ivar ts_ms: When it was stated, in milliseconds since the epoch.
    """

    threepid: ThreePid
    user_id: UserId
    ts_ms: int
    not_before_ms: int
    not_after_ms: int

    @classmethod
    def looked_up(
        cls, threepid: ThreePid, user_id: UserId, now_ms: int
    ) -> "Association":
        """State what a store answered just now: valid for five minutes."""
        return cls(
            threepid,
            user_id,
            now_ms,
            now_ms - LOOKUP_BACKDATED_MS,
            now_ms + LOOKUP_VALID_MS,
        )

    @classmethod
    def bound(cls, threepid: ThreePid, user_id: UserId, now_ms: int) -> "Association":
        """State what a user just published: valid for a hundred years."""
        return cls(threepid, user_id, now_ms, now_ms, now_ms + BOUND_VALID_MS)

    def content(self, address: str | None = None) -> dict[str, Any]:
        """
        The JSON object that gets signed.

        :param address: The spelling to state, where the client's own is wanted.
        """
        return {
            "address": self.threepid.written if address is None else address,
            "medium": self.threepid.medium,
            "mxid": str(self.user_id),
            "not_after": self.not_after_ms,
            "not_before": self.not_before_ms,
            "ts": self.ts_ms,
        }
