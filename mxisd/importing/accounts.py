"""Account tokens of other servers."""

from typing import Any

from mxisd.importing.values import Circumstances, digest
from mxisd.model.identifiers import UserId
from mxisd.ports import AccountRecord


def account(
    circumstances: Circumstances,
    *,
    token: Any,
    owner: UserId,
    expires_ms: int | None = None,
) -> AccountRecord:
    """
    Read a token, which lives no longer than ours.

    :param expires_ms: When it ends; ``None``: never.
    :raise LeftOut: If its owner could not register here.
    """
    circumstances.check_user(owner)
    longest_ms = circumstances.now_ms + circumstances.token_life_ms
    ends_ms = longest_ms if expires_ms is None else min(expires_ms, longest_ms)
    return AccountRecord(digest(token), owner, ends_ms)
