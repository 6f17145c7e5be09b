"""3PID lookups by the Admin API, and the list of all 3PIDs."""

from collections.abc import Mapping, Sequence

from attrs import frozen
from twisted.logger import Logger
from zope.interface import implementer

from mxisd.drivers.http.json_client import all_of
from mxisd.interfaces import BATCH_LIMIT, IAssociationSource, IThreePidLookup, Put
from mxisd.model.identifiers import UserId
from mxisd.model.threepids import EMAIL, MSISDN, ThreePid
from mxisd.stores.synapse.api.accounts import Account, account, is_person
from mxisd.stores.synapse.api.admin import AdminApi, User

MEDIUMS = (EMAIL, MSISDN)
"""What users of Synapse can add to their accounts."""

PAGE = 200
"""Users in a page of the list; each of them is a request more."""

log = Logger()


@implementer(IThreePidLookup)
@frozen
class ApiLookup:
    """Asks for each address, and then for each owner: the API knows no better way."""

    api: AdminApi

    async def lookup(self, threepids: frozenset[ThreePid]) -> Mapping[ThreePid, UserId]:
        """Find the people among the owners."""
        wanted = [each for each in threepids if each.medium in MEDIUMS]
        owners = await all_of(self._owner(each) for each in wanted)
        found = {t: o for t, o in zip(wanted, owners, strict=True) if o is not None}
        people = await self._people(frozenset(found.values()))
        return {t: people[o] for t, o in found.items() if o in people}

    async def _owner(self, threepid: ThreePid) -> str | None:
        for spelling in _spellings(threepid):
            owner = await self.api.owner(threepid.medium, spelling)
            if owner is not None:
                return owner
        return None

    async def _people(self, owners: frozenset[str]) -> Mapping[str, UserId]:
        names = list(owners)
        users = await all_of(self.api.user(each) for each in names)
        known = {
            name: account(user)
            for name, user in zip(names, users, strict=True)
            if user is not None and is_person(user)
        }
        report_illegal(self.api.name, [*known.values()])
        return {name: each.user_id for name, each in known.items() if each is not None}


@implementer(IAssociationSource)
@frozen
class ApiListing:
    """Lists everybody page by page, and asks for the 3PIDs of each."""

    api: AdminApi

    async def associations(self, put: Put) -> None:
        """Hand over each page as it comes, an empty one, too: as a sign of life."""
        illegal_users = illegal_threepids = 0

        async def take(page: Sequence[User]) -> bool:
            nonlocal illegal_users, illegal_threepids
            accounts = await people(self.api, page)
            known = [each for each in accounts if each is not None]
            illegal_users += len(accounts) - len(known)
            illegal_threepids += sum(each.illegal for each in known)
            pairs = [(t, each.user_id) for each in known for t in each.threepids]
            for start in range(0, max(1, len(pairs)), BATCH_LIMIT):
                await put(pairs[start : start + BATCH_LIMIT])
            return True

        await self.api.each_page(take, PAGE)
        report(self.api.name, illegal_users, illegal_threepids)


async def people(api: AdminApi, page: Sequence[User]) -> list[Account | None]:
    """
    Everything about those in a page who are people.

    :return: ``None`` for each with an illegal user ID.
    """
    accounts = [account(user) for user in page if is_person(user)]
    known = [each.user_id for each in accounts if each is not None]
    users = await all_of(api.user(str(each)) for each in known)
    told = [account(user) for user in users if user is not None and is_person(user)]
    return [*told, *([None] * accounts.count(None))]


def report_illegal(store: str, accounts: Sequence[Account | None]) -> None:
    """Log how many user IDs, and 3PIDs of others, make no sense."""
    known = [each for each in accounts if each is not None]
    report(store, len(accounts) - len(known), sum(each.illegal for each in known))


def report(store: str, users: int, threepids: int) -> None:
    """Log it, if there are any."""
    if users or threepids:
        log.warn(
            "{store}: {users} user IDs and {threepids} 3PIDs of Synapse are illegal, "
            "and left out",
            store=store,
            users=users,
            threepids=threepids,
        )


def _spellings(threepid: ThreePid) -> tuple[str, ...]:
    # Synapse keeps digits; administrators may have written a plus before them.
    if threepid.medium == MSISDN:
        return (threepid.address, f"+{threepid.address}")
    return threepid.spellings
