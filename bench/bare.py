"""
The yardstick: a bare twisted.web resource with the same answers, logging nothing.

It reads and decodes what is posted, and encodes the answer it was told for the path.
It is also the homeserver that vouches for the benchmark's account.
"""

import json
import sys
from typing import Any

from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import Site

OPENID = "/_matrix/federation/v1/openid/userinfo"


class Bare(Resource):
    """Answers everything."""

    isLeaf = True

    def __init__(self, answers: dict[str, Any]) -> None:
        super().__init__()
        self._answers = {path.encode(): answer for path, answer in answers.items()}

    def render_GET(self, request: Request) -> bytes:
        """Encode an answer."""
        request.setHeader(b"content-type", b"application/json")
        return json.dumps(self._answers[request.path]).encode()

    def render_POST(self, request: Request) -> bytes:
        """Read, decode, encode."""
        _body(request)
        return self.render_GET(request)

    def render_PUT(self, request: Request) -> bytes:
        """Learn an answer."""
        self._answers[request.path] = _body(request)
        return b"{}"


def _body(request: Request) -> Any:
    assert request.content is not None
    return json.loads(request.content.read())


class SilentSite(Site):
    """Logs nothing."""

    def log(self, request: Request) -> None:
        """Log nothing."""


def main(reactor: Any, port: int, user_id: str) -> None:
    """Serve until killed."""
    site = SilentSite(Bare({OPENID: {"sub": user_id}}), parsePOSTFormSubmission=False)
    reactor.listenTCP(port, site, interface="127.0.0.1")
    reactor.run()


if __name__ == "__main__":
    from twisted.internet import reactor

    main(reactor, int(sys.argv[1]), sys.argv[2])
