"""Questions to homeservers: so far, whose OpenID token this is."""

from urllib.parse import quote

from attrs import define
from twisted.logger import Logger
from zope.interface import implementer

from mxisd.drivers.http import HttpReply
from mxisd.errors import HomeserverRejectedToken, HomeserverUnavailable
from mxisd.model.identifiers import ServerName
from mxisd.model.secret import Secret
from mxisd.ports import IHomeserver
from mxisd.remote.client import BadAnswer, json_object
from mxisd.remote.federation import Federation, NotReached, Way

USERINFO = "/_matrix/federation/v1/openid/userinfo"
USERINFO_LIMIT_BYTES = 5 << 10
ATTEMPT_SECONDS = 6
TOTAL_SECONDS = 10

REFUSALS = frozenset({"M_UNKNOWN_TOKEN", "M_FORBIDDEN"})

log = Logger()


def openid_subject(reply: HttpReply) -> str:
    """
    The user to whom a homeserver says that a token belongs.

    :raise HomeserverRejectedToken: If it says that it does not know the token.
    :raise BadAnswer: If it says anything else.
    """
    if reply.status == 401 or (
        400 <= reply.status < 500 and _errcode(reply) in REFUSALS
    ):
        raise HomeserverRejectedToken("The homeserver does not know this token.")
    if reply.status != 200:
        raise BadAnswer(f"HTTP {reply.status}")
    subject = json_object(reply).get("sub")
    if not isinstance(subject, str):
        raise BadAnswer("sub is not there, or not a text")
    return subject


def _errcode(reply: HttpReply) -> object:
    try:
        code = json_object(reply).get("errcode")
    except BadAnswer:
        return None
    return code if isinstance(code, str) else None


@implementer(IHomeserver)
@define(eq=False)
class Homeservers:
    """Asks homeservers, wherever they are."""

    _federation: Federation

    async def openid_user(self, server_name: ServerName, token: Secret) -> str:
        """Ask a homeserver whose OpenID token this is; ten seconds at most."""
        path = f"{USERINFO}?access_token={_quoted(token)}"

        async def ask(way: Way) -> str:
            reply = await way.request(
                "GET", path, limit_bytes=USERINFO_LIMIT_BYTES, seconds=ATTEMPT_SECONDS
            )
            return openid_subject(reply)

        try:
            return await self._federation.reach(server_name, ask, TOTAL_SECONDS)
        except NotReached as error:
            log.warn(
                "Homeserver {server_name} could not be asked for the owner of an "
                "OpenID token: {trail}",
                server_name=str(server_name),
                trail=str(error),
            )
            raise HomeserverUnavailable(f"{server_name} could not be asked") from error


def _quoted(token: Secret) -> str:
    try:
        return quote(token.value, safe="")
    except UnicodeEncodeError:
        # Without the cause: it holds the token.
        message = "No homeserver makes such a token."
        raise HomeserverRejectedToken(message) from None
