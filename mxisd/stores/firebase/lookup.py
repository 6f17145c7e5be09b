"""3PID lookups at Firebase, and the list of everybody there."""

from collections.abc import Iterator, Mapping, Sequence

from attrs import define, field, frozen
from twisted.logger import Logger
from zope.interface import implementer

from mxisd.interfaces import BATCH_LIMIT, IAssociationSource, IThreePidLookup, Put
from mxisd.model.identifiers import UserId
from mxisd.model.threepids import EMAIL, MSISDN, ThreePid
from mxisd.portions import Portions
from mxisd.stores.firebase.accounts import Account, Reader
from mxisd.stores.firebase.api import LOOKUP_LIMIT, Accounts, AddressRefused

log = Logger()

Spelling = tuple[str, str]
"""A field of Google's question, and a value for it."""


@implementer(IThreePidLookup)
@frozen
class FirebaseLookup:
    """Finds accounts by their e-mail address and phone number."""

    name: str
    accounts: Accounts
    reader: Reader

    async def lookup(self, threepids: frozenset[ThreePid]) -> Mapping[ThreePid, UserId]:
        """Ask for as many at once as Google takes."""
        spellings = [each for one in threepids for each in _spellings(one)]
        owners: dict[ThreePid, list[Account]] = {}
        for start in range(0, len(spellings), LOOKUP_LIMIT):
            batch = spellings[start : start + LOOKUP_LIMIT]
            for account in await self._known(batch):
                for threepid in account.own & threepids:
                    owners.setdefault(threepid, []).append(account)
        self._report(owners)
        return {
            threepid: min(found, key=lambda account: account.uid).user_id
            for threepid, found in owners.items()
        }

    async def _known(self, batch: Sequence[Spelling]) -> Sequence[Account]:
        try:
            records = await self.accounts.lookup(_question(batch))
        except AddressRefused:
            if len(batch) == 1:
                # What is no address for Firebase is nobody's there.
                return ()
            half = len(batch) // 2
            first = await self._known(batch[:half])
            return [*first, *await self._known(batch[half:])]
        found = [self.reader.account(record) for record in records]
        return [each for each in found if each is not None and not each.is_disabled]

    def _report(self, owners: Mapping[ThreePid, Sequence[Account]]) -> None:
        count = sum(len({a.uid for a in each}) > 1 for each in owners.values())
        if count:
            log.warn(
                "In {store}, {count} addresses belong to several accounts; the one "
                "whose ID sorts first is taken",
                store=self.name,
                count=count,
            )


@implementer(IAssociationSource)
@define(eq=False)
class FirebaseListing:
    """Lists every account, page by page."""

    name: str
    accounts: Accounts
    reader: Reader
    portions: Portions
    _told: int = field(default=0, init=False)

    async def associations(self, put: Put) -> None:
        """Hand over each page as it comes."""
        skipped, unverified, token, is_more = 0, 0, "", True
        while is_more:
            page = await self.accounts.page(token)
            unverified += sum(map(self.reader.is_left_out, page.records))
            found = await self.portions.mapped(self.reader.account, page.records)
            skipped += found.count(None)
            pairs = [
                (threepid, account.user_id)
                for account in found
                if account is not None and not account.is_disabled
                for threepid in account.own
            ]
            for start in range(0, len(pairs), BATCH_LIMIT):
                await put(pairs[start : start + BATCH_LIMIT])
            token = page.next
            is_more = bool(token)
        self._tell(unverified)
        if skipped:
            log.warn(
                "{count} accounts of {store} have an ID that no Matrix user can have; "
                "nobody finds them",
                store=self.name,
                count=skipped,
            )

    def _tell(self, unverified: int) -> None:
        if unverified != self._told:
            self._told = unverified
            log.info(
                "{count} accounts of {store} have an e-mail address that Firebase has "
                "not verified; it leads to nobody (onlyVerified)",
                store=self.name,
                count=unverified,
            )


def _spellings(threepid: ThreePid) -> Iterator[Spelling]:
    if threepid.medium == EMAIL:
        yield from (("email", each) for each in threepid.spellings)
    elif threepid.medium == MSISDN:
        yield "phoneNumber", f"+{threepid.address}"


def _question(batch: Sequence[Spelling]) -> Mapping[str, Sequence[str]]:
    question: dict[str, list[str]] = {}
    for kind, value in batch:
        question.setdefault(kind, []).append(value)
    return question
