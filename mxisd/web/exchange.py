"""What an endpoint is given, and what it gives back."""

import json
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from attrs import field, frozen
from twisted.web.http_headers import Headers

from mxisd.model.identifiers import UserId
from mxisd.model.requesters import Account, Origin, Stranger
from mxisd.model.secret import Secret

JSON_TYPE = b"application/json"

# The default escapes whatever is not ASCII, so that no text can fail to be sent.
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


@frozen
class Call:
    """
    A request that found its route and passed its gate.

    :ivar variables: The variable parts of the path, decoded, by name.
    :ivar query: The first value of each query parameter, decoded.
    :ivar origin: Where it comes from.
    :ivar user_id: Whose it is; ``None`` on routes that need no account.
    :ivar token: The account token that said so.
    :ivar headers: As they came.
    """

    variables: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    origin: Origin
    user_id: UserId | None = None
    token: Secret | None = None
    headers: Headers = field(factory=Headers)

    def header(self, name: str) -> str:
        """The first header of a name; empty if there is none."""
        values = self.headers.getRawHeaders(name.encode("ascii"))
        return values[0].decode("latin-1") if values else ""

    @property
    def requester(self) -> Account | Stranger:
        """Who asks."""
        if self.user_id is None:
            return Stranger(self.origin)
        return Account(str(self.user_id), self.origin)


@frozen
class Reply:
    """
    What is sent back.

    :ivar headers: Headers besides those that every reply has.
    """

    status: int
    body: bytes
    content_type: bytes = JSON_TYPE
    headers: tuple[tuple[bytes, bytes], ...] = ()


Endpoint = Callable[[Call], Reply | Coroutine[Any, Any, Reply]]
"""Answers at once with a reply, or later with a coroutine."""


def json_reply(
    content: Mapping[str, Any],
    status: int = 200,
    headers: tuple[tuple[bytes, bytes], ...] = (),
) -> Reply:
    """A reply that carries a JSON object."""
    return Reply(status, _encode(content).encode("ascii"), JSON_TYPE, headers)
