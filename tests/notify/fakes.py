"""Notices, gateways and senders for tests."""

from collections.abc import Mapping
from typing import Any

import attrs
from attrs import define, field, frozen
from treq.testing import StubTreq
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.web.resource import Resource
from zope.interface import implementer

from mxisd.interfaces import IMessageSender, Tools
from mxisd.model.identifiers import UserId
from mxisd.model.messages import Message
from mxisd.model.notices import (
    InviteNotice,
    MatrixIdInviteNotice,
    Notice,
    UnbindNotice,
    ValidationNotice,
)
from mxisd.model.secret import Secret
from mxisd.model.threepids import EMAIL, MSISDN, ThreePid
from mxisd.notify.facts import Circumstances

BOB = ThreePid(EMAIL, "bob@example.com")
PHONE = ThreePid(MSISDN, "15550101")
TOKEN = "9f8e7d6c5b4a"
LINK = f"https://id.example.org/submitToken?sid=abc&client_secret=s=1&token={TOKEN}"
ABOUT = Circumstances(
    domain="example.org",
    from_address="id@example.org",
    from_name="Example",
    placeholders={},
)

ROOM: Mapping[str, Any] = {
    "threepid": BOB,
    "sender": UserId("alice", "example.org"),
    "sender_name": "Alice Liddell",
    "room_id": "!tea:example.org",
    "room_name": "Tea party",
}
VALIDATION = ValidationNotice(threepid=BOB, token=Secret(TOKEN), link=LINK)
INVITE = InviteNotice(**ROOM)
MATRIX_ID_INVITE = MatrixIdInviteNotice(**ROOM, recipient=UserId("bob", "example.org"))
UNBIND = UnbindNotice(threepid=BOB, user_id=UserId("bob", "example.org"))
NOTICES: tuple[Notice, ...] = (VALIDATION, INVITE, MATRIX_ID_INVITE, UNBIND)

HOSTILE = (
    "x\r\nBcc: evil@example.org",
    "x\r\n\r\n<h1>owned</h1>",
    "<script>alert(1)</script>",
    '" onmouseover="alert(1)',
    "%VALIDATION_TOKEN% %DOMAIN% %ROOM_NAME%",
    "{{ domain }} {% raw %} {{ 7*7 }}",
    "\u202egnp.exe\u200b",
    "\ud800 lone",
    "--=_boundary",
    ".\r\n.\r\nQUIT",
    "=?utf-8?q?=0d=0aBcc:_evil?=",
    "\x00\x1b[31m",
)


def to(threepid: ThreePid, notice: Notice) -> Notice:
    """The same notice for somebody else."""
    return attrs.evolve(notice, threepid=threepid)


@frozen
class Asked:
    """A request that a gateway got."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@define(eq=False)
class Gateway(Resource):
    """
    Remembers requests, and answers all of them alike.

    :ivar status: Of the answer; ``None``: it never answers.
    """

    status: int | None = 200
    answer: bytes = b"{}"
    asked: list[Asked] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        """Be a resource."""
        Resource.__init__(self)

    isLeaf = True

    def render(self, request: Any) -> Any:
        """Answer."""
        path, _, query = request.uri.decode().partition("?")
        headers = {
            name.decode().lower(): values[0].decode()
            for name, values in request.requestHeaders.getAllRawHeaders()
        }
        method, body = request.method.decode(), request.content.read()
        self.asked.append(Asked(method, path, query, headers, body))
        if self.status is None:
            return 1  # NOT_DONE_YET
        request.setResponseCode(self.status)
        return self.answer

    @property
    def tools(self) -> Tools:
        """The tools of a sender that reaches this gateway only."""
        http = StubTreq(self)
        return Tools(
            name="threepid.own", domain="example.org", reactor=Clock(), http=http
        )


@implementer(IMessageSender)
@define(eq=False)
class Recorder:
    """
    A sender that keeps messages.

    :ivar outcome: Raised instead, or waited for, if there is one.
    """

    outcome: Any = None
    messages: list[Message] = field(factory=list)

    async def send(self, message: Message) -> None:
        """Keep it."""
        self.messages.append(message)
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        if isinstance(self.outcome, Deferred):
            await self.outcome
