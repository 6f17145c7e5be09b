"""What tests of stores around a Synapse share."""

import atexit
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from mxisd.config.structure import Section
from mxisd.drivers.http import http_clients
from mxisd.errors import Misconfigured
from mxisd.interfaces import Store, Tools
from mxisd.model.identifiers import UserId
from mxisd.model.profiles import Profile, SearchBy
from mxisd.model.threepids import EMAIL, canonical
from mxisd.plugins import find_factories
from mxisd.testing.stores import ALICE, DOMAIN, PEOPLE, Person
from tests.integration.store_case import StoreCase
from tests.integration.synapse import Synapse


@cache
def peopled() -> Synapse:
    """A Synapse with the contracts' people, for all tests that only read it."""
    synapse = Synapse().start()
    atexit.register(synapse.remove)
    for person in PEOPLE:
        synapse.add(person)
    return synapse


def add_nobodies(synapse: Synapse) -> list[str]:
    """
    Make users of every kind that nobody shall find, each called Nobody.

    :return: Their user IDs; their addresses are ``nobodyN@example.org``.
    """
    guest = synapse.guest()
    users: dict[str, dict[str, Any]] = {
        "@dead:example.org": {"deactivated": True},
        "@locked:example.org": {"locked": True},
        "@bot:example.org": {"user_type": "bot"},
        "@support:example.org": {"user_type": "support"},
        synapse.bridged("x"): {},
        guest: {},
    }
    for index, (user_id, state) in enumerate(users.items()):
        address = f"nobody{index}@example.org"
        person = {
            "displayname": f"Nobody {index}",
            "threepids": [{"medium": EMAIL, "address": address}],
        }
        synapse.put_user(user_id, **person)
        if user_id != guest:
            synapse.bind(user_id, [(EMAIL, address)])
        if state:
            synapse.put_user(user_id, **state)
    return list(users)


class SynapseCase(StoreCase):
    """Starts homeservers, makes stores, and cleans up."""

    timeout = 240

    def synapse(self, people: Iterable[Person] = ()) -> Synapse:
        """A running Synapse of the test's own."""
        synapse = Synapse()
        self.addCleanup(synapse.remove)
        synapse.start()
        for person in people:
            synapse.add(person)
        return synapse

    def crowded(self, people: Sequence[Person]) -> Synapse:
        """A running Synapse with exactly these people, perhaps a thousand."""
        if people is PEOPLE:
            return peopled()
        synapse = self.synapse()
        synapse.add_crowd(people)
        return synapse

    def built(self, store_type: str, **section: Any) -> Store:
        """The store of a section; its connections end with the test."""
        http = http_clients(reactor, user_agent="mxisd")
        self.addCleanup(lambda: Deferred.fromCoroutine(http.configured.close()))
        tools = Tools(name="home", domain=DOMAIN, reactor=reactor, http=http.stores)
        factory = find_factories()[store_type]
        store: Store = factory.build(factory.parse(Section(section)), tools)
        if store.service is not None:
            self.addCleanup(store.service.stopService)
        return store

    async def found(self, store: Store, medium: str, *addresses: str) -> dict[str, str]:
        """User IDs by canonical address."""
        assert store.lookup is not None
        keys = frozenset(canonical(medium, address) for address in addresses)
        answer = await store.lookup.lookup(keys)
        return {key.address: str(user_id) for key, user_id in answer.items()}

    async def hits(
        self, store: Store, term: str, by: SearchBy = SearchBy.NAME, limit: int = 10
    ) -> list[str]:
        """The user IDs of a search, sorted."""
        assert store.directory is not None
        page = await store.directory.search(term, by, limit, ALICE.user_id)
        return sorted(str(entry.user_id) for entry in page.entries)

    async def profile(self, store: Store, user_id: str) -> Profile | None:
        """The profile of a user."""
        assert store.profile is not None
        return await store.profile.profile(UserId.parse(user_id))

    async def assert_misconfigured(self, answer: Any, path: str) -> None:
        """The question fails, and names a key."""
        with self.assertRaises(Misconfigured) as caught:
            await answer
        self.assertEqual(caught.exception.path, path)
