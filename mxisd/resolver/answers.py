"""
Whether what a store answers makes sense.

A store may be somebody else's code. What goes on from here is made of our own values:
checked, bounded in size, and without anything that was not asked for. Where single
parts may be illegal, they are left out, and their number comes with the rest.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from itertools import islice

from mxisd.errors import StoreUnavailable
from mxisd.model.identifiers import IllegalIdentifier, UserId
from mxisd.model.login import Accepted, NoSuchUser, Refused, Verdict
from mxisd.model.profiles import DirectoryEntry, DirectoryPage, Profile
from mxisd.model.threepids import IllegalThreePid, ThreePid, canonical

NAME_LENGTH = 256
"""The longest name, in characters; Synapse gives its users no longer ones."""

PROFILE_LIMIT = 1000
"""More 3PIDs, or roles, than any person has."""


# --- Single values --------------------------------------------------------------------


def legal_user_id(value: object) -> UserId | None:
    """The user ID, if it is one."""
    if not isinstance(value, UserId):
        return None
    try:
        user_id = UserId.parse(str(value))
    except IllegalIdentifier:
        return None
    is_same = (user_id.localpart, user_id.server_name) == (
        value.localpart,
        value.server_name,
    )
    return user_id if is_same else None


def legal_threepid(value: object) -> ThreePid | None:
    """The 3PID in canonical form; ``None`` if it is none."""
    if not isinstance(value, ThreePid):
        return None
    medium, address, lowered = value.medium, value.address, value.lowered
    written = address if lowered is None else lowered
    if not all(isinstance(each, str) for each in (medium, address, written)):
        return None
    try:
        threepid = canonical(str(medium), str(written))
        is_one = lowered is None or canonical(str(medium), str(address)) == threepid
    except IllegalThreePid:
        return None
    return threepid if is_one else None


def legal_association(row: object) -> tuple[ThreePid, UserId] | None:
    """
    A line of a listing, if the pair is legal.

    :raise StoreUnavailable: If it is no pair.
    """
    if not isinstance(row, tuple) or len(row) != 2:
        raise StoreUnavailable("a line that is no pair")
    threepid, user_id = legal_threepid(row[0]), legal_user_id(row[1])
    return None if threepid is None or user_id is None else (threepid, user_id)


def shown_name(value: object) -> str | None:
    """A name that can be shown; ``None`` if there is none."""
    if not isinstance(value, str):
        return None
    # JSON in UTF-8 has no place for half a character.
    return value[:NAME_LENGTH].encode(errors="replace").decode()


# --- Answers --------------------------------------------------------------------------


def checked_found(
    answer: object, threepids: Iterable[ThreePid]
) -> tuple[Mapping[ThreePid, UserId], int]:
    """
    What a lookup found of what it was asked for.

    :param threepids: All of them, or some at a time: looking at 10 000 takes a while.
    :raise StoreUnavailable: If it is no mapping.
    """
    if not isinstance(answer, Mapping):
        raise StoreUnavailable("its answer makes no sense")
    found = {key: answer[key] for key in threepids if key in answer}
    judged = {key: legal_user_id(value) for key, value in found.items()}
    legal = {key: value for key, value in judged.items() if value is not None}
    return legal, len(judged) - len(legal)


def checked_verdict(verdict: object) -> tuple[Verdict, int]:
    """
    What a store says to a password.

    :raise StoreUnavailable: If it is no verdict, or accepts nobody in particular.
    """
    if isinstance(verdict, Refused):
        return Refused(), 0
    if isinstance(verdict, NoSuchUser):
        return NoSuchUser(), 0
    user_id = legal_user_id(verdict.user_id) if isinstance(verdict, Accepted) else None
    if not isinstance(verdict, Accepted) or user_id is None:
        raise StoreUnavailable("its verdict makes no sense")
    profile, illegal = checked_profile(verdict.profile)
    return Accepted(user_id, profile), illegal


def checked_profile(profile: object) -> tuple[Profile, int]:
    """
    What a store knows about somebody.

    :raise StoreUnavailable: If it is no profile, or more than anybody has.
    """
    if not isinstance(profile, Profile):
        raise StoreUnavailable("its profile makes no sense")
    for members in (profile.threepids, profile.roles):
        if not isinstance(members, Set) or len(members) > PROFILE_LIMIT:
            raise StoreUnavailable(f"its profile is no set of up to {PROFILE_LIMIT}")
    given = list(islice(profile.threepids, PROFILE_LIMIT))
    judged = [legal_threepid(each) for each in given]
    threepids = frozenset(each for each in judged if each is not None)
    name = shown_name(profile.display_name)
    roles = frozenset(map(_role, islice(profile.roles, PROFILE_LIMIT)))
    return Profile(name, threepids, roles), judged.count(None)


def _role(value: object) -> str:
    # Leaving one out could open a door that it closes.
    if not isinstance(value, str) or len(value) > NAME_LENGTH:
        raise StoreUnavailable("its profile has roles that make no sense")
    return str(value)


def checked_page(page: object, limit: int) -> tuple[DirectoryPage, int]:
    """
    What a search found, up to the limit.

    :raise StoreUnavailable: If it is no page.
    """
    if not isinstance(page, DirectoryPage) or not isinstance(page.entries, Sequence):
        raise StoreUnavailable("its directory page makes no sense")
    # Cut before it is judged: there may be a million.
    judged = [_entry(each) for each in islice(page.entries, limit)]
    legal = tuple(each for each in judged if each is not None)
    is_limited = bool(page.limited) or len(page.entries) > limit
    return DirectoryPage(legal, is_limited), len(judged) - len(legal)


def _entry(entry: object) -> DirectoryEntry | None:
    user_id = legal_user_id(getattr(entry, "user_id", None))
    if user_id is None or not isinstance(entry, DirectoryEntry):
        return None
    return DirectoryEntry(user_id, shown_name(entry.display_name))
