"""One HTTP request to a gateway, and its answer."""

import base64
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from mxisd.drivers.http import HttpFailed
from mxisd.drivers.http.failures import LIBRARY_ERRORS, explained
from mxisd.errors import MessageNotSent
from mxisd.model.secret import Secret

LIMIT_CHARACTERS = 1 << 20


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
    :raise MessageNotSent: If there is no answer.
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
        raise MessageNotSent(f"the gateway: {reason}") from None
    except HttpFailed as error:
        raise MessageNotSent(f"the gateway: {error}") from None
    except ValueError:
        raise MessageNotSent("the gateway: not a legal URL or header") from None
    return Answer(response.code, content.decode("utf-8", "replace")[:LIMIT_CHARACTERS])


def basic(login: str, password: Secret) -> str:
    """The value of an ``Authorization`` header (RFC 7617)."""
    pair = f"{login}:{password.value}".encode()
    return "Basic " + base64.b64encode(pair).decode("ascii")
