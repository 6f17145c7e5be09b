"""The admin API, as its own command uses it."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from attrs import frozen

from mxisd.console.printing import printable
from mxisd.drivers.http import HttpClient, HttpFailed, HttpReply, NotConnected
from mxisd.model.secret import Secret

BASE = "/_mxisd/admin/v1"
LIMIT_BYTES = 64 << 20
SECONDS = 60.0


class CommandFailed(Exception):
    """A command could not be carried out; the message is for who gave it."""


@frozen
class AdminClient:
    """
    Asks a server.

    :ivar url: Where the server is, without a slash at the end.
    """

    _http: HttpClient
    url: str
    _token: Secret

    async def get(self, *path: str, **query: str | int | None) -> Any:
        """
        Look at something.

        :param path: The segments behind the base; they are quoted.
        :param query: What is ``None`` is left out.
        :raise CommandFailed: If the server refuses, or cannot be asked.
        """
        given = {key: value for key, value in query.items() if value is not None}
        return await self._ask("GET", path, given, None)

    async def post(self, *path: str, **content: Any) -> Any:
        """Change something; for the rest see :meth:`get`."""
        given = {key: value for key, value in content.items() if value is not None}
        return await self._ask("POST", path, {}, json.dumps(given).encode("ascii"))

    async def _ask(
        self,
        method: str,
        path: tuple[str, ...],
        query: Mapping[str, str | int],
        body: bytes | None,
    ) -> Any:
        try:
            reply = await self._http.request(
                method,
                self._place(path, query),
                headers={"Authorization": f"Bearer {self._token.value}"},
                body=body,
                limit_bytes=LIMIT_BYTES,
                seconds=SECONDS,
            )
        except HttpFailed as error:
            hint = _hint(method, error)
            problem = f"the server at {self.url} cannot be asked: {error}{hint}"
            raise CommandFailed(problem) from error
        except UnicodeEncodeError as error:
            problem = "an argument, or the token, is no text in UTF-8"
            raise CommandFailed(problem) from error
        return self._judged(reply)

    def _place(self, path: tuple[str, ...], query: Mapping[str, str | int]) -> str:
        place = "/".join([BASE, *(quote(each, safe="") for each in path)])
        return f"{self.url}{place}{f'?{urlencode(query)}' if query else ''}"

    def _judged(self, reply: HttpReply) -> Any:
        content = _object(reply.body)
        if 200 <= reply.status < 300 and content is not None:
            return content
        error: Mapping[str, Any] = content or {}
        if error.get("errcode") == "M_UNRECOGNIZED":
            text = "has no admin API: set admin.token in its configuration"
            raise CommandFailed(f"the server at {self.url} {text}")
        text = str(error.get("error") or f"it answered {reply.status}, and no JSON")
        code = f"{reply.status} {error.get('errcode', '')}".rstrip()
        raise CommandFailed(printable(f"{text} ({code})"))


def _hint(method: str, error: HttpFailed) -> str:
    if isinstance(error, NotConnected):
        return "; does it run?"
    return "; it may be done all the same" if method == "POST" else ""


def _object(body: bytes) -> Mapping[str, Any] | None:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None
