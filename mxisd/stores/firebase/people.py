"""A list of the accounts in memory: Firebase itself cannot search."""

from collections.abc import Mapping, Sequence

from attrs import frozen
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mxisd.errors import StoreUnavailable
from mxisd.model.identifiers import UserId
from mxisd.model.profiles import DirectoryEntry
from mxisd.portions import Portions
from mxisd.stores.firebase.accounts import Account, Reader
from mxisd.stores.firebase.api import Accounts
from mxisd.stores.firebase.sharing import Shared

log = Logger()

STALE = 3
"""A list that cannot be read anew is used until it is so many times too old."""


@frozen
class Person:
    """
    What is kept of an account.

    :ivar addresses: Folded, in each spelling; phone numbers as digits.
    """

    uid: str
    entry: DirectoryEntry
    addresses: Sequence[str]


@frozen
class People:
    """
    The accounts as of a time.

    :ivar is_cut: Whether there are more accounts than are kept.
    """

    by_user_id: Mapping[UserId, Person]
    is_cut: bool
    read_at: float


class PeopleList:
    """
    Keeps the accounts that are not disabled, and reads them anew when they are old.

    While that is done, the old list is good for a while. Who cannot wait for the first
    one gets it at the next question.
    """

    def __init__(
        self,
        name: str,
        accounts: Accounts,
        reader: Reader,
        clock: IReactorTime,
        *,
        refresh: float,
        limit: int,
    ) -> None:
        self._name = name
        self._accounts = accounts
        self._reader = reader
        self._clock = clock
        self._portions = Portions(clock)
        self._refresh = refresh
        self._limit = limit
        self._known: People | None = None
        self._reading = Shared(self._read)

    async def people(self) -> People:
        """
        The accounts.

        :raise StoreUnavailable: If they cannot be had, or only far too old ones.
        """
        known = self._known
        if known is None:
            return await self._reading.result()
        age = self._clock.seconds() - known.read_at
        if age >= STALE * self._refresh:
            return await self._reading.result()
        if age >= self._refresh:
            self._reading.start()
        return known

    def stop(self) -> None:
        """Stop reading."""
        self._reading.stop()

    async def _read(self) -> People:
        found: dict[UserId, Person] = {}
        token, is_more = "", True
        read_at = self._clock.seconds()
        while is_more and len(found) <= self._limit:
            try:
                page = await self._accounts.page(token)
            except StoreUnavailable as error:
                log.debug("{store}: no list: {why}", store=self._name, why=str(error))
                raise
            for person in await self._portions.mapped(self._person, page.records):
                if person is not None:
                    found.setdefault(person.entry.user_id, person)
            token = page.next
            is_more = bool(token)
        is_cut = is_more or len(found) > self._limit
        kept = dict(list(found.items())[: self._limit])
        self._report(is_cut)
        self._known = People(kept, is_cut, read_at)
        return self._known

    def _person(self, record: object) -> Person | None:
        account = self._reader.account(record)
        if account is None or account.is_disabled:
            return None
        return _person(account)

    def _report(self, is_cut: bool) -> None:
        was_cut = self._known is not None and self._known.is_cut
        if is_cut and not was_cut:
            log.warn(
                "{store} has more than {count} accounts: the others are not found in "
                "the user directory; see directory.limit",
                store=self._name,
                count=self._limit,
            )


def _person(account: Account) -> Person:
    return Person(
        account.uid,
        DirectoryEntry(account.user_id, account.profile.display_name),
        tuple(sorted(s for each in account.profile.threepids for s in each.spellings)),
    )
