"""The synapseApi store against a real Synapse."""

from collections.abc import Sequence
from typing import Any

from mxisd.interfaces import Store
from mxisd.model.profiles import SearchBy
from mxisd.model.threepids import EMAIL, MSISDN
from mxisd.testing.stores import (
    ALICE,
    AssociationSourceContract,
    DirectoryContract,
    OutageContract,
    Person,
    ProfileContract,
    ThreePidLookupContract,
)
from tests.integration.server import free_port
from tests.integration.synapse import Synapse
from tests.integration.synapse_stores import SynapseCase, add_nobodies, peopled


class ApiCase(SynapseCase):
    """Makes ``synapseApi`` stores."""

    def store(self, synapse: Synapse, **section: Any) -> Store:
        """The store of a section that fits the server."""
        values = {"host": synapse.url, "token": synapse.token, "timeout": "60s"}
        return self.built("synapseApi", **{**values, **section})


class ContractTests(
    ThreePidLookupContract,
    AssociationSourceContract,
    ProfileContract,
    OutageContract,
    ApiCase,
):
    """The store is a store."""

    has_roles = False

    async def store_with(self, people: Sequence[Person]) -> Store:
        """Take the shared homeserver, or fill one."""
        return self.store(self.crowded(people))

    async def store_without_backend(self) -> Store:
        """Point to where nobody listens any more."""
        return self.store(peopled(), host=f"http://127.0.0.1:{free_port()}")


class DirectoryContractTests(DirectoryContract, ApiCase):
    """The store searches, but for parts of addresses: the Admin API cannot."""

    async def store_with(self, people: Sequence[Person]) -> Store:
        """Take the shared homeserver."""
        return self.store(peopled())

    async def test_search_by_3pid(self) -> None:
        """A whole address is needed, in any spelling; names do not count."""
        store = self.store(peopled())
        for term in ("second@example.org", "SECOND@example.org", "+49 171 1234567"):
            hits = await self.hits(store, term, SearchBy.THREEPID)
            self.assertEqual(hits, ["@alice:example.org"], term)
        for term in ("second@", "liddell", "%", "%@example.org"):
            self.assertEqual(await self.hits(store, term, SearchBy.THREEPID), [], term)

    async def test_search_says_when_it_was_limited(self) -> None:
        """No more than the limit, and the page says that there was more."""
        directory = self.store(peopled()).directory
        assert directory is not None
        for limit, expected in ((1, (1, True)), (2, (2, False)), (9, (2, False))):
            page = await directory.search("i", SearchBy.NAME, limit, ALICE.user_id)
            self.assertEqual((len(page.entries), page.limited), expected)


class NobodyTests(ApiCase):
    """Users who are no people, or not there."""

    async def test_who_is_no_person_is_never_told(self) -> None:
        """Neither guests nor deactivated, locked, bridged, bot or support users."""
        synapse = self.synapse()
        nobodies = add_nobodies(synapse)
        store = self.store(synapse)
        addresses = [f"nobody{index}@example.org" for index in range(len(nobodies))]
        self.assertEqual(await self.found(store, EMAIL, *addresses), {})
        self.assertEqual(await self.listed(store), [])
        self.assertEqual(await self.hits(store, "Nobody"), [])
        for user_id, address in zip(nobodies, addresses, strict=True):
            self.assertIsNone(await self.profile(store, user_id), user_id)
            self.assertEqual(await self.hits(store, address, SearchBy.THREEPID), [])

    async def test_suspended_users_stay(self) -> None:
        """Who may only read is still who has the address."""
        synapse = self.synapse()
        address = (EMAIL, "quiet@example.org")
        quiet = Person(username="quiet", display_name="Quiet", threepids=[address])
        user_id = synapse.add(quiet)
        synapse.suspend(user_id)
        store = self.store(synapse)
        self.assertEqual(await self.found(store, *address), {address[1]: user_id})
        self.assertEqual(await self.hits(store, "quiet"), [user_id])


class OddTests(ApiCase):
    """What administrators write, and what askers try."""

    async def test_odd_3pids_are_left_out(self) -> None:
        """One that is none does not hide the others; the log knows how many."""
        synapse = self.synapse()
        odd = [(EMAIL, "no address@example.org"), (EMAIL, "good@example.org")]
        numbers = ("12", "+49 30 1234567", "+49301234568")
        odd += [(MSISDN, number) for number in numbers]
        threepids = [{"medium": m, "address": a} for m, a in odd]
        synapse.put_user("@odd:example.org", threepids=threepids)
        store, lines = self.store(synapse), self.log_lines()
        listed = {threepid.address for threepid, _ in await self.listed(store)}
        self.assertEqual(listed, {"good@example.org", "49301234567", "49301234568"})
        (line,) = [each for each in lines if "illegal" in each]
        self.assertIn("2 3PIDs", line)
        self.assertNotIn("no address", line)
        found = await self.found(store, MSISDN, "49301234568")
        self.assertEqual(found, {"49301234568": "@odd:example.org"})

    async def test_metacharacters_find_nobody(self) -> None:
        """In whatever way an address is written, it is an address."""
        store = self.store(peopled())
        for name in (
            "%",
            "_lice",
            "a/../alice",
            "alice?x=",
            "alice#",
            "a\\",
            "💥",
            "..",
        ):
            found = await self.found(store, EMAIL, f"{name}@example.org")
            self.assertEqual(found, {}, name)

    async def test_metacharacters_in_a_user_id_find_nobody(self) -> None:
        """A user ID is one segment of a path."""
        store = self.store(peopled())
        for name in ("%", "a/../alice", "alice?x=", "..", "alice/../..", "ünal"):
            self.assertIsNone(await self.profile(store, f"@{name}:example.org"), name)

    async def test_capitals_in_a_user_id(self) -> None:
        """A historical spelling leads to the user of today."""
        profile = await self.profile(self.store(peopled()), "@ALICE:example.org")
        assert profile is not None
        self.assertEqual(profile.display_name, "Alice Liddell")

    async def test_search_pages_through_many(self) -> None:
        """A search sees more than a page of users who are not meant."""
        crowd = [Person(username=f"xyz{i}", display_name="A Z") for i in range(450)]
        synapse = self.synapse()
        synapse.add_crowd([*crowd, Person(username="zzz", display_name="A_Z")])
        self.assertEqual(
            await self.hits(self.store(synapse), "a_z"), ["@zzz:example.org"]
        )


class TokenTests(ApiCase):
    """Tokens that are none, or of the wrong user."""

    async def test_unknown_token(self) -> None:
        """It is the operator's to mend, and no absence."""
        store = self.store(peopled(), token="unknown")
        await self.assert_misconfigured(self.found(store, EMAIL, "x@y.org"), "token")
        await self.assert_misconfigured(self.listed(store), "token")
        await self.assert_misconfigured(self.hits(store, "alice"), "token")
        await self.assert_misconfigured(
            self.profile(store, "@alice:example.org"), "token"
        )
        self.assertEqual(await self._problems(store), ["token"])

    async def test_token_of_an_ordinary_user(self) -> None:
        """Only administrators may ask."""
        token = peopled().token_of("@silent:example.org")
        store = self.store(peopled(), token=token)
        await self.assert_misconfigured(self.found(store, EMAIL, "x@y.org"), "token")
        self.assertEqual(await self._problems(store), ["token"])

    async def test_path_of_nothing(self) -> None:
        """A URL where there is no Synapse is no empty Synapse."""
        store = self.store(peopled(), host=f"{peopled().url}/elsewhere/")
        await self.assert_misconfigured(self.found(store, EMAIL, "x@y.org"), "host")
        self.assertEqual(await self._problems(store), ["host"])

    async def test_good_token_has_no_problems(self) -> None:
        """And a slash at the end of the host does not matter."""
        store = self.store(peopled(), host=f"{peopled().url}/")
        self.assertEqual(await self._problems(store), [])

    async def _problems(self, store: Store) -> list[str]:
        assert store.self_check is not None
        return [problem.path for problem in await store.self_check.problems()]


class OutageTests(ApiCase):
    """A homeserver that goes and comes back."""

    async def test_hanging_and_restarting(self) -> None:
        """A hang ends in time; after a restart everything is as before."""
        synapse = self.synapse([ALICE])
        store = self.store(synapse, timeout="2s")
        mail = "alice@example.org"
        synapse.pause()
        await self.assert_unavailable(self.found(store, EMAIL, mail), "within 2 s")
        await self.assert_unavailable(self.listed(store))
        synapse.resume()
        self.assertEqual(len(await self.found(self.store(synapse), EMAIL, mail)), 1)
        synapse.stop()
        await self.assert_unavailable(self.found(store, EMAIL, mail), "no connection")
        synapse.start()
        self.assertEqual(len(await self.found(self.store(synapse), EMAIL, mail)), 1)
