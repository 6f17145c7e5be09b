"""The configuration of invitations."""

from enum import Enum

from attrs import frozen

from mxisd.config.checks import optional, positive
from mxisd.model.identifiers import IllegalIdentifier, ServerName, UserId
from mxisd.model.settings import Duration, option
from mxisd.model.web_clients import IllegalWebClient, WebClient


class Period(Enum):
    """A unit of time."""

    SECONDS = "seconds"
    MINUTES = "minutes"
    HOURS = "hours"
    DAYS = "days"

    @property
    def in_seconds(self) -> int:
        """How long it is."""
        return {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}[self.value]


def _user_id(value: str | None) -> None:
    try:
        UserId.parse(value or "@a:b")
    except IllegalIdentifier as error:
        raise ValueError("must be a user ID such as @nobody:example.org") from error


def _user_ids(value: tuple[str, ...]) -> None:
    for each in value:
        _user_id(each)


def _server_names(value: tuple[str, ...]) -> None:
    for each in value:
        try:
            ServerName.parse(each)
        except IllegalIdentifier as error:
            raise ValueError("a list of server names such as example.org") from error


def _roles(value: tuple[str, ...]) -> None:
    # Nobody has a blank role, and then nobody could invite.
    if not all(each.strip() for each in value):
        raise ValueError("a list of names of roles")


def _web_client(value: str) -> None:
    WebClient.parse(value)


def _web_clients(value: tuple[str, ...]) -> None:
    for each in value:
        try:
            WebClient.named(each)
        except IllegalWebClient as error:
            raise ValueError(
                "a list of URLs such as https://app.example.org, without ? and #"
            ) from error


@frozen(kw_only=True)
class ExpirationSection:
    """Invites that nobody came for."""

    enabled: bool = option("Whether invites expire.", True)
    after: int = option("After how many minutes.", 10080, check=positive)
    resolve_to: str | None = option(
        "The user to whom expired invites are delivered, to refuse them; without one "
        "they only end here.",
        None,
        check=_user_id,
    )


@frozen(kw_only=True)
class ResolutionSection:
    """Finding out whose the address of an invite is."""

    recursive: bool = option("Whether other servers are asked, too.", True)
    timer: int = option(
        "How often all pending invites are looked up, in ``period``.",
        5,
        check=positive,
    )
    period: Period = option("The unit of ``timer``.", Period.MINUTES)


@frozen(kw_only=True)
class BlockedSection:
    """Whose invites are refused."""

    homeservers: tuple[str, ...] = option(
        "Server names whose users may not invite.", (), check=_server_names
    )
    senders: tuple[str, ...] = option(
        "User IDs who may not invite.", (), check=_user_ids
    )
    rooms: tuple[str, ...] = option("IDs of rooms to which nobody is invited.", ())


@frozen(kw_only=True)
class IfSenderSection:
    """What a sender must be."""

    has_role: tuple[str, ...] = option(
        "Roles, as the stores name them; a sender needs one of them. Empty: everybody "
        "may invite.",
        (),
        check=_roles,
    )


@frozen(kw_only=True)
class PolicySection:
    """Who may invite."""

    if_sender: IfSenderSection = option("What a sender must be.", IfSenderSection)


@frozen(kw_only=True)
class InviteSection:
    """Invitations of people of whom only an address is known."""

    accept_known: bool = option(
        "Whether an invite of somebody who is known, yet not by hash, is taken and "
        "delivered at once; if not, it is refused.",
        True,
    )
    full_display_name: bool = option(
        "Whether everybody in the room sees the whole address.", False
    )
    web_client: str | None = option(
        "The web client to which the links in messages lead.",
        None,
        default_note="what the inviter's homeserver says",
        check=optional(_web_client),
    )
    allowed_web_clients: tuple[str, ...] = option(
        "Clients of other homeservers that may know what it takes to accept an invite: "
        "URLs, or hosts alone. To any other one, a homeserver may lead people, but "
        "without that.",
        (),
        check=_web_clients,
    )
    expiration: ExpirationSection = option("Expiration.", ExpirationSection)
    keep_ended: Duration | None = option(
        "How long it is remembered who was invited, after an invite has ended and its "
        "delivery, too.",
        None,
        default_note="for ever",
        check=optional(positive),
    )
    resolution: ResolutionSection = option("Resolution.", ResolutionSection)
    policy: PolicySection = option("Who may invite.", PolicySection)
    blocked: BlockedSection = option("Block lists.", BlockedSection)
