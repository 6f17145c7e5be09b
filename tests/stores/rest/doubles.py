"""A back end in memory, behind the real client."""

import json
from collections.abc import Awaitable
from typing import Any, TypeVar

from attrs import define, field
from treq.testing import StubTreq
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import Request

from mxisd.interfaces import Store
from mxisd.stores.rest import factory
from mxisd.testing.tools import GivenSection, tools_for_tests

T = TypeVar("T")


def outcome(asked: Awaitable[T]) -> T:
    """What is answered, or raised, at once."""

    async def ask() -> T:
        return await asked

    told: list[Any] = []
    Deferred.fromCoroutine(ask()).addBoth(told.append)
    (answer,) = told
    if isinstance(answer, Failure):
        answer.raiseException()
    return answer  # type: ignore[no-any-return]


@define(eq=False)
class FakeBackend(Resource):
    """
    Answers everything alike.

    :ivar answer: What is answered, before it becomes JSON.
    :ivar status: The status of every answer.
    :ivar mark: What comes before that.
    :ivar questions: What was asked, by path behind ``v1``.
    """

    answer: Any = None
    status: int = 200
    mark: bytes = b""
    questions: list[tuple[str, Any]] = field(factory=list)
    isLeaf = True

    def __attrs_pre_init__(self) -> None:
        super().__init__()

    def render_POST(self, request: Request) -> bytes:
        """Answer."""
        assert request.content is not None
        path = request.path.decode().partition("/v1/")[2]
        self.questions.append((path, json.loads(request.content.read())))
        request.setResponseCode(self.status)
        return self.mark + json.dumps(self.answer).encode()

    def store(self, **section: Any) -> Store:
        """A store that asks this back end."""
        given = GivenSection({"host": "http://localhost", **section})
        tools = tools_for_tests("people", http=StubTreq(self))
        return factory.build(factory.parse(given), tools)
