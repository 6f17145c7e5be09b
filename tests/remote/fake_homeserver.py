"""A homeserver that knows OpenID tokens and nothing else."""

import json
from pathlib import Path
from typing import Any

from twisted.web.resource import Resource
from twisted.web.server import Request

from tests.drivers.http.servers import QuietSite
from tests.tls import CertificateAuthority

USERINFO = b"/_matrix/federation/v1/openid/userinfo"


class OpenIdResource(Resource):
    """
    Answers OpenID questions as Synapse does.

    :ivar asked: The requests so far.
    """

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self._owners: dict[str, str] = {}
        self.asked: list[Request] = []

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

    def _answer(self, request: Request) -> tuple[int, dict[str, str]]:
        if request.path != USERINFO:
            return 404, {"errcode": "M_UNRECOGNIZED", "error": "Unrecognized request"}
        tokens = (request.args or {}).get(b"access_token", [])
        owner = self._owners.get(tokens[0].decode()) if tokens else None
        if owner is None:
            return 401, {"errcode": "M_UNKNOWN_TOKEN", "error": "Unknown or expired"}
        return 200, {"sub": owner}


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

    def add_token(self, token: str, user_id: str) -> None:
        """Know a token's owner from now on."""
        self.resource.add_token(token, user_id)

    async def stop(self) -> None:
        """Be down."""
        await self._port.stopListening()
