"""What operators see of our own tables, and change in them."""

from collections.abc import Awaitable

from zope.interface import Interface

from mxisd.model.associations import Association
from mxisd.model.identifiers import UserId
from mxisd.model.overviews import InviteOverview, Page, Wanted
from mxisd.model.sessions import ValidationSession


class IOverviews(Interface):
    """Pages of our own tables, for operators."""

    def bindings(wanted: Wanted) -> Awaitable[Page[Association]]:
        """Who published what, in the order of the addresses."""

    def sessions(wanted: Wanted) -> Awaitable[Page[ValidationSession]]:
        """Validation sessions, the last one that changed first."""

    def invites(wanted: Wanted) -> Awaitable[Page[InviteOverview]]:
        """Invites, the newest first."""

    def deliveries(wanted: Wanted) -> Awaitable[Page[InviteOverview]]:
        """The invites that homeservers are told of, or were, the newest first."""

    def invite(token: str) -> InviteOverview | None:
        """An invite, and what was done about it, at once."""


class IInterventions(Interface):
    """What operators change by hand; each tells whether there was such a thing."""

    def revoke_invite(token: str, owner: UserId | None, now_ms: int) -> Awaitable[bool]:
        """
        End a pending invite.

        :param owner: To whom it is delivered instead, if to anybody.
        """

    def resend_message(token: str, now_ms: int) -> Awaitable[bool]:
        """Have the message of a pending invite sent again."""

    def resend_delivery(token: str, now_ms: int) -> Awaitable[bool]:
        """Have a delivery tried again, whatever became of it."""

    def revoke_delivery(token: str, now_ms: int) -> Awaitable[bool]:
        """Try a delivery no more that is still tried."""

    def close_session(sid: str) -> Awaitable[bool]:
        """Forget a session, whoever still has its token."""
