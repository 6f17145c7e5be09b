"""Doubles around invites."""

from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mxisd.errors import HomeserverUnavailable
from mxisd.features.invite_links import InviteLinks, LinkAddresses
from mxisd.interfaces import IProfile
from mxisd.model.identifiers import ServerName, UserId
from mxisd.model.profiles import Profile
from mxisd.model.web_clients import WebClient, WebClients
from mxisd.ports import IOnBind, IRandom
from mxisd.records.invite_links import InviteLinkRecords
from tests.features.doubles import CountingRandom


@implementer(IOnBind)
@define(eq=False)
class TalkingHomeservers:
    """
    Homeservers that answer as the test says.

    :ivar statuses: By server name; 200 without one, 0 for one that is down.
    :ivar told: What they were told, in order.
    :ivar trouble: What is raised instead of any answer.
    :ivar faulty: Servers whose answers we fail at.
    :ivar hanging: Servers that do not answer until ``held``, in order, is fired.
    """

    statuses: dict[str, int] = field(factory=dict)
    told: list[tuple[str, dict[str, Any]]] = field(factory=list)
    trouble: Exception | None = None
    faulty: set[str] = field(factory=set)
    hanging: set[str] = field(factory=set)
    held: "list[Deferred[None]]" = field(factory=list)

    async def onbind(self, server_name: ServerName, content: dict[str, Any]) -> int:
        """Answer."""
        name = str(server_name)
        self.told.append((name, content))
        if name in self.hanging:
            self.held.append(Deferred())
            await self.held[-1]
        if name in self.faulty:
            raise ZeroDivisionError
        status = self.statuses.get(name, 200)
        if self.trouble is not None:
            raise self.trouble
        if not status:
            raise HomeserverUnavailable(f"{name} is down")
        return status


ADDRESSES = LinkAddresses(
    short="https://id.example.org/_matrix/identity/i",
    sign="https://id.example.org/_matrix/identity/api/v1/sign-ed25519",
    home="https://example.org",
)


def made_links(
    database: Any,
    clients: WebClients | None = None,
    warned: list[WebClient] | None = None,
    random: IRandom | None = None,
) -> InviteLinks:
    """
    The links of invites.

    :param warned: Gets the clients that the operator would be told of.
    """
    told = [] if warned is None else warned
    return InviteLinks(
        clients or WebClients(),
        ADDRESSES,
        InviteLinkRecords(database),
        random or CountingRandom(),
        told.append,
    )


@implementer(IProfile)
@define(eq=False)
class Roles:
    """
    A store that tells roles.

    :ivar roles: By user ID; nobody else is known.
    :ivar trouble: What is raised instead.
    :ivar asked: For whom somebody asked.
    """

    roles: dict[str, set[str]] = field(factory=dict)
    trouble: Exception | None = None
    asked: list[str] = field(factory=list)

    async def profile(self, user_id: UserId) -> Profile | None:
        """Tell."""
        self.asked.append(str(user_id))
        if self.trouble is not None:
            raise self.trouble
        if str(user_id) not in self.roles:
            return None
        return Profile(roles=frozenset(self.roles[str(user_id)]))
