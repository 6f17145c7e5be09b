"""Validation sessions of other servers."""

from typing import Any

from mxisd.importing.values import Circumstances, LeftOut, digest, text
from mxisd.model.secret import Secret
from mxisd.model.sessions import ValidationSession
from mxisd.model.threepids import ThreePid


def session(
    circumstances: Circumstances,
    *,
    sid: str,
    threepid: ThreePid,
    client_secret: Any,
    token: Any,
    changed_ms: int,
    send_attempt: int | None,
    is_validated: Any,
    next_link: Any = None,
) -> ValidationSession:
    """
    Read a session.

    :raise LeftOut: If its time is over, or something cannot be read.
    """
    # A clock that was ahead must not make it live longer.
    changed_ms = min(changed_ms, circumstances.now_ms)
    found = ValidationSession(
        sid=sid,
        threepid=threepid,
        secret_digest=digest(client_secret),
        token=Secret(text(token)),
        changed_ms=changed_ms,
        send_attempt=send_attempt,
        next_link=circumstances.next_link(next_link),
        validated_ms=changed_ms if is_validated else None,
    )
    if found.is_expired(circumstances.now_ms):
        raise LeftOut("the session's time is over")
    return found
