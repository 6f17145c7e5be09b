"""What a back end says about a user."""

from collections.abc import Mapping
from typing import Any

from attrs import frozen
from zope.interface import implementer

from mxisd.drivers.http.json_client import all_of
from mxisd.interfaces import IProfile
from mxisd.model.identifiers import UserId
from mxisd.model.profiles import Profile
from mxisd.model.threepids import ThreePid
from mxisd.stores.rest import wire
from mxisd.stores.rest.endpoint import Endpoint

_NOTHING: Mapping[str, Any] = {}


@implementer(IProfile)
@frozen(kw_only=True)
class RestProfile:
    """
    Asks for the parts of a profile at once; ``None`` for a part that is off.

    :ivar domain: The server name of our users; nobody else's are asked about.
    """

    domain: str
    display_name: Endpoint | None
    threepids: Endpoint | None
    roles: Endpoint | None

    async def profile(self, user_id: UserId) -> Profile | None:
        """Join the parts; of whom nothing is told, nothing is known."""
        if user_id.server_name != self.domain:
            return None
        name, threepids, roles = await all_of(
            [_part(endpoint, user_id) for endpoint in self.endpoints]
        )
        found = Profile(
            wire.name(name.get("display_name")),
            self._read(threepids.get("threepids")),
            self._roles(roles.get("roles")),
        )
        return None if found == Profile() else found

    @property
    def endpoints(self) -> tuple[Endpoint | None, ...]:
        """All three."""
        return (self.display_name, self.threepids, self.roles)

    def _read(self, value: Any) -> frozenset[ThreePid]:
        if self.threepids is None or wire.is_nothing(value):
            return frozenset()
        if not isinstance(value, list):
            raise self.threepids.failed("in the answer, threepids is no list")
        return self.threepids.threepids(value)

    def _roles(self, value: Any) -> frozenset[str]:
        if self.roles is None or wire.is_nothing(value):
            return frozenset()
        if not isinstance(value, list) or not all(isinstance(r, str) for r in value):
            # Leaving one out would refuse somebody who has it.
            raise self.roles.failed("in the answer, roles is no list of texts")
        return frozenset(filter(str.strip, value))


async def _part(endpoint: Endpoint | None, user_id: UserId) -> Mapping[str, Any]:
    if endpoint is None:
        return _NOTHING
    answer = await endpoint.find(
        {
            "localpart": user_id.localpart,
            "domain": user_id.server_name,
            "mxid": str(user_id),
        }
    )
    part = None if answer is None else answer.get("profile")
    if wire.is_nothing(part):
        return _NOTHING
    if not isinstance(part, dict):
        raise endpoint.failed("in the answer, profile is no object")
    return part
