"""A homeserver that knows OpenID tokens, and has a key."""

import json
import time
from pathlib import Path
from typing import Any

from twisted.web.resource import Resource
from twisted.web.server import Request

from mxisd.model.signing import SigningKey
from tests.drivers.http.servers import QuietSite
from tests.tls import CertificateAuthority

USERINFO = b"/_matrix/federation/v1/openid/userinfo"
KEYS = b"/_matrix/key/v2/server"
KEY = SigningKey("fake", b"a homeserver that is not for real"[:32])
"""What every one of them signs with."""


class OpenIdResource(Resource):
    """
    Answers OpenID questions as Synapse does.

    :ivar asked: The requests so far.
    :ivar server_name: Whose keys it has; ``None``: it has none.
    """

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self._owners: dict[str, str] = {}
        self.asked: list[Request] = []
        self.server_name: str | None = None

    def add_token(self, token: str, user_id: str) -> None:
        """Know a token's owner from now on."""
        self._owners[token] = user_id

    def render_GET(self, request: Request) -> bytes:
        """Answer."""
        self.asked.append(request)
        request.setHeader("Content-Type", "application/json")
        status, content = self._answer(request)
        request.setResponseCode(status)
        return json.dumps(content).encode()

    def _answer(self, request: Request) -> tuple[int, dict[str, Any]]:
        if request.path == KEYS and self.server_name is not None:
            return 200, server_keys(self.server_name)
        if request.path != USERINFO:
            return 404, {"errcode": "M_UNRECOGNIZED", "error": "Unrecognized request"}
        tokens = (request.args or {}).get(b"access_token", [])
        owner = self._owners.get(tokens[0].decode()) if tokens else None
        if owner is None:
            return 401, {"errcode": "M_UNKNOWN_TOKEN", "error": "Unknown or expired"}
        return 200, {"sub": owner}


def server_keys(server_name: str) -> dict[str, Any]:
    """What a homeserver says of its key; good for a day."""
    return KEY.signed(
        {
            "server_name": server_name,
            "verify_keys": {KEY.key_id: {"key": KEY.public_key}},
            "old_verify_keys": {},
            "valid_until_ts": int(time.time() * 1000) + 86_400_000,
        },
        server_name,
    )


class FakeHomeserver:
    """
    A homeserver on a loopback port, with TLS.

    A server under test reaches it with ``outbound.allowedCidr: [127.0.0.0/8]`` and
    ``outbound.caFile``.

    :ivar server_name: ``localhost:PORT``.
    :ivar ca_file: The PEM file of the authority behind its certificate.
    :ivar resource: What answers; knows the requests so far.
    """

    def __init__(self, reactor: Any, folder: Path) -> None:
        """
        Listen at once.

        :param folder: For certificates.
        """
        authority = CertificateAuthority(folder)
        options = authority.issue("localhost", "127.0.0.1").options()
        self.ca_file = authority.ca_file
        self.resource = OpenIdResource()
        site = QuietSite(self.resource)
        self._port = reactor.listenSSL(0, site, options, interface="127.0.0.1")
        self.server_name = f"localhost:{self._port.getHost().port}"
        self.resource.server_name = self.server_name

    def add_token(self, token: str, user_id: str) -> None:
        """Know a token's owner from now on."""
        self.resource.add_token(token, user_id)

    async def stop(self) -> None:
        """Be down."""
        await self._port.stopListening()
