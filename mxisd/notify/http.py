"""One HTTP request to a gateway, and its answer."""

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from attrs import frozen

from mxisd.drivers.http import HttpFailed
from mxisd.drivers.http.failures import LIBRARY_ERRORS, explained
from mxisd.errors import MessageNotSent, MessageRefused, SenderUnavailable
from mxisd.model.secret import Secret

LIMIT_CHARACTERS = 1 << 20

ABOUT_THE_MESSAGE = frozenset({400, 413, 422})
NOT_LET_IN = frozenset({401, 403})


@frozen
class Answer:
    """
    What a gateway said.

    :ivar text: The body; it may quote the address, so it is not for the log.
    """

    status: int
    text: str


async def ask(
    http: Any,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | None = None,
) -> Answer:
    """
    Send a request; redirects are not followed.

    :param http: The ``http`` of the tools.
    :raise SenderUnavailable: If there is no answer.
    """
    try:
        response = await http.request(
            method, url, headers=dict(headers), data=body, allow_redirects=False
        )
        content = await response.content()
    except LIBRARY_ERRORS as error:
        reason = explained(error)
        if not isinstance(reason, HttpFailed):
            raise reason from error  # whoever gave up is not told that it failed
        # Without the cause: a request is in it.
        raise SenderUnavailable(f"the gateway: {reason}") from None
    except HttpFailed as error:
        raise SenderUnavailable(f"the gateway: {error}") from None
    except ValueError:
        raise SenderUnavailable("the gateway: not a legal URL or header") from None
    return Answer(response.code, content.decode("utf-8", "replace")[:LIMIT_CHARACTERS])


@contextmanager
def asked_for(path: str) -> Iterator[None]:
    """
    Name the key of a gateway that does not answer.

    :param path: The sender's section.
    """
    try:
        yield
    except SenderUnavailable as error:
        raise SenderUnavailable(f"{path}.url: {error}") from None


def basic(login: str, password: Secret) -> str:
    """The value of an ``Authorization`` header (RFC 7617)."""
    pair = f"{login}:{password.value}".encode()
    return "Basic " + base64.b64encode(pair).decode("ascii")


def document(text: str) -> Mapping[str, Any]:
    """The JSON object that a text is; an empty one if it is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def meaning(status: int) -> type[MessageNotSent]:
    """What a status other than success means for this message, and for others."""
    return MessageRefused if status in ABOUT_THE_MESSAGE else SenderUnavailable
