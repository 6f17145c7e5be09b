"""One table: which failure is answered with which status and error code."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen
from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from twisted.python.failure import Failure

from mxisd import errors
from mxisd.ports import IRandom
from mxisd.web import invite_words, messages
from mxisd.web.exchange import Reply

REQUEST_ID_LENGTH = 12

HeaderLines = tuple[tuple[bytes, bytes], ...]

log = Logger()


def _no_extra(_error: Any) -> Mapping[str, Any]:
    return {}


def _hash_hints(error: errors.InvalidPepper) -> Mapping[str, Any]:
    return messages.hash_hints(error.algorithm, error.pepper)


def _unsuccessful(_error: Any) -> Mapping[str, Any]:
    return messages.UNSUCCESSFUL


def _retry_after_ms(error: errors.LimitExceeded) -> Mapping[str, Any]:
    return messages.retry_after_ms(error.retry_after)


def _owner(error: errors.ThreePidInUse) -> Mapping[str, Any]:
    return invite_words.owned_by(error.user_id)


def _no_headers(_error: Any) -> HeaderLines:
    return ()


def _retry_after(error: errors.LimitExceeded) -> HeaderLines:
    return ((b"Retry-After", b"%d" % math.ceil(error.retry_after)),)


@frozen
class Answer:
    """
    How a kind of failure is answered.

    :ivar text: What the caller reads; ``None``: the failure's own message, which was
        written for the caller.
    :ivar extra_keys: Further keys of the error object.
    :ivar headers: Further headers.
    """

    status: int
    errcode: str
    text: str | None = None
    extra_keys: Callable[[Any], Mapping[str, Any]] = _no_extra
    headers: Callable[[Any], HeaderLines] = _no_headers


UNKNOWN = Answer(500, "M_UNKNOWN", "Something went wrong here; it has been logged.")
LATER = Answer(503, "M_UNKNOWN", "This cannot be answered now; try again later.")
NOT_SENT = Answer(
    400, "M_EMAIL_SEND_ERROR", "The message could not be sent; try again later."
)
STOPPING = Answer(503, "M_UNKNOWN", "The request was given up; try again later.")
BAD_HOMESERVER = Answer(
    502, "M_UNKNOWN", "The homeserver could not be asked, or its answer is of no use."
)

# Looked up along a class's ancestors; the families catch what a plug-in adds.
ANSWERS: Mapping[type[BaseException], Answer] = {
    errors.MxisdError: UNKNOWN,
    errors.RequestRefused: Answer(400, "M_UNKNOWN"),
    errors.NotJson: Answer(400, "M_NOT_JSON"),
    errors.BadJson: Answer(400, "M_BAD_JSON"),
    errors.MissingParams: Answer(400, "M_MISSING_PARAMS"),
    errors.InvalidParam: Answer(400, "M_INVALID_PARAM"),
    errors.InvalidPepper: Answer(400, "M_INVALID_PEPPER", extra_keys=_hash_hints),
    errors.TooManyAddresses: Answer(400, "M_TOO_LARGE"),
    errors.Unauthorized: Answer(401, "M_UNAUTHORIZED"),
    errors.NotYourAccount: Answer(403, "M_UNAUTHORIZED"),
    errors.HomeserverRejectedToken: Answer(401, "M_UNAUTHORIZED"),
    errors.Forbidden: Answer(403, "M_FORBIDDEN"),
    errors.TermsNotSigned: Answer(403, "M_TERMS_NOT_SIGNED"),
    errors.UnknownTerms: Answer(400, "M_UNKNOWN"),
    errors.InvalidEmail: Answer(400, "M_INVALID_EMAIL"),
    errors.InvalidPhone: Answer(400, "M_INVALID_ADDRESS"),
    errors.UnknownMedium: Answer(400, "M_UNRECOGNIZED"),
    errors.DestinationRejected: Answer(400, "M_DESTINATION_REJECTED"),
    errors.NoValidSession: Answer(404, "M_NO_VALID_SESSION", extra_keys=_unsuccessful),
    errors.SessionExpired: Answer(400, "M_SESSION_EXPIRED", extra_keys=_unsuccessful),
    errors.SessionNotValidated: Answer(
        400, "M_SESSION_NOT_VALIDATED", extra_keys=_unsuccessful
    ),
    errors.TokenIncorrect: Answer(400, "M_TOKEN_INCORRECT", extra_keys=_unsuccessful),
    errors.SenderMismatch: Answer(403, "M_UNAUTHORIZED"),
    errors.ThreePidInUse: Answer(400, "M_THREEPID_IN_USE", extra_keys=_owner),
    errors.UnknownInvite: Answer(404, "M_UNRECOGNIZED"),
    errors.LimitExceeded: Answer(
        429, "M_LIMIT_EXCEEDED", extra_keys=_retry_after_ms, headers=_retry_after
    ),
    errors.NotFound: Answer(404, "M_NOT_FOUND"),
    errors.UnknownEndpoint: Answer(404, "M_UNRECOGNIZED"),
    errors.NotServed: Answer(404, "M_UNRECOGNIZED"),
    errors.MethodNotAllowed: Answer(405, "M_UNRECOGNIZED"),
    errors.BodyTooLarge: Answer(413, "M_TOO_LARGE"),
    errors.Unavailable: LATER,
    errors.StoreUnavailable: LATER,
    errors.Misconfigured: LATER,
    errors.RecordsUnavailable: LATER,
    errors.Crowded: LATER,
    errors.DeadlineExceeded: LATER,
    errors.MessageNotSent: NOT_SENT,
    errors.SenderUnavailable: NOT_SENT,
    errors.MessageRefused: Answer(
        400, "M_EMAIL_SEND_ERROR", "The message was refused: is the address right?"
    ),
    errors.TextNotSent: Answer(
        400, "M_SEND_ERROR", "The message could not be sent; try again later."
    ),
    errors.TextRefused: Answer(
        400, "M_SEND_ERROR", "The message was refused: is the number right?"
    ),
    errors.HomeserverUnavailable: BAD_HOMESERVER,
    errors.ConfigError: UNKNOWN,
    CancelledError: STOPPING,
}


def answer_to(error: BaseException) -> Answer:
    """The answer to a failure; whatever nobody foresaw is our own fault."""
    for ancestor in type(error).__mro__:
        if ancestor in ANSWERS:
            return ANSWERS[ancestor]
    return UNKNOWN


def refused(error: BaseException) -> Reply:
    """The reply to a failure that is not our own fault."""
    answer = answer_to(error)
    text = answer.text or str(error) or "The request was refused."
    extra, headers = answer.extra_keys(error), answer.headers(error)
    return messages.error(answer.status, answer.errcode, text, extra, headers)


class Refusals:
    """Turns failures into replies, and logs those that are our own fault."""

    def __init__(self, random: IRandom) -> None:
        self._random = random

    def reply(self, failure: Failure, method: bytes, path: bytes) -> Reply:
        """
        Answer a failure.

        :param path: Without the query string, since it gets into the log.
        """
        error = failure.value
        if error is None or (answer := answer_to(error)) is UNKNOWN:
            return self._unknown(failure, method, path)
        if answer.text is not None:
            log.debug(
                "{method} {path}: {reason}",
                method=method,
                path=path,
                reason=error,
            )
        return refused(error)

    def _unknown(self, failure: Failure, method: bytes, path: bytes) -> Reply:
        request_id = self._random.alphanumeric(REQUEST_ID_LENGTH)
        log.failure(
            "request {request_id} failed: {method} {path}",
            failure,
            request_id=request_id,
            method=method,
            path=path,
        )
        extra = messages.request_id(request_id)
        text = UNKNOWN.text or ""
        return messages.error(UNKNOWN.status, UNKNOWN.errcode, text, extra)
