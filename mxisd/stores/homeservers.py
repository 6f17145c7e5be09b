"""What stores share that ask a homeserver over HTTP."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from attrs import frozen
from zope.interface import implementer

from mxisd.drivers.http.json_client import JsonClient, JsonReply
from mxisd.errors import Misconfigured, Problem, StoreUnavailable
from mxisd.interfaces import ISelfCheck
from mxisd.model.secret import Secret

TERM_LIMIT = 500
"""The longest term that is searched, in characters."""

_ABSENT = "M_NOT_FOUND"
_TOKEN = re.compile(r"[!-~]+")
_STATUSES = frozenset({401, 403, 404, 429})


def base_url(value: str) -> None:
    """
    Check where a homeserver is said to be.

    :raise ValueError: If that is no URL to put a path behind.
    """
    try:
        parts = urlsplit(value)
        is_good = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_good = False
    if not is_good or parts.scheme not in ("http", "https") or not value.isascii():
        raise ValueError("must be a URL such as https://matrix.example.org")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("must have no user name, no ? and no # in it")


def access_token(value: Secret) -> None:
    """
    Check what shall be sent as a token.

    :raise ValueError: If it would be none, or more than one header.
    """
    if _TOKEN.fullmatch(value.value) is None:
        raise ValueError("is no access token")


def positive(value: float) -> None:
    """
    Check a time.

    :raise ValueError: If it is none.
    """
    if value <= 0:
        raise ValueError("must be more than 0")


@frozen
class Homeserver:
    """
    A homeserver that knows us by an access token.

    :ivar url: Paths come behind it.
    :ivar hint: What the token must be, for who configured another one.
    """

    url: str
    client: JsonClient
    hint: str

    async def get(
        self, path: str, params: Mapping[str, str] | None = None
    ) -> dict[str, Any] | None:
        """
        Get an object.

        :param path: Quoted.
        :return: ``None`` if the homeserver does not have it.
        :raise Misconfigured: If it does not take our token, or is none.
        :raise StoreUnavailable: If it did not answer, or not with an object.
        """
        reply = await self.client.get(
            self._url(path), params=params or {}, wanted=_STATUSES
        )
        return self._object(reply)

    async def post(self, path: str, document: Any) -> dict[str, Any] | None:
        """Ask by posting an object; for the rest see :meth:`get`."""
        reply = await self.client.post(
            self._url(path), document, wanted=_STATUSES, is_repeatable=True
        )
        return self._object(reply)

    def _url(self, path: str) -> str:
        return self.url.rstrip("/") + path

    def _object(self, reply: JsonReply) -> dict[str, Any] | None:
        document = reply.document
        if reply.status in (401, 403):
            raise Misconfigured(
                "token", f"the homeserver does not take it: {self.hint}"
            )
        if reply.status == 404:
            _check_absence(document)
            return None
        if not reply.is_success:
            raise StoreUnavailable(
                f"the homeserver answers {reply.status}: not so fast"
            )
        if not isinstance(document, dict):
            raise StoreUnavailable("the homeserver's answer is no JSON object")
        return document


def _check_absence(document: Any) -> None:
    # A proxy in front has a 404 of its own for paths that it does not pass on.
    if isinstance(document, dict) and document.get("errcode") == _ABSENT:
        return
    raise Misconfigured(
        "host", "the API is not there; does a proxy in front of it pass it on?"
    )


@implementer(ISelfCheck)
@frozen
class HomeserverCheck:
    """
    Tries one path with the token.

    :ivar path: Of something that is always there.
    """

    homeserver: Homeserver
    path: str

    async def problems(self) -> list[Problem]:
        """Ask for it."""
        try:
            await self.homeserver.get(self.path)
        except Misconfigured as error:
            return [error.as_problem]
        return []
