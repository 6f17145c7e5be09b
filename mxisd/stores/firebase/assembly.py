"""The parts of the store, joined."""

from collections.abc import Mapping, Sequence

from attrs import frozen
from twisted.application.service import Service
from zope.interface import implementer

from mxisd.errors import Misconfigured, Problem
from mxisd.interfaces import ISelfCheck, Store, Tools
from mxisd.portions import Portions
from mxisd.stores.firebase import credentials
from mxisd.stores.firebase.access import FixedAccess, IAccess, ServiceAccess
from mxisd.stores.firebase.accounts import Reader
from mxisd.stores.firebase.api import Accounts
from mxisd.stores.firebase.directory import FirebaseDirectory, FirebaseProfile
from mxisd.stores.firebase.id_tokens import IdTokens
from mxisd.stores.firebase.keys import SigningKeys
from mxisd.stores.firebase.login import FirebaseAuthenticator
from mxisd.stores.firebase.lookup import FirebaseListing, FirebaseLookup
from mxisd.stores.firebase.people import PeopleList
from mxisd.stores.firebase.settings import FirebaseSettings


def assembled(
    settings: FirebaseSettings, tools: Tools, environment: Mapping[str, str]
) -> Store:
    """
    Make the store.

    :raise ConfigError: If the credentials cannot be read.
    """
    access, project = _access(settings, tools, environment)
    accounts = Accounts(tools.http, access, settings.endpoints.accounts, project)
    reader = Reader(tools.domain, settings.only_verified, settings.profile.role_claim)
    directory = settings.directory
    people = PeopleList(
        tools.name,
        accounts,
        reader,
        tools.reactor,
        refresh=directory.refresh,
        limit=directory.limit,
    )
    keys = SigningKeys(tools.http, tools.reactor, settings.endpoints.certificates)
    tokens = IdTokens(keys, project, tools.reactor)
    listing = FirebaseListing(tools.name, accounts, reader, Portions(tools.reactor))
    return Store(
        lookup=FirebaseLookup(tools.name, accounts, reader),
        associations=listing if settings.hash_enabled else None,
        authenticator=FirebaseAuthenticator(tools.name, tokens, accounts, reader),
        directory=FirebaseDirectory(people) if directory.enabled else None,
        profile=FirebaseProfile(people, accounts, reader),
        self_check=_SelfCheck(accounts, keys),
        service=_Reading(people),
    )


def _access(
    settings: FirebaseSettings, tools: Tools, environment: Mapping[str, str]
) -> tuple[IAccess, str]:
    """How we get access, and to which project."""
    if settings.access_token is not None:
        return FixedAccess(settings.access_token), settings.project
    name = credentials.file_name(settings.credentials, environment)
    account = credentials.read(name)
    url = settings.endpoints.token or account.token_uri
    access = ServiceAccess(tools.http, tools.reactor, account, url)
    return access, settings.project or account.project


class _Reading(Service):
    """Ends what is under way when the server stops."""

    def __init__(self, people: PeopleList) -> None:
        self._people = people

    def stopService(self) -> None:
        super().stopService()
        self._people.stop()


@implementer(ISelfCheck)
@frozen
class _SelfCheck:
    """Asks for one account, and for the keys."""

    accounts: Accounts
    keys: SigningKeys

    async def problems(self) -> Sequence[Problem]:
        try:
            await self.accounts.page("", size=1)
        except Misconfigured as error:
            return [error.as_problem]
        await self.keys.key("")
        return []
