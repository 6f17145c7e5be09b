"""Logins through the plugin "JWT Authentication for WP REST API"."""

import json
import re
from collections.abc import Mapping
from typing import Any

from attrs import frozen
from zope.interface import implementer

from mxisd.drivers.http.failures import LIBRARY_ERRORS, HttpFailed, explained
from mxisd.errors import Misconfigured, StoreUnavailable
from mxisd.interfaces import IAuthenticator
from mxisd.model.identifiers import UserId
from mxisd.model.login import Accepted, NoSuchUser, Refused, Verdict
from mxisd.model.profiles import Profile
from mxisd.model.secret import Secret
from mxisd.model.stored import StoredAddresses
from mxisd.model.threepids import EMAIL
from mxisd.stores.wordpress.values import threepid

WRONG_PASSWORD = "incorrect_password"  # noqa: S105
REFUSALS = frozenset({WRONG_PASSWORD, "empty_password"})
UNKNOWN = frozenset(
    {
        "invalid_username",
        "invalid_email",
        "empty_username",
        "authentication_failed",  # from plugins that do not tell which it was
    }
)
_BAD_CONFIG = "jwt_auth_bad_config"
_PREFIX = "[jwt_auth] "
_CODE_LENGTH = 40
_SPECIAL = re.compile(r"['\"\\]")


@frozen
class Site:
    """
    Asks the plugin.

    :ivar http: A ``treq`` client.
    :ivar api: The URL of the plugin's API.
    """

    http: Any
    api: str

    async def token(self, username: str, password: Secret) -> Mapping[str, Any] | str:
        """
        Ask for a token; the password leaves here.

        :return: What comes with the token, or WordPress's word for why there is none.
        :raise StoreUnavailable: If neither can be had.
        """
        question = {"username": username, "password": password.value}
        status, answer = await self._asked("POST", "/token", json=question)
        if status == 200 and answer.get("token"):
            return answer
        code = answer.get("code")
        if status == 403 and isinstance(code, str) and code != _BAD_CONFIG:
            return code.removeprefix(_PREFIX)
        raise _failure(status, code)

    async def check(self) -> None:
        """
        Look for the plugin.

        :raise StoreUnavailable: If it is not there.
        """
        status, answer = await self._asked("GET", "")
        if status != 200 or "namespace" not in answer:
            raise _failure(status, answer.get("code"))

    async def _asked(
        self, method: str, path: str, **how: Any
    ) -> tuple[int, Mapping[str, Any]]:
        # A redirect is no answer: a password goes nowhere but where it was sent.
        url = f"{self.api}{path}"
        try:
            reply = await self.http.request(method, url, allow_redirects=False, **how)
            body = await reply.content()
        except HttpFailed as error:
            raise StoreUnavailable(f"WordPress cannot be asked: {error}") from error
        except LIBRARY_ERRORS as error:
            failure = explained(error)
            if isinstance(failure, HttpFailed):
                text = f"WordPress cannot be asked: {failure}"
                raise StoreUnavailable(text) from error
            raise failure from error
        return reply.code, _object(body)


@implementer(IAuthenticator)
@frozen
class WordPressAuthenticator:
    """Lets WordPress judge passwords."""

    site: Site
    domain: str

    async def authenticate(self, user_id: UserId, password: Secret) -> Verdict:
        """Judge a password; who cannot be a user of ours is not asked for."""
        if not password:
            return Refused()
        known = user_id.canonical
        # Nobody has a login there that would have to be escaped.
        if known is None or known.localpart != user_id.localpart.lower():
            return NoSuchUser()
        if known.server_name != self.domain or not _is_text(password):
            return NoSuchUser()
        answer = await self.site.token(known.localpart, password)
        slashed = _slashed(password)
        if answer == WRONG_PASSWORD and slashed != password:
            answer = await self.site.token(known.localpart, slashed)
        if isinstance(answer, str):
            return _verdict(answer)
        name = answer.get("user_display_name")
        mail = threepid(EMAIL, answer.get("user_email"), StoredAddresses())
        profile = Profile(
            name if isinstance(name, str) and name else None,
            frozenset() if mail is None else frozenset([mail]),
        )
        return Accepted(known, profile)


def _is_text(password: Secret) -> bool:
    """Whether anybody can have such a password: half a character is in none."""
    try:
        password.value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _slashed(password: Secret) -> Secret:
    """
    The password as WordPress keeps one that was typed into a form.

    PHP once put a backslash before each quote of a form, and WordPress still does; the
    plugin does not.
    """
    return Secret(_SPECIAL.sub(r"\\\g<0>", password.value))


def _verdict(code: str) -> Verdict:
    if code in REFUSALS:
        return Refused()
    if code in UNKNOWN:
        return NoSuchUser()
    raise StoreUnavailable(f"WordPress judges no password: {_shown(code)}")


def _failure(status: int, code: object) -> StoreUnavailable:
    if status == 404:
        problem = (
            "has no plugin JWT Authentication for WP REST API, or permalinks are plain"
        )
        return Misconfigured("rest.base", problem)
    if code == _BAD_CONFIG:
        return Misconfigured(
            "rest.base", "the JWT plugin there has no JWT_AUTH_SECRET_KEY"
        )
    if 300 <= status < 400:
        return Misconfigured("rest.base", "leads elsewhere: write where it leads to")
    if status == 200:
        return StoreUnavailable("WordPress answers nonsense")
    return StoreUnavailable(f"WordPress answers {status} {_shown(code)}".strip())


def _shown(code: object) -> str:
    """What is safe to log of a word of WordPress's."""
    text = code if isinstance(code, str) else ""
    return "".join(c for c in text[:_CODE_LENGTH] if c.isalnum() or c in "_-")


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
