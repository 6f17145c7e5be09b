# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""The domain's exceptions; ``web/errors.py`` maps each to its HTTP answer."""

import enum
from collections.abc import Sequence
from typing import Self

from attrs import evolve, frozen


class MxisdError(Exception):
    """Everything that this server raises on purpose."""


# --- The caller's fault ---------------------------------------------------------------


class RequestRefused(MxisdError):
    """A request that is answered with an error; the message is for the caller."""


class NotJson(RequestRefused):
    """The body is no JSON at all."""


class BadJson(RequestRefused):
    """The body is JSON of the wrong shape."""


class MissingParams(RequestRefused):
    """A required parameter is absent."""


class InvalidParam(RequestRefused):
    """A parameter is there, and wrong."""


class InvalidPepper(RequestRefused):
    """A lookup with a pepper that is no longer, or was never, ours."""

    def __init__(self, algorithm: str, pepper: str) -> None:
        """Name the current algorithm and pepper, so that the client can hash again."""
        super().__init__(
            "The pepper is not current; hash again with the one given here."
        )
        self.algorithm = algorithm
        self.pepper = pepper


class TooManyAddresses(RequestRefused):
    """More addresses than one lookup may ask for."""


class Unauthorized(RequestRefused):
    """The access token is missing or unknown."""


class Forbidden(RequestRefused):
    """The caller is known, and may not do this."""


class NotYourAccount(RequestRefused):
    """The account token is somebody else's than the request is about."""


class HomeserverRejectedToken(RequestRefused):
    """The homeserver does not know the OpenID token that a client showed us."""


class TermsNotSigned(RequestRefused):
    """Terms of service are outstanding."""


class UnknownTerms(RequestRefused):
    """A URL was accepted that is no document of ours."""


class InvalidEmail(RequestRefused):
    """No e-mail address that a message could be sent to."""


class InvalidPhone(RequestRefused):
    """No phone number that a message could be sent to."""


class UnknownMedium(RequestRefused):
    """Nobody can be reached by this medium here."""


class DestinationRejected(RequestRefused):
    """The operator sends no messages to that country."""


class NoValidSession(RequestRefused):
    """There is no such session, or it is another client's: the two look alike."""


class SessionExpired(RequestRefused):
    """The session's day is over."""


class SessionNotValidated(RequestRefused):
    """Nobody has given the session's token back yet."""


class TokenIncorrect(RequestRefused):
    """The token is not the one that was sent."""


class SenderMismatch(RequestRefused):
    """Somebody asks in another user's name."""


class ThreePidInUse(RequestRefused):
    """
    The address of an invite is somebody's already.

    :ivar user_id: Whose.
    """

    def __init__(self, user_id: str) -> None:
        """Name the owner, so that a homeserver can invite them."""
        super().__init__("This address belongs to a user already.")
        self.user_id = user_id


class UnknownInvite(RequestRefused):
    """There is no such pending invite, or the key is not its own."""


class LimitExceeded(RequestRefused):
    """
    Too much at once.

    :ivar retry_after: The seconds until it is worth another try.
    """

    def __init__(
        self, retry_after: float, text: str = "Too many requests; try again later."
    ) -> None:
        """Say of what, and when to come back."""
        super().__init__(text)
        self.retry_after = retry_after


class NotFound(RequestRefused):
    """The thing asked for does not exist."""


class UnknownEndpoint(RequestRefused):
    """No such path."""


class NotServed(RequestRefused):
    """The operator offers no such thing; asking again, or otherwise, is of no use."""


class MethodNotAllowed(RequestRefused):
    """The path exists, the method does not."""


class BodyTooLarge(RequestRefused):
    """The body is over the route's limit."""


# --- Something could not be asked -----------------------------------------------------


class Unavailable(MxisdError):
    """Somebody we depend on did not answer; this is never "absent" and never "no"."""


class StoreUnavailable(Unavailable):
    """An identity store could not answer."""


class Misconfigured(StoreUnavailable):
    """
    A part of a store cannot work as it is configured; its other parts may.

    A query with a typing error is an example: nobody finds out before it is asked.

    :ivar path: The key to mend, relative to the store's section.
    :ivar problem: What is wrong; no secret and no address in it.
    :ivar is_whole: Whether no part works: the back end does not let us in.
    """

    def __init__(self, path: str, problem: str, *, is_whole: bool = False) -> None:
        """Name the key."""
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem
        self.is_whole = is_whole

    @property
    def as_problem(self) -> "Problem":
        """The same for a self-check."""
        return Problem(self.path, self.problem)


class RecordsUnavailable(Unavailable):
    """Our own tables could not be read or written."""


class HomeserverUnavailable(Unavailable):
    """A homeserver could not be reached, or answered nonsense."""


class MessageNotSent(Unavailable):
    """A message could not be handed over; no address and no token is in the text."""


class MessageRefused(MessageNotSent):
    """The message, or its recipient, was refused for good: another try is in vain."""


class SenderUnavailable(MessageNotSent):
    """Who carries messages does not do it now, or not for us: others have to wait."""


class TextNotSent(MessageNotSent):
    """The message was for a phone."""


class TextRefused(TextNotSent):
    """The message was for a phone, and refused for good."""


class Crowded(Unavailable):
    """There is no room for another question to others right now."""


class DeadlineExceeded(Unavailable):
    """An answer did not come in time."""


# --- The operator's fault -------------------------------------------------------------


class Weight(enum.Enum):
    """How bad a thing is that a check has found."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@frozen
class Problem:
    """
    One thing wrong with the configuration.

    :ivar path: The key, dotted (``ldap.connection.host``), relative to whoever reports.
    :ivar text: What is wrong and how to mend it.
    :ivar line: The line in the file, where known.
    :ivar weight: Of self-checks: whether it does not work, may not be as it is meant,
        or is only good to know.
    """

    path: str
    text: str
    line: int | None = None
    weight: Weight = Weight.ERROR

    def below(self, section: str) -> Self:
        """The same, as whoever has the section around sees it."""
        return evolve(self, path=".".join(filter(None, (section, self.path))))


@frozen
class UnknownKey(Problem):
    """A key that nobody reads: wrong even in a section that is switched off."""


class ConfigError(MxisdError):
    """The configuration is wrong; carries every problem found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """
        Report problems.

        :param problems: At least one.
        """
        super().__init__("; ".join(f"{p.path}: {p.text}" for p in problems))
        self.problems = tuple(problems)

    def below(self, section: str) -> "ConfigError":
        """The same, as whoever has the section around sees it."""
        return ConfigError([each.below(section) for each in self.problems])

    @classmethod
    def at(cls, path: str, text: str) -> "ConfigError":
        """One problem at one key; a plug-in gives the path relative to its section."""
        return cls([Problem(path, text)])
