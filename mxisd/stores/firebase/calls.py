"""Questions to Google by HTTP, and its answers as JSON."""

import json
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from mxisd.drivers.http.bounds import Question
from mxisd.drivers.http.failures import LIBRARY_ERRORS, HttpFailed, explained
from mxisd.errors import StoreUnavailable


@frozen
class JsonReply:
    """
    An answer.

    :ivar headers: Those that we know, by lower-case name.
    :ivar content: An object; empty if there was none in an answer that is no 200.
    """

    status: int
    headers: Mapping[str, str]
    content: Mapping[str, Any]

    @property
    def error(self) -> str:
        """Google's word for what is wrong, such as ``INVALID_EMAIL``."""
        error = self.content.get("error")
        if isinstance(error, Mapping):
            error = error.get("message")
        return error.split(" ")[0][:60] if isinstance(error, str) else ""


def asking(document: Any) -> dict[str, Any]:
    """What :func:`call` takes for a JSON document that Google may hear twice."""
    return {
        "headers": {"Content-Type": "application/json; charset=UTF-8"},
        "data": Question(json.dumps(document).encode("ascii")),
    }


async def call(http: Any, method: str, url: str, **how: Any) -> JsonReply:
    """
    Ask once; a redirect is an answer like any other.

    :param http: A ``treq`` client.
    :param how: What ``treq`` takes: ``headers``, ``params``, ``data``.
    :raise StoreUnavailable: If there is no complete answer, or a 200 without JSON.
    """
    try:
        response = await http.request(method, url, allow_redirects=False, **how)
        body = await response.content()
    except HttpFailed as error:
        raise StoreUnavailable(f"Google cannot be asked: {error}") from error
    except LIBRARY_ERRORS as error:
        failure = explained(error)
        if isinstance(failure, HttpFailed):
            raise StoreUnavailable(f"Google cannot be asked: {failure}") from error
        raise failure from error
    content = _object(body)
    if content is None and response.code == 200:
        raise StoreUnavailable("Google answers nonsense: no JSON object")
    headers = {
        name: ", ".join(response.headers.getRawHeaders(name, ()))
        for name in ("cache-control",)
    }
    return JsonReply(response.code, headers, content or {})


def _object(body: bytes) -> Mapping[str, Any] | None:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None
