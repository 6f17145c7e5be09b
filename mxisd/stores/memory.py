"""People who are written in the configuration itself."""

import hmac
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from attrs import frozen
from zope.interface import implementer

from mxisd.errors import ConfigError, Problem
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
from mxisd.model.identifiers import IllegalIdentifier, UserId
from mxisd.model.login import Accepted, NoSuchUser, Refused, Verdict
from mxisd.model.profiles import DirectoryEntry, DirectoryPage, Profile, SearchBy
from mxisd.model.secret import Secret
from mxisd.model.settings import option
from mxisd.model.threepids import IllegalThreePid, ThreePid
from mxisd.portions import Portions

STEP = 500
"""3PIDs that are looked for without a break: up to 1 µs each."""


@frozen(kw_only=True)
class ThreePidSettings:
    """One 3PID of a person."""

    medium: str = option("``email``, ``msisdn`` or a medium of your own.")
    address: str = option(
        "The address; phone numbers in international form, or of ``defaultCountry``."
    )


@frozen(kw_only=True)
class IdentitySettings:
    """One person."""

    username: str = option("The localpart of the user ID; it is lower-cased.")
    password: Secret | None = option("Without one the user cannot log in.", None)
    display_name: str | None = option("The name that others see.", None)
    threepids: tuple[ThreePidSettings, ...] = option("3PIDs that lead here.", ())
    roles: tuple[str, ...] = option("Roles, for policies.", ())


@frozen(kw_only=True)
class MemorySettings:
    """People who are written in the configuration itself."""

    identities: tuple[IdentitySettings, ...] = option("The people.", ())
    hash_enabled: bool = option("Whether they are found by hash.", True)


@frozen
class _Person:
    user_id: UserId
    password: Secret | None
    profile: Profile

    @property
    def entry(self) -> DirectoryEntry:
        return DirectoryEntry(self.user_id, self.profile.display_name)

    def matches(self, term: str, by: SearchBy) -> bool:
        if by is SearchBy.THREEPID:
            threepids = self.profile.threepids
            texts = [text for each in threepids for text in each.spellings]
        else:
            texts = [self.user_id.localpart, self.profile.display_name or ""]
        return any(term.casefold() in text.casefold() for text in texts)


def parse(section: ISection) -> MemorySettings:
    """
    Judge the section.

    :raise ConfigError: Also for names and addresses that are illegal or there twice.
    """
    settings = section.read(MemorySettings)
    problems = [*_username_problems(settings), *_threepid_problems(settings, section)]
    if problems:
        raise ConfigError(problems)
    return settings


def build(settings: MemorySettings, tools: Tools) -> Store:
    """Make the store."""
    persons = [_person(one, tools) for one in settings.identities]
    people = _People(persons, Portions(tools.reactor))
    return Store(
        lookup=people,
        associations=people if settings.hash_enabled else None,
        authenticator=people,
        directory=people,
        profile=people,
    )


@implementer(IThreePidLookup, IAssociationSource, IAuthenticator, IDirectory, IProfile)
class _People:
    def __init__(self, people: Sequence[_Person], portions: Portions) -> None:
        self._portions = portions
        self._people: Mapping[UserId, _Person] = {p.user_id: p for p in people}
        self._owners: Mapping[ThreePid, UserId] = {
            threepid: person.user_id
            for person in people
            for threepid in person.profile.threepids
        }

    async def lookup(self, threepids: frozenset[ThreePid]) -> Mapping[ThreePid, UserId]:
        found: dict[ThreePid, UserId] = {}

        def find(some: Sequence[ThreePid]) -> None:
            owners = ((each, self._owners.get(each)) for each in some)
            found.update({each: owner for each, owner in owners if owner is not None})

        await self._portions.each(find, tuple(threepids), step=STEP)
        return found

    async def associations(self, put: Put) -> None:
        rest = iter(self._owners.items())
        while batch := list(islice(rest, BATCH_LIMIT)):
            await put(batch)

    async def authenticate(self, user_id: UserId, password: Secret) -> Verdict:
        person = self._person(user_id)
        if person is None:
            return NoSuchUser()
        if not password or not person.password or not _same(password, person.password):
            return Refused()
        return Accepted(person.user_id, person.profile)

    async def search(
        self, term: str, by: SearchBy, limit: int, searcher: UserId
    ) -> DirectoryPage:
        hits = [p.entry for p in self._people.values() if p.matches(term, by)]
        return DirectoryPage(tuple(hits[:limit]), limited=len(hits) > limit)

    async def profile(self, user_id: UserId) -> Profile | None:
        person = self._person(user_id)
        return None if person is None else person.profile

    def _person(self, user_id: UserId) -> _Person | None:
        known = user_id.canonical
        return None if known is None else self._people.get(known)


def _same(one: Secret, other: Secret) -> bool:
    return hmac.compare_digest(
        one.value.encode(errors="surrogatepass"),
        other.value.encode(errors="surrogatepass"),
    )


def _person(settings: IdentitySettings, tools: Tools) -> _Person:
    read = tools.addresses.read
    threepids = frozenset(read(t.medium, t.address) for t in settings.threepids)
    profile = Profile(settings.display_name, threepids, frozenset(settings.roles))
    user_id = UserId.of(settings.username, tools.domain)
    return _Person(user_id, settings.password, profile)


def _username_problems(settings: MemorySettings) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, identity in enumerate(settings.identities):
        path = f"identities.{index}.username"
        try:
            username = UserId.of(identity.username, "example.org").localpart
        except IllegalIdentifier as error:
            yield Problem(path, f"is {error}")
            continue
        if username in seen:
            yield Problem(path, "is there twice, or differs only in capitals")
        seen.add(username)


def _threepid_problems(
    settings: MemorySettings, section: ISection
) -> Iterator[Problem]:
    seen: set[ThreePid] = set()
    for path, threepid in _threepids(settings):
        try:
            known = section.addresses.read(threepid.medium, threepid.address)
        except IllegalThreePid as error:
            yield Problem(path, str(error))
            continue
        if known in seen:
            yield Problem(path, "is there twice: a 3PID leads to one person")
        seen.add(known)


def _threepids(settings: MemorySettings) -> Iterable[tuple[str, ThreePidSettings]]:
    for index, identity in enumerate(settings.identities):
        for number, threepid in enumerate(identity.threepids):
            yield f"identities.{index}.threepids.{number}.address", threepid
