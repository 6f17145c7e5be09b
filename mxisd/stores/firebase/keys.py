"""The keys with which Google signs ID tokens."""

import re
from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from twisted.internet.interfaces import IReactorTime

from mxisd.errors import StoreUnavailable
from mxisd.stores.firebase.calls import JsonReply, call
from mxisd.stores.firebase.sharing import Shared

SHORTEST_SECONDS = 60
"""Keys are not asked for more often, whatever ``kid`` somebody shows us."""

LONGEST_SECONDS = 24 * 3600
UNSAID_SECONDS = 300
"""How long keys are kept when Google does not say."""

KEY_BITS = 2048

_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=([0-9]{1,9})(?:$|[\s,])", re.IGNORECASE)
_DO_NOT_KEEP = re.compile(r"(?:^|[\s,])no-(?:store|cache)\b", re.IGNORECASE)


class SigningKeys:
    """
    Keys by their ID, kept as long as their endpoint allows.

    An ID that is not among them is a reason to ask again: keys are replaced from time
    to time.
    """

    def __init__(self, http: Any, clock: IReactorTime, url: str) -> None:
        self._http = http
        self._clock = clock
        self._url = url
        self._keys: Mapping[str, RSAPublicKey] = {}
        self._asked_at = float("-inf")
        self._until = float("-inf")
        self._asking = Shared(self._fetch)

    async def key(self, key_id: str) -> RSAPublicKey | None:
        """
        Find a key.

        :raise StoreUnavailable: If the keys cannot be had.
        """
        if self._clock.seconds() >= self._good_until(key_id):
            await self._asking.result()
        return self._keys.get(key_id)

    def _good_until(self, key_id: str) -> float:
        if key_id in self._keys:
            return self._until
        return min(self._until, self._asked_at + SHORTEST_SECONDS)

    async def _fetch(self) -> None:
        reply = await call(self._http, "GET", self._url)
        if reply.status != 200:
            raise StoreUnavailable(f"Google shows no keys (status {reply.status})")
        self._keys = _keys(reply.content)
        self._asked_at = self._clock.seconds()
        self._until = self._asked_at + kept_seconds(reply)


def kept_seconds(reply: JsonReply) -> float:
    """How long an answer may be kept."""
    header = reply.headers.get("cache-control", "")
    if _DO_NOT_KEEP.search(header):
        return SHORTEST_SECONDS
    match = _MAX_AGE.search(header)
    seconds = int(match[1]) if match else UNSAID_SECONDS
    return min(max(seconds, SHORTEST_SECONDS), LONGEST_SECONDS)


def _keys(content: Mapping[str, Any]) -> Mapping[str, RSAPublicKey]:
    found = {key_id: _public_key(pem) for key_id, pem in content.items()}
    good = {key_id: key for key_id, key in found.items() if key is not None}
    if not good:
        raise StoreUnavailable("Google shows no keys that can be used")
    return good


def _public_key(pem: Any) -> RSAPublicKey | None:
    try:
        key = x509.load_pem_x509_certificate(str(pem).encode()).public_key()
    except (ValueError, TypeError):
        return None
    is_good = isinstance(key, RSAPublicKey) and key.key_size >= KEY_BITS
    return key if isinstance(key, RSAPublicKey) and is_good else None
