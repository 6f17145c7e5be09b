"""``--check-config --connect``: what clients find at ``server.publicUrl``."""

import json
from typing import Any
from urllib.parse import quote

from attrs import frozen

from mxisd.config.sections import Config
from mxisd.drivers.http import HttpClient, HttpFailed, TlsFailed
from mxisd.errors import Problem, Weight
from mxisd.web.routes import BASE, V1

SECONDS = 10.0
LIMIT_BYTES = 64 * 1024
OK = 200
NOBODY_BEHIND = (502, 503, 504)
"""What a reverse proxy answers when it reaches nobody."""


async def found_at_public_url(
    config: Config, http: HttpClient, public_key: str | None
) -> Problem | None:
    """
    Ask whoever answers at the public URL for the versions of its API, and for our key.

    :param http: The configured client.
    :param public_key: Of the key that signs, if there is one yet.
    :return: What is not as it should be, or may not be; ``None`` if it is us, as far as
        that can be told.
    """
    asked = _Asked(http, config.public_url)
    found = await asked.versions()
    if found is None and public_key is not None:
        found = await asked.key(public_key)
    return found


@frozen
class _Asked:
    http: HttpClient
    url: str

    async def versions(self) -> Problem | None:
        """Whether an identity server answers."""
        path = f"{BASE}/versions"
        try:
            status, document = await self._get(path)
        except TlsFailed as error:
            return self._certain(str(error))
        except HttpFailed as error:
            return self._unclear(f"nobody answers: {error}")
        if status in NOBODY_BEHIND:
            return self._unclear(
                f"a proxy answers {status}: it reaches no mxisd, which does not run or "
                "is not where the proxy looks"
            )
        if status != OK or not isinstance(document.get("versions"), list):
            return self._certain(
                f"no identity server answers at {path} (status {status}): a reverse "
                f"proxy has to pass on {BASE}/"
            )
        return None

    async def key(self, public_key: str) -> Problem | None:
        """Whether it has our key."""
        path = f"{V1}/pubkey/isvalid?public_key={quote(public_key, safe='')}"
        try:
            _, document = await self._get(path)
        except HttpFailed as error:
            return self._unclear(f"nobody answers any more: {error}")
        if document.get("valid") is True:
            return None
        return self._certain(
            "another identity server answers: it does not know the key in key.path"
        )

    async def _get(self, path: str) -> tuple[int, dict[str, Any]]:
        reply = await self.http.request(
            "GET", self.url + path, limit_bytes=LIMIT_BYTES, seconds=SECONDS
        )
        try:
            document = json.loads(reply.body)
        except (ValueError, RecursionError):
            document = None
        return reply.status, document if isinstance(document, dict) else {}

    def _certain(self, text: str) -> Problem:
        return self._problem(text, Weight.ERROR)

    def _unclear(self, text: str) -> Problem:
        # Before the first start nobody answers, and not every network lets us see
        # ourselves from outside.
        return self._problem(text, Weight.WARNING)

    def _problem(self, text: str, weight: Weight) -> Problem:
        return Problem("server.publicUrl", f"{self.url}: {text}", weight=weight)
