"""A server in memory that says what a test wants, and remembers what it was asked."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from treq.testing import StubTreq
from twisted.internet.task import Clock
from twisted.web.resource import Resource
from twisted.web.server import Request

from mxisd.interfaces import Tools
from mxisd.testing.stores import DOMAIN

Answer = Callable[[str, dict[str, str]], tuple[int, Any]]

NOT_FOUND = (404, {"errcode": "M_NOT_FOUND", "error": "User not found"})


class FakeAdmin(Resource):
    """
    Answers by a function of the path and the query.

    :ivar asked: The paths, as they were sent.
    :ivar tokens: The headers with them.
    """

    isLeaf = True

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self._answer = answer
        self.asked: list[str] = []
        self.tokens: list[str | None] = []

    def render(self, request: Request) -> bytes:
        """Answer JSON, or bytes as they are."""
        path = request.path.decode()
        self.asked.append(path)
        self.tokens.append(request.getHeader("authorization"))
        args = {k.decode(): v[0].decode() for k, v in (request.args or {}).items()}
        status, document = self._answer(path, args)
        request.setResponseCode(status)
        if isinstance(document, bytes):
            return document
        return json.dumps(document).encode()

    def tools(self) -> Tools:
        """What a store is given that asks this server only."""
        return Tools(name="home", domain=DOMAIN, reactor=Clock(), http=StubTreq(self))


def always(status: int, document: Any) -> Answer:
    """Say the same to everybody."""
    return lambda path, args: (status, document)


def json_of(request: Request) -> Any:
    """What was posted."""
    assert request.content is not None
    return json.loads(request.content.read())


def segments(path: str) -> list[str]:
    """The segments of a path, unquoted."""
    return [unquote(each) for each in path.split("/")]
