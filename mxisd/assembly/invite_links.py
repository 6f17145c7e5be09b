"""The links of invites."""

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from mxisd.assembly.base import Base
from mxisd.config.invitations import InviteSection
from mxisd.config.sections import Config
from mxisd.features.invite_links import InviteLinks, LinkAddresses
from mxisd.model.web_clients import WebClient, WebClients
from mxisd.records.invite_links import InviteLinkRecords
from mxisd.web.rare_warnings import RareWarnings
from mxisd.web.routes import INVITE, V1

UNNAMED = (
    "a homeserver leads those whom its users invite to the web client {client}, which "
    "is neither invite.webClient nor in invite.allowedWebClients: they can go there, "
    "but not accept the invite by it; if you trust {address} with that, add {client} "
    "to invite.allowedWebClients"
)


def make_invite_links(base: Base) -> InviteLinks:
    """Make what leads people with an invite to web clients."""
    return InviteLinks(
        web_clients(base.config.invite),
        addresses(base.config),
        InviteLinkRecords(base.database),
        base.random,
        warn_of_unnamed(base.reactor),
    )


def addresses(config: Config) -> LinkAddresses:
    """What links are made of."""
    return LinkAddresses(
        short=f"{config.public_url}{INVITE}",
        sign=f"{config.public_url}{V1}/sign-ed25519",
        home=f"https://{config.matrix.domain}",
    )


def web_clients(section: InviteSection) -> WebClients:
    """The web clients that the operator named."""
    ours = section.web_client
    return WebClients(
        None if ours is None else WebClient.parse(ours),
        frozenset(map(WebClient.named, section.allowed_web_clients)),
    )


def warn_of_unnamed(clock: IReactorTime) -> Callable[[WebClient], None]:
    """Make what tells of clients that the operator did not name, now and then."""
    warnings = RareWarnings(clock)

    def warn(client: WebClient) -> None:
        warnings.warn(UNNAMED, client.host, client=str(client))

    return warn
