"""The user directory and profiles of Firebase's accounts."""

import re
from collections.abc import Callable

from attrs import frozen
from zope.interface import implementer

from mxisd.errors import StoreUnavailable
from mxisd.interfaces import IDirectory, IProfile
from mxisd.model.identifiers import UserId
from mxisd.model.profiles import DirectoryPage, Profile, SearchBy
from mxisd.stores.firebase.accounts import Account, Reader
from mxisd.stores.firebase.api import Accounts
from mxisd.stores.firebase.people import PeopleList, Person

TERM_LIMIT = 500
"""The longest term that is searched, in characters."""

DIGITS = 3
"""How much of a phone number must be known: fewer digits are in every number."""

_PUNCTUATION = re.compile(r"[\s()/.-]+")


@implementer(IDirectory)
@frozen
class FirebaseDirectory:
    """Searches the list of accounts."""

    people: PeopleList

    async def search(
        self, term: str, by: SearchBy, limit: int, searcher: UserId
    ) -> DirectoryPage:
        """Look at each account."""
        folded = term.strip().casefold()
        if not folded or len(folded) > TERM_LIMIT:
            return DirectoryPage()
        people = await self.people.people()
        matches = _by_name(folded) if by is SearchBy.NAME else _by_address(folded)
        hits = [
            person.entry for person in people.by_user_id.values() if matches(person)
        ]
        is_limited = people.is_cut or len(hits) > limit
        return DirectoryPage(tuple(hits[:limit]), is_limited)


@implementer(IProfile)
@frozen
class FirebaseProfile:
    """Reads an account as it is now."""

    people: PeopleList
    accounts: Accounts
    reader: Reader

    async def profile(self, user_id: UserId) -> Profile | None:
        """
        Describe a user.

        Firebase's own IDs have capitals, and a user ID has none: the list tells.
        """
        wanted = UserId(user_id.localpart.lower(), user_id.server_name)
        if self.reader.user_id(wanted.localpart) != wanted:
            return None
        account = await self._account(wanted.localpart)
        if account is None:
            people = await self.people.people()
            person = people.by_user_id.get(wanted)
            if person is None and people.is_cut:
                raise StoreUnavailable("there are more accounts than directory.limit")
            account = None if person is None else await self._account(person.uid)
        return account.profile if account and not account.is_disabled else None

    async def _account(self, uid: str) -> Account | None:
        records = await self.accounts.lookup({"localId": [uid]})
        found = (self.reader.account(record) for record in records)
        return next((each for each in found if each and each.uid == uid), None)


def _by_name(folded: str) -> Callable[[Person], bool]:
    def matches(person: Person) -> bool:
        name = person.entry.display_name or ""
        return folded in person.entry.user_id.localpart or folded in name.casefold()

    return matches


def _by_address(folded: str) -> Callable[[Person], bool]:
    digits = _PUNCTUATION.sub("", folded).removeprefix("+")
    is_number = digits.isascii() and digits.isdecimal() and len(digits) >= DIGITS
    parts = (folded, digits) if is_number else (folded,)

    def matches(person: Person) -> bool:
        return any(part in each for each in person.addresses for part in parts)

    return matches
