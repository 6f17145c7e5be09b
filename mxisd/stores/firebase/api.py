"""Google's Identity Toolkit: the accounts of a project."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from attrs import frozen

from mxisd.errors import Misconfigured, StoreUnavailable
from mxisd.stores.firebase.access import IAccess
from mxisd.stores.firebase.accounts import FIELDS
from mxisd.stores.firebase.calls import JsonReply, asking, call

LOOKUP_LIMIT = 100
"""How many addresses Google takes at once."""

PAGE_SIZE = 1000


# Others that begin so say that a key or the project is invalid.
_NO_ADDRESS = frozenset(
    {"INVALID_EMAIL", "INVALID_IDENTIFIER", "INVALID_LOCAL_ID", "INVALID_PHONE_NUMBER"}
)


class AddressRefused(StoreUnavailable):
    """Google does not take one of the addresses for an address."""


@frozen
class Page:
    """
    A part of the list of all accounts.

    :ivar next: The token of the next page; empty if this is the last one.
    """

    records: Sequence[Any]
    next: str


@frozen
class Accounts:
    """
    Asks for accounts.

    :ivar base: Where the API is.

    Source: Identity Toolkit API v1, "projects.accounts".
    """

    http: Any
    access: IAccess
    base: str
    project: str

    async def lookup(self, question: Mapping[str, Sequence[str]]) -> Sequence[Any]:
        """
        Get the records of some accounts.

        :param question: Lists of ``email``, ``phoneNumber`` or ``localId``, of at most
            :data:`LOOKUP_LIMIT` together.
        :raise AddressRefused: If one of them is none in Google's eyes.
        """
        reply = await self._asked("POST", "lookup", **asking(dict(question)))
        if reply.status == 400 and reply.error in _NO_ADDRESS:
            raise AddressRefused(f"Firebase refuses an address: {reply.error}")
        _check(reply)
        return _records(reply)

    async def page(self, token: str, size: int = PAGE_SIZE) -> Page:
        """
        Get a part of the list.

        :param token: That of the page before; empty for the first.
        """
        params = {
            "maxResults": str(size),
            "fields": f"nextPageToken,users({','.join(FIELDS)})",
            **({"nextPageToken": token} if token else {}),
        }
        reply = await self._asked("GET", "batchGet", params=params)
        _check(reply)
        following = reply.content.get("nextPageToken") or ""
        if not isinstance(following, str) or (token and following == token):
            raise StoreUnavailable("Firebase's list of accounts does not end")
        return Page(_records(reply), following)

    async def _asked(self, method: str, verb: str, **how: Any) -> JsonReply:
        url = f"{self.base.rstrip('/')}/projects/{quote(self.project, safe='')}"
        reply, token = None, None
        # Google may have ended a token early; a new one is worth a try.
        for _ in range(2):
            token = await self.access.token()
            headers = {"Authorization": f"Bearer {token.value}"}
            sent = {**how, "headers": {**how.get("headers", {}), **headers}}
            reply = await call(self.http, method, f"{url}/accounts:{verb}", **sent)
            if reply.status != 401:
                return reply
            self.access.forget(token)
        raise Misconfigured(
            self.access.key, "Firebase does not take our access token", is_whole=True
        )


def _check(reply: JsonReply) -> None:
    if reply.status == 403:
        raise Misconfigured(
            "credentials",
            "this account may not read the project's accounts: give it the role "
            f"Firebase Authentication Viewer ({reply.error})",
        )
    if reply.error in ("CONFIGURATION_NOT_FOUND", "PROJECT_NOT_FOUND"):
        raise Misconfigured("project", "has no Firebase Authentication")
    if reply.status != 200:
        raise StoreUnavailable(f"Firebase answers {reply.status} {reply.error}".strip())


def _records(reply: JsonReply) -> Sequence[Any]:
    records = reply.content.get("users", [])
    if not isinstance(records, list):
        raise StoreUnavailable("Firebase answers nonsense: no list of accounts")
    return records
