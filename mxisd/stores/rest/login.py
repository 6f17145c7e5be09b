"""Passwords that a back end judges."""

from collections.abc import Mapping
from typing import Any

from attrs import frozen
from zope.interface import implementer

from mxisd.interfaces import IAuthenticator
from mxisd.model.identifiers import UserId
from mxisd.model.login import Accepted, NoSuchUser, Refused, Verdict
from mxisd.model.profiles import Profile
from mxisd.model.secret import Secret
from mxisd.stores.rest import wire
from mxisd.stores.rest.endpoint import Endpoint


@implementer(IAuthenticator)
@frozen
class RestAuthenticator:
    """
    Shows passwords to a back end.

    :ivar domain: The server name of our users; nobody else's are asked about.
    """

    endpoint: Endpoint
    domain: str

    async def authenticate(self, user_id: UserId, password: Secret) -> Verdict:
        """Judge a password by ``success``, and by nothing else."""
        if not password:
            return Refused()
        if user_id.server_name != self.domain or not wire.is_unicode(password.value):
            return NoSuchUser()
        answer = (await self.endpoint.ask(_question(user_id, password))).get("auth")
        if not isinstance(answer, dict) or not isinstance(answer.get("success"), bool):
            raise self.endpoint.failed("the answer has no auth.success, true or false")
        if answer["success"]:
            return self._accepted(user_id, answer)
        return Refused() if answer.get("known") is True else NoSuchUser()

    def _accepted(self, user_id: UserId, answer: Mapping[str, Any]) -> Accepted:
        known = self._owner(user_id, answer)
        if known is None:
            raise self.endpoint.failed("it accepted a login of nobody: auth.id is bad")
        profile = answer.get("profile")
        if not isinstance(profile, dict):
            return Accepted(known)
        name = wire.name(profile.get("display_name"))
        threepids = self.endpoint.threepids(profile.get("three_pids"))
        return Accepted(known, Profile(name, threepids))

    def _owner(self, user_id: UserId, answer: Mapping[str, Any]) -> UserId | None:
        if answer.get("id") is None:
            return UserId(user_id.localpart.lower(), user_id.server_name)
        return wire.user_id(answer["id"], self.domain)


def _question(user_id: UserId, password: Secret) -> Mapping[str, Any]:
    return {
        "auth": {
            "mxid": str(user_id),
            "localpart": user_id.localpart,
            "domain": user_id.server_name,
            "password": password.value,
        }
    }
