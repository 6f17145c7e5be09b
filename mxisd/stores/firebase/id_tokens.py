"""ID tokens: who has signed in at Firebase, in Google's words."""

from collections.abc import Mapping
from typing import Any

import jwt
from attrs import frozen
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from twisted.internet.interfaces import IReactorTime

from mxisd.stores.firebase.keys import SigningKeys

ALGORITHM = "RS256"
LENGTH = 16_384
"""The longest token, in characters; Google's have about a thousand."""

LEEWAY_SECONDS = 10
"""How far Google's clock may be from ours."""

_LAST_SECOND = 1e11


class NoIdToken(Exception):
    """A text that Google has not signed for our project."""


@frozen
class IdToken:
    """
    What a token says, once Google's signature is verified.

    :ivar uid: The account.
    :ivar name: The account's name as of then, if it had one.
    :ivar signed_in_at: When the password, or the like, was typed; epoch seconds.
    :ivar is_current: Whether the token holds now.
    """

    uid: str
    name: str | None
    signed_in_at: float
    is_current: bool


@frozen
class IdTokens:
    """
    Judges tokens of one project.

    Source: Firebase Authentication, "Verify ID tokens using a third-party JWT library".
    """

    keys: SigningKeys
    project: str
    clock: IReactorTime

    async def read(self, token: str) -> IdToken:
        """
        Read a token whose signature, project and issuer are right.

        :raise NoIdToken: If any of them is not.
        :raise StoreUnavailable: If Google's keys cannot be had.
        """
        key_id = _key_id(token)
        key = await self.keys.key(key_id)
        if key is None:
            raise NoIdToken("signed with a key that is not Google's")
        return self._judged(_claims(token, key, self.project))

    def _judged(self, claims: Mapping[str, Any]) -> IdToken:
        expires, issued, signed_in = (
            _seconds(claims.get(name)) for name in ("exp", "iat", "auth_time")
        )
        uid, name = claims["sub"], claims.get("name")
        now = self.clock.seconds()
        is_past = max(issued, signed_in) <= now + LEEWAY_SECONDS
        return IdToken(
            uid,
            name if isinstance(name, str) and name else None,
            signed_in,
            is_past and now < expires + LEEWAY_SECONDS,
        )


def _key_id(token: str) -> str:
    if len(token) > LENGTH or not token.isascii() or token.count(".") != 2:
        raise NoIdToken("not a token")
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError as error:
        raise NoIdToken("not a token") from error
    key_id = header.get("kid")
    if header.get("alg") != ALGORITHM or not isinstance(key_id, str):
        raise NoIdToken(f"not signed with {ALGORITHM}")
    return key_id


def _claims(token: str, key: RSAPublicKey, project: str) -> Mapping[str, Any]:
    try:
        claims: Mapping[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=project,
            issuer=f"https://securetoken.google.com/{project}",
            options={
                "require": ["exp", "iat", "auth_time", "aud", "iss", "sub"],
                "strict_aud": True,
                # PyJWT asks the system's clock, and only ours may be asked.
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except jwt.PyJWTError as error:
        raise NoIdToken(type(error).__name__) from error
    if not isinstance(claims["sub"], str) or not claims["sub"]:
        raise NoIdToken("without an account")
    return claims


def _seconds(value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= _LAST_SECOND:
        raise NoIdToken("without a time")
    return float(value)
