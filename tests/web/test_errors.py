"""Failures into replies."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mxisd import errors
from mxisd.web.errors import ANSWERS, Refusals, answer_to, refused
from tests.features.doubles import CountingRandom

# From the specification and design notes, independently of the table.
EXPECTED = {
    errors.NotJson: (400, "M_NOT_JSON"),
    errors.BadJson: (400, "M_BAD_JSON"),
    errors.MissingParams: (400, "M_MISSING_PARAMS"),
    errors.InvalidParam: (400, "M_INVALID_PARAM"),
    errors.InvalidPepper: (400, "M_INVALID_PEPPER"),
    errors.TooManyAddresses: (400, "M_TOO_LARGE"),
    errors.Unauthorized: (401, "M_UNAUTHORIZED"),
    errors.NotYourAccount: (403, "M_UNAUTHORIZED"),
    errors.HomeserverRejectedToken: (401, "M_UNAUTHORIZED"),
    errors.Forbidden: (403, "M_FORBIDDEN"),
    errors.TermsNotSigned: (403, "M_TERMS_NOT_SIGNED"),
    errors.UnknownTerms: (400, "M_UNKNOWN"),
    errors.InvalidEmail: (400, "M_INVALID_EMAIL"),
    errors.InvalidPhone: (400, "M_INVALID_ADDRESS"),
    errors.UnknownMedium: (400, "M_UNRECOGNIZED"),
    errors.DestinationRejected: (400, "M_DESTINATION_REJECTED"),
    errors.NoValidSession: (404, "M_NO_VALID_SESSION"),
    errors.SessionExpired: (400, "M_SESSION_EXPIRED"),
    errors.SessionNotValidated: (400, "M_SESSION_NOT_VALIDATED"),
    errors.TokenIncorrect: (400, "M_TOKEN_INCORRECT"),
    errors.LimitExceeded: (429, "M_LIMIT_EXCEEDED"),
    errors.TextNotSent: (400, "M_SEND_ERROR"),
    errors.TextRefused: (400, "M_SEND_ERROR"),
    errors.NotFound: (404, "M_NOT_FOUND"),
    errors.UnknownEndpoint: (404, "M_UNRECOGNIZED"),
    errors.MethodNotAllowed: (405, "M_UNRECOGNIZED"),
    errors.BodyTooLarge: (413, "M_TOO_LARGE"),
    errors.StoreUnavailable: (503, "M_UNKNOWN"),
    errors.RecordsUnavailable: (503, "M_UNKNOWN"),
    errors.DeadlineExceeded: (503, "M_UNKNOWN"),
    errors.MessageNotSent: (400, "M_EMAIL_SEND_ERROR"),
    errors.SenderUnavailable: (400, "M_EMAIL_SEND_ERROR"),
    errors.MessageRefused: (400, "M_EMAIL_SEND_ERROR"),
    errors.HomeserverUnavailable: (502, "M_UNKNOWN"),
    CancelledError: (503, "M_UNKNOWN"),
    ZeroDivisionError: (500, "M_UNKNOWN"),
}


def family(root: type[BaseException]) -> Iterator[type[BaseException]]:
    """A class of ours and all its descendants."""
    if root.__module__ == errors.__name__:
        yield root
    for child in root.__subclasses__():
        yield from family(child)


def content_of(reply: Any) -> Any:
    """The JSON of a reply."""
    return json.loads(reply.body)


class TableTests(SynchronousTestCase):
    """The table of answers."""

    def test_every_error_of_ours_has_an_answer(self) -> None:
        """A new error class makes its author decide how it is answered."""
        self.assertEqual([e for e in family(errors.MxisdError) if e not in ANSWERS], [])

    def test_answers_are_as_specified(self) -> None:
        """Each error has the status and the code that the specification wants."""
        found = {e: (answer_to(e(*_arguments(e))).status, _code(e)) for e in EXPECTED}
        self.assertEqual(found, EXPECTED)

    def test_a_plug_ins_own_error_follows_its_family(self) -> None:
        """What derives from one of ours is answered like it."""

        class TooCold(errors.StoreUnavailable):
            pass

        self.assertEqual(refused(TooCold("brr")).status, 503)

    def test_a_wrong_pepper_comes_with_the_right_one(self) -> None:
        """The client can hash again without asking."""
        content = content_of(refused(errors.InvalidPepper("sha256", "fresh")))
        self.assertEqual(content["algorithm"], "sha256")
        self.assertEqual(content["lookup_pepper"], "fresh")

    def test_who_was_too_fast_learns_when_to_come_back(self) -> None:
        """In whole seconds in the header, in milliseconds for older clients."""
        reply = refused(errors.LimitExceeded(1.0001))
        self.assertEqual(reply.headers, ((b"Retry-After", b"2"),))
        self.assertEqual(content_of(reply)["retry_after_ms"], 1001)

    def test_errors_say_something_even_if_their_raiser_did_not(self) -> None:
        """Both keys are there, and filled."""
        self.assertTrue(content_of(refused(errors.Forbidden()))["error"])


ARGUMENTS: Mapping[type[BaseException], tuple[Any, ...]] = {
    errors.InvalidPepper: ("sha256", "p"),
    errors.LimitExceeded: (1.5,),
}


def _arguments(error: type[BaseException]) -> tuple[Any, ...]:
    return ARGUMENTS.get(error, ("text",))


def _code(error: type[BaseException]) -> str:
    return str(content_of(refused(error(*_arguments(error))))["errcode"])


class RefusalsTests(SynchronousTestCase):
    """What is said, and what is logged."""

    def reply(self, error: Exception) -> Any:
        """Answer a failure."""
        refusals = Refusals(CountingRandom())
        return content_of(refusals.reply(Failure(error), b"GET", b"/path"))

    def test_an_unknown_failure_is_logged_and_not_told(self) -> None:
        """The client reads an identifier, the operator reads the rest under it."""
        content = self.reply(ZeroDivisionError("secret detail"))
        self.assertEqual(content["errcode"], "M_UNKNOWN")
        self.assertEqual(content["request_id"], "000000000001")
        self.assertNotIn("secret detail", str(content))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_what_is_unavailable_keeps_its_details_to_itself(self) -> None:
        """Names of our stores are nobody's business."""
        content = self.reply(errors.StoreUnavailable("ldap.internal is down"))
        self.assertNotIn("internal", str(content))

    def test_a_refusal_is_told_in_its_own_words(self) -> None:
        """The message was written for the caller."""
        self.assertEqual(self.reply(errors.Forbidden("Not you."))["error"], "Not you.")
