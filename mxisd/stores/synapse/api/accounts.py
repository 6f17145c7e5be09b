"""What Synapse's Admin API says of a user."""

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen

from mxisd.model.identifiers import IllegalIdentifier, UserId
from mxisd.model.profiles import DirectoryEntry, Profile
from mxisd.model.threepids import IllegalThreePid, ThreePid, canonical

NO_PEOPLE = ("bot", "support")
"""Types of users whom nobody shall find; operators may have further types."""

_BARRED = ("deactivated", "locked", "is_guest", "appservice_id")


@frozen
class Account:
    """
    A user who is a person.

    :ivar illegal: How many 3PIDs were left out, since they are none.
    """

    user_id: UserId
    display_name: str | None
    threepids: frozenset[ThreePid] = frozenset()
    illegal: int = 0

    @property
    def entry(self) -> DirectoryEntry:
        """A hit of a search."""
        return DirectoryEntry(self.user_id, self.display_name)

    @property
    def profile(self) -> Profile:
        """Everything there is; Synapse has no roles."""
        return Profile(self.display_name, self.threepids)

    def is_called(self, term: str) -> bool:
        """Whether part of a name is the term, whatever the case."""
        names = (self.user_id.localpart, self.display_name or "")
        return any(term.casefold() in name.casefold() for name in names)


def is_person(user: Mapping[str, Any]) -> bool:
    """
    Whether a user is somebody to be found, as far as this object tells.

    Suspended users are: they may read, and their addresses are theirs.
    """
    is_barred = any(user.get(key) for key in _BARRED)
    return not is_barred and user.get("user_type") not in NO_PEOPLE


def account(user: Mapping[str, Any]) -> Account | None:
    """The account of a person; ``None`` if its user ID is illegal."""
    name = user.get("displayname")
    try:
        user_id = UserId.parse(str(user.get("name")))
    except IllegalIdentifier:
        return None
    threepids = list(_threepids(user.get("threepids")))
    return Account(
        user_id,
        name if isinstance(name, str) else None,
        frozenset(each for each in threepids if each is not None),
        threepids.count(None),
    )


def _threepids(values: Any) -> Iterator[ThreePid | None]:
    for value in values if isinstance(values, list) else ():
        each = value if isinstance(value, dict) else {}
        yield _threepid(each.get("medium"), each.get("address"))


def _threepid(medium: object, address: object) -> ThreePid | None:
    if not isinstance(medium, str) or not isinstance(address, str):
        return None
    try:
        return canonical(medium, address)
    except IllegalThreePid:
        return None
