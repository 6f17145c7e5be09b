"""
The questions that Synapse's Admin API answers.

Source: Synapse's documentation, "User Admin API".
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from attrs import frozen

from mxisd.errors import Misconfigured, StoreUnavailable
from mxisd.stores.homeservers import Homeserver

USERS = "/_synapse/admin/v2/users"
OWNERS = "/_synapse/admin/v1/threepid"

User = Mapping[str, Any]
Take = Callable[[Sequence[User]], Awaitable[bool]]


@frozen
class AdminApi:
    """
    Asks as an administrator.

    :ivar name: The store's, for log lines.
    """

    name: str
    homeserver: Homeserver

    async def owner(self, medium: str, address: str) -> str | None:
        """The user ID that has an address, in exactly this spelling."""
        path = f"{OWNERS}/{quote(medium, safe='')}/users/{quote(address, safe='')}"
        document = await self.homeserver.get(path)
        if document is None:
            return None
        user_id = document.get("user_id")
        if not isinstance(user_id, str):
            raise StoreUnavailable("Synapse names an owner without a user ID")
        return user_id

    async def user(self, user_id: str) -> User | None:
        """Everything about a user of this homeserver."""
        user = await self.homeserver.get(f"{USERS}/{quote(user_id, safe='')}")
        if user is not None and not isinstance(user.get("threepids"), list):
            raise StoreUnavailable("Synapse says nothing of a user's 3PIDs")
        return user

    async def each_page(self, take: Take, size: int, name: str = "") -> None:
        """
        List users, without guests; of each, less is told than by :meth:`user`.

        :param take: Gets a page; whether there shall be a next one.
        :param name: A part of the names; ``%`` and ``_`` stand for others.
        """
        params = {
            "limit": str(size),
            "guests": "false",
            # Who is deactivated between two pages must not make others move up.
            "deactivated": "true",
            "locked": "true",
            **({"name": name} if name else {}),
        }
        start: int | None = 0
        while start is not None:
            page = await self._page({**params, "from": str(start)})
            start = _next(page, start) if await take(page["users"]) else None

    async def _page(self, params: Mapping[str, str]) -> Mapping[str, Any]:
        page = await self.homeserver.get(USERS, params)
        if page is None:
            raise Misconfigured("host", "Synapse has no list of users there")
        users = page.get("users")
        if not isinstance(users, list) or not all(isinstance(u, dict) for u in users):
            raise StoreUnavailable("Synapse's list of users is none")
        return page


def _next(page: Mapping[str, Any], start: int) -> int | None:
    token = page.get("next_token")
    if token is None:
        return None
    following = int(token) if str(token).isdecimal() else 0
    if following <= start:
        raise StoreUnavailable("Synapse's list of users goes in circles")
    return following
