"""Access tokens for Google's APIs."""

from collections.abc import Awaitable
from typing import Any, Protocol

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from twisted.internet.interfaces import IReactorTime

from mxisd.errors import ConfigError, Misconfigured, StoreUnavailable
from mxisd.model.secret import Secret
from mxisd.stores.firebase.calls import JsonReply, call
from mxisd.stores.firebase.credentials import ServiceAccount
from mxisd.stores.firebase.sharing import Shared

SCOPE = "https://www.googleapis.com/auth/identitytoolkit"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"

ASSERTION_SECONDS = 3600
SPARE_SECONDS = 300
"""A token is replaced so long before it ends."""

SHORTEST_SECONDS = 30
"""How long a token is used at least, whatever Google says about its end."""

REFUSALS = (400, 401, 403)


class IAccess(Protocol):
    """
    Gives access tokens.

    :ivar key: The key that says how.
    """

    key: str

    def token(self) -> Awaitable[Secret]:
        """A token that is good now."""

    def forget(self, token: Secret) -> None:
        """Do not give this one again: it was not taken."""


class FixedAccess:
    """One token for ever."""

    key = "accessToken"

    def __init__(self, token: Secret) -> None:
        self._token = token

    async def token(self) -> Secret:
        """That one."""
        return self._token

    def forget(self, token: Secret) -> None:
        """There is no other."""


class ServiceAccess:
    """
    Tokens of a service account, each used until shortly before its end.

    Source: Google Identity, "Using OAuth 2.0 for Server to Server Applications";
    RFC 7523.
    """

    key = "credentials"

    def __init__(
        self, http: Any, clock: IReactorTime, account: ServiceAccount, url: str
    ) -> None:
        """
        Prepare; nothing is asked yet.

        :param url: Where tokens are given.
        :raise ConfigError: If the account's private key is no good.
        """
        self._http = http
        self._clock = clock
        self._account = account
        self._key = _rsa_key(account.private_key)
        self._url = url
        self._known: Secret | None = None
        self._until = 0.0
        self._asking = Shared(self._fetch)

    async def token(self) -> Secret:
        """
        Give a token that is good now.

        :raise StoreUnavailable: If there is none to be had.
        """
        if self._known is not None and self._clock.seconds() < self._until:
            return self._known
        return await self._asking.result()

    def forget(self, token: Secret) -> None:
        """Ask for another one next time."""
        if token == self._known:
            self._known = None

    async def _fetch(self) -> Secret:
        data = {"grant_type": GRANT, "assertion": self._assertion()}
        reply = await call(self._http, "POST", self._url, data=data)
        if reply.status in REFUSALS:
            raise Misconfigured(
                self.key,
                f"Google does not know this account ({reply.error})",
                is_whole=True,
            )
        token, seconds = _granted(reply)
        self._known = token
        lifetime = max(SHORTEST_SECONDS, seconds - SPARE_SECONDS)
        self._until = self._clock.seconds() + lifetime
        return token

    def _assertion(self) -> str:
        now = int(self._clock.seconds())
        claims = {
            "iss": self._account.email,
            "scope": SCOPE,
            "aud": self._account.token_uri,
            "iat": now,
            "exp": now + ASSERTION_SECONDS,
        }
        headers = {"kid": self._account.key_id}
        return jwt.encode(claims, self._key, "RS256", headers)


def _rsa_key(pem: Secret) -> Any:
    # Once: reading a key checks it, which takes fifty times as long as signing.
    try:
        key: Any = load_pem_private_key(pem.value.encode(), None)
        jwt.encode({}, key, "RS256")
    except (ValueError, TypeError, UnsupportedAlgorithm, jwt.PyJWTError):
        # Without the cause: its message may quote the key.
        raise ConfigError.at(
            "credentials", "the private key in the file is no RSA key"
        ) from None
    return key


def _granted(reply: JsonReply) -> tuple[Secret, float]:
    token, seconds = (
        reply.content.get("access_token"),
        reply.content.get("expires_in"),
    )
    if reply.status != 200:
        raise StoreUnavailable(f"Google gives no access token (status {reply.status})")
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise StoreUnavailable("Google answers nonsense: no access token")
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    return Secret(token), float(seconds or 0) if is_number else 0.0
