from collections.abc import Sequence
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mxisd.config.structure import Section
from mxisd.errors import ConfigError
from mxisd.interfaces import Store, Tools
from mxisd.model.identifiers import UserId
from mxisd.model.login import Refused
from mxisd.model.profiles import SearchBy
from mxisd.model.secret import Secret
from mxisd.model.stored import StoredAddresses
from mxisd.model.threepids import canonical
from mxisd.stores import memory
from mxisd.testing.stores import (
    DOMAIN,
    AssociationSourceContract,
    AuthenticatorContract,
    DirectoryContract,
    Person,
    ProfileContract,
    ThreePidLookupContract,
)

BOB = UserId("bob", DOMAIN)
TOOLS = Tools(name="memory", domain=DOMAIN, reactor=None, http=None)


def store(values: dict[str, Any]) -> Store:
    """The store of a section."""
    return memory.build(memory.parse(Section(values)), TOOLS)


def identity(person: Person) -> dict[str, Any]:
    """A person as the configuration has it."""
    return {
        "username": person.username,
        "password": person.password,
        "displayName": person.display_name,
        "threepids": [{"medium": m, "address": a} for m, a in person.threepids],
        "roles": list(person.roles),
    }


class MemoryContractTests(
    ThreePidLookupContract,
    AssociationSourceContract,
    DirectoryContract,
    ProfileContract,
    TestCase,
):
    """The memory store is a store."""

    async def store_with(self, people: Sequence[Person]) -> Store:
        """Write them into the configuration."""
        return store({"identities": [identity(person) for person in people]})


class MemoryAuthenticatorTests(AuthenticatorContract, TestCase):
    """The memory store checks passwords."""

    async def store_with(self, people: Sequence[Person]) -> Store:
        """Write them into the configuration."""
        return store({"identities": [identity(person) for person in people]})

    async def test_empty_configured_password_lets_nobody_in(self) -> None:
        """An empty password in the configuration is none."""
        people = {"identities": [{"username": "eve", "password": ""}]}
        login = store(people).authenticator
        assert login is not None
        for password in ("", "x"):
            verdict = await login.authenticate(UserId("eve", DOMAIN), Secret(password))
            self.assertEqual(verdict, Refused())


class MemorySettingsTests(SynchronousTestCase):
    """What the section may hold."""

    def problems(self, *identities: dict[str, Any]) -> list[str]:
        """The paths of all problems."""
        with self.assertRaises(ConfigError) as caught:
            memory.parse(Section({"identities": list(identities)}))
        return [problem.path for problem in caught.exception.problems]

    def test_national_numbers(self) -> None:
        """They are read where the operator says of which country they are."""
        values = {
            "identities": [
                {
                    "username": "ann",
                    "threepids": [{"medium": "MSISDN", "address": "(0171) 1234567"}],
                }
            ]
        }
        self.assertRaises(ConfigError, memory.parse, Section(values))
        german = StoredAddresses("DE")
        settings = memory.parse(Section(values, addresses=german))
        people: Any = memory.build(settings, evolve(TOOLS, addresses=german)).lookup
        asked = canonical("msisdn", "+491711234567")
        found = self.successResultOf(
            Deferred.fromCoroutine(people.lookup(frozenset([asked])))
        )
        self.assertEqual(list(found), [asked])

    def test_search_by_either_label(self) -> None:
        """Part of the domain is found, as it is read and as it is kept."""
        values = {
            "identities": [
                {
                    "username": "ann",
                    "threepids": [{"medium": "email", "address": "ann@bücher.example"}],
                }
            ]
        }
        directory: Any = store(values).directory
        for term in ("Büch", "xn--bch", "ann@b"):
            searching = directory.search(term, SearchBy.THREEPID, 9, BOB)
            page = self.successResultOf(Deferred.fromCoroutine(searching))
            self.assertEqual(len(page.entries), 1, term)

    def test_hash_lookup_can_be_switched_off(self) -> None:
        """An explicit ``hashEnabled: false`` is respected; absent means on."""
        self.assertIsNotNone(store({}).associations)
        self.assertIsNone(store({"hashEnabled": False}).associations)

    def test_every_problem_is_told_with_its_place(self) -> None:
        """Illegal and double names and addresses are all reported at once."""
        mail = {"medium": "email", "address": "a@example.org"}
        found = self.problems(
            {"username": "ann", "threepids": [mail]},
            {"username": "ANN"},
            {"username": " "},
            {
                "username": "bea",
                "threepids": [
                    {"medium": "email", "address": "A@EXAMPLE.ORG"},
                    {"medium": "msisdn", "address": "0171 5"},
                ],
            },
        )
        self.assertEqual(
            found,
            [
                "identities.1.username",
                "identities.2.username",
                "identities.3.threepids.0.address",
                "identities.3.threepids.1.address",
            ],
        )

    def test_passwords_are_not_shown(self) -> None:
        """The settings can be printed without showing a password."""
        settings = memory.parse(
            Section({"identities": [{"username": "ann", "password": "hush-hush"}]})
        )
        self.assertNotIn("hush-hush", repr(settings))
