# SPDX-License-Identifier: Apache-2.0
"""Settings -> store, and the store: what mxisd asks, answered from the file."""

from collections.abc import Mapping
from itertools import islice
from pathlib import Path

from attrs import frozen
from mxisd.interfaces import (
    BATCH_LIMIT,
    IAssociationSource,
    IAuthenticator,
    IDirectory,
    IProfile,
    ISection,
    IThreePidLookup,
    Put,
    Store,
    Tools,
)
from mxisd.model.identifiers import UserId
from mxisd.model.login import Accepted, NoSuchUser, Refused, Verdict
from mxisd.model.profiles import DirectoryPage, Profile, SearchBy
from mxisd.model.secret import Secret
from mxisd.model.settings import option
from mxisd.model.threepids import ThreePid
from zope.interface import implementer

from mxisd_csv_store.files import PeopleFile


def _not_blank(value: str) -> None:
    if not value.strip():
        raise ValueError("must not be empty")


@frozen(kw_only=True)
class CsvSettings:
    """The keys of the section."""

    file: str = option("The CSV file with the people.", check=_not_blank)


def parse(section: ISection) -> CsvSettings:
    """
    Judge the section; whether the file is there is not asked yet.

    :raise ConfigError: With every problem.
    """
    return section.read(CsvSettings)


def build(settings: CsvSettings, tools: Tools) -> Store:
    """Make the store; the file is read at the first question."""
    # A daemon may change its folder later.
    store = CsvStore(PeopleFile(Path(settings.file).absolute(), tools))
    return Store(
        lookup=store,
        associations=store,
        authenticator=store,
        directory=store,
        profile=store,
    )


@implementer(IThreePidLookup, IAssociationSource, IAuthenticator, IDirectory, IProfile)
@frozen
class CsvStore:
    """Everything that can be asked; :mod:`mxisd.interfaces` says what is answered."""

    file: PeopleFile

    async def lookup(self, threepids: frozenset[ThreePid]) -> Mapping[ThreePid, UserId]:
        """Find the users behind 3PIDs."""
        owners = (await self.file.people()).owners
        return {each: owners[each] for each in threepids if each in owners}

    async def associations(self, put: Put) -> None:
        """List every 3PID with its user."""
        rest = iter((await self.file.people()).owners.items())
        while batch := list(islice(rest, BATCH_LIMIT)):
            await put(batch)

    async def authenticate(self, user_id: UserId, password: Secret) -> Verdict:
        """Judge a password."""
        person = (await self.file.people()).find(user_id)
        if person is None or person.password is None:
            # Another store may know the user, or the password.
            return NoSuchUser()
        if not password:
            return Refused()
        if not await self.file.in_thread(person.password.is_of, password):
            return Refused()
        return Accepted(person.user_id, person.profile)

    async def search(
        self, term: str, by: SearchBy, limit: int, searcher: UserId
    ) -> DirectoryPage:
        """Find people by a part of their names or addresses."""
        people = await self.file.people()
        return await self.file.in_thread(people.search, term, by, limit)

    async def profile(self, user_id: UserId) -> Profile | None:
        """Describe a user."""
        person = (await self.file.people()).find(user_id)
        return None if person is None else person.profile
