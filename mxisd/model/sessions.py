# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""
Validation sessions: how somebody proves that an address is theirs.

Rules alone: records keep the sessions, ``features.validation`` sends the messages.

Source: Identity Service API v1.19, "Establishing associations".
"""

import hashlib
import hmac

from attrs import evolve, frozen

from mxisd.model.secret import Secret
from mxisd.model.threepids import ThreePid

LIFE_MS = 24 * 3600 * 1000
"""How long a session lives after its last change: its creation or its validation."""

KEPT_MS = 5 * LIFE_MS
"""How long it is remembered, so that late comers learn that it is over."""

MAX_WRONG_TOKENS = 5
"""Six digits can be guessed; so many wrong ones close a session."""


@frozen(kw_only=True)
class ValidationSession:
    """
    A session.

    :ivar secret_digest: Of the client secret, which itself is not kept.
    :ivar token: What the message says; a repeated message says the same.
    :ivar changed_ms: When it was created, or validated.
    :ivar send_attempt: The last one whose message was handed over.
    :ivar next_link: Where to lead who opened the link; see ``model.next_links``.
    :ivar validated_ms: When the token was given back; ``None`` before.
    """

    sid: str
    threepid: ThreePid
    secret_digest: bytes
    token: Secret
    changed_ms: int
    send_attempt: int | None = None
    next_link: str | None = None
    wrong_tokens: int = 0
    validated_ms: int | None = None

    def is_of(self, client_secret: Secret) -> bool:
        """Whether this is the client that asked for the session; in constant time."""
        return hmac.compare_digest(self.secret_digest, digest_of(client_secret))

    def is_expired(self, now_ms: int) -> bool:
        """Whether its time is over."""
        return now_ms - self.changed_ms >= LIFE_MS

    @property
    def is_validated(self) -> bool:
        """Whether the address has been proved."""
        return self.validated_ms is not None

    @property
    def is_closed(self) -> bool:
        """Whether it saw too many wrong tokens."""
        return self.wrong_tokens >= MAX_WRONG_TOKENS


def digest_of(client_secret: Secret) -> bytes:
    """What is kept of a client secret."""
    return hashlib.sha256(client_secret.value.encode("utf-8", "surrogatepass")).digest()


# --- Asking for a token ---------------------------------------------------------------


@frozen
class Send:
    """
    A message is due.

    :ivar session: To be recorded when the message was handed over, not before: else a
        repeated attempt would find nothing to do.
    """

    session: ValidationSession


@frozen
class AlreadySent:
    """The message of this attempt, or of a later one, is on its way."""


def may_continue(session: ValidationSession, now_ms: int) -> bool:
    """Whether a new request goes on with a session; otherwise it starts another one."""
    is_over = session.is_validated or session.is_closed or session.is_expired(now_ms)
    return not is_over


def on_request(
    session: ValidationSession, send_attempt: int, next_link: str | None
) -> Send | AlreadySent:
    """
    Judge a request for a token.

    :param session: A fresh one, or one that may be continued.
    :param next_link: Of this request; the newest message decides.
    """
    if session.send_attempt is not None and send_attempt <= session.send_attempt:
        return AlreadySent()
    return Send(evolve(session, send_attempt=send_attempt, next_link=next_link))


# --- Giving the token back ------------------------------------------------------------


@frozen
class Validated:
    """
    The address is proved, now or before.

    :ivar session: To be recorded.
    """

    session: ValidationSession


@frozen
class WrongToken:
    """
    The token is not the one of the message.

    :ivar session: To be recorded, since it counts as a try.
    """

    session: ValidationSession


@frozen
class Expired:
    """The session's time is over."""


@frozen
class NoSession:
    """There is no such session, or none any more, or it is somebody else's."""


Standing = ValidationSession | Expired | NoSession
TokenOutcome = Validated | WrongToken | Expired | NoSession


def standing(
    session: ValidationSession | None, client_secret: Secret, now_ms: int
) -> Standing:
    """
    Tell whether a client can go on with a session.

    :param session: What was found under the client's session ID.
    :return: The session if so. A wrong client secret looks like an unknown session.
    """
    if session is None or not session.is_of(client_secret):
        return NoSession()
    if session.is_closed and not session.is_validated:
        return NoSession()
    return Expired() if session.is_expired(now_ms) else session


def on_token(
    session: ValidationSession | None, client_secret: Secret, token: Secret, now_ms: int
) -> TokenOutcome:
    """
    Judge a token that is given back.

    The right token is right again and again, and changes nothing but the first time: a
    link may be opened twice, or be opened by a mail scanner first.

    :param session: What was found under the client's session ID.
    :param now_ms: Milliseconds since the epoch.
    """
    found = standing(session, client_secret, now_ms)
    if not isinstance(found, ValidationSession):
        return found
    if _is_same(found.token, token):
        return Validated(found if found.is_validated else _validated(found, now_ms))
    tried = found.wrong_tokens + (0 if found.is_validated else 1)
    return WrongToken(evolve(found, wrong_tokens=tried))


def _validated(session: ValidationSession, now_ms: int) -> ValidationSession:
    return evolve(session, validated_ms=now_ms, changed_ms=now_ms)


def _is_same(expected: Secret, given: Secret) -> bool:
    # People copy blanks along, and write "123 456".
    text = "".join(given.value.split())
    return hmac.compare_digest(
        expected.value.encode(), text.encode("utf-8", "surrogatepass")
    )
