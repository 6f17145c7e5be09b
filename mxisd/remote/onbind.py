"""
Telling homeservers whose an address is.

Source: Server-Server API v1.19, "Third-party invites".
"""

import json
from typing import Any

from attrs import define
from twisted.logger import Logger
from zope.interface import implementer

from mxisd.errors import HomeserverUnavailable
from mxisd.model.identifiers import ServerName
from mxisd.ports import IOnBind
from mxisd.remote.federation import Federation, NotReached, Way

ONBIND = "/_matrix/federation/v1/3pid/onbind"
METHODS = ("POST", "PUT")
"""The specification says PUT; homeservers have POST."""

ABSENT = frozenset({404, 405})
ANSWER_LIMIT_BYTES = 64 << 10
ATTEMPT_SECONDS = 30
TOTAL_SECONDS = 60

log = Logger()


@implementer(IOnBind)
@define(eq=False)
class OnBind:
    """Tells homeservers, wherever they are."""

    _federation: Federation

    async def onbind(self, server_name: ServerName, content: dict[str, Any]) -> int:
        """Tell one; a minute at most."""
        body = json.dumps(content).encode("ascii")

        async def tell(way: Way) -> int:
            return await _told(way, body)

        try:
            # Being told twice does a homeserver no harm.
            return await self._federation.reach(server_name, tell, TOTAL_SECONDS)
        except NotReached as error:
            log.debug(
                "Homeserver {server_name} could not be told of a binding: {trail}",
                server_name=str(server_name),
                trail=str(error),
            )
            raise HomeserverUnavailable(
                f"{server_name} could not be told: {error}"
            ) from error


async def _told(way: Way, body: bytes) -> int:
    status = 404
    for method in METHODS:
        # No signature in a header: homeservers would look for keys that we do not have.
        reply = await way.request(
            method,
            ONBIND,
            limit_bytes=ANSWER_LIMIT_BYTES,
            seconds=ATTEMPT_SECONDS,
            headers={"Content-Type": "application/json"},
            body=body,
        )
        status = reply.status
        if status not in ABSENT:
            break
    return status
