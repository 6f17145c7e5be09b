"""The homeserverDirectory store against a real Synapse."""

from typing import Any

from mxisd.interfaces import Store
from mxisd.model.profiles import DirectoryEntry, SearchBy
from mxisd.testing.stores import ALICE, BOB, SILENT
from tests.integration.server import free_port
from tests.integration.synapse_stores import SynapseCase, peopled


class HomeserverDirectoryTests(SynapseCase):
    """Searches pass through to the other homeserver."""

    def store(self, **section: Any) -> Store:
        """The store of a section that fits the shared homeserver."""
        token = peopled().token_of(str(SILENT.user_id))
        values = {"host": peopled().url, "token": token, "timeout": "60s"}
        return self.built("homeserverDirectory", **{**values, **section})

    async def test_names_are_found(self) -> None:
        """By part of a name, whatever the case, with the display name."""
        directory = self.store().directory
        assert directory is not None
        page = await directory.search("LIDD", SearchBy.NAME, 10, BOB.user_id)
        expected = (DirectoryEntry(ALICE.user_id, "Alice Liddell"),)
        self.assertEqual((page.entries, page.limited), (expected, False))

    async def test_it_is_a_directory_only(self) -> None:
        """Nothing else is offered."""
        store = self.store()
        self.assertIsNone(store.lookup or store.associations or store.profile)
        self.assertIsNone(store.authenticator)

    async def test_search_is_limited(self) -> None:
        """The homeserver's word counts."""
        directory = self.store().directory
        assert directory is not None
        page = await directory.search("example", SearchBy.NAME, 1, BOB.user_id)
        everybody = await directory.search("example", SearchBy.NAME, 50, BOB.user_id)
        if len(everybody.entries) > 1:
            self.assertEqual((len(page.entries), page.limited), (1, True))
        self.assertFalse(everybody.limited)

    async def test_searches_by_3pid_find_nobody(self) -> None:
        """Homeservers know no such search."""
        hits = await self.hits(self.store(), "alice", SearchBy.THREEPID)
        self.assertEqual(hits, [])

    async def test_odd_terms_find_nobody(self) -> None:
        """A term is never a pattern, and never an error."""
        store = self.store()
        for term in ("%", "_", "*", "'", "\0", '"', "\\", " ", "a" * 5000, ":*", "&|!"):
            self.assertEqual(await self.hits(store, term), [], term)

    async def test_token_that_is_none(self) -> None:
        """It is the operator's to mend; nobody is absent for it."""
        store = self.store(token="unknown")
        await self.assert_misconfigured(self.hits(store, "alice"), "token")
        assert store.self_check is not None
        (problem,) = await store.self_check.problems()
        self.assertEqual(problem.path, "token")
        self.assertNotIn("unknown", problem.text)

    async def test_good_token_has_no_problems(self) -> None:
        """Trying changes nothing."""
        check = self.store().self_check
        assert check is not None
        self.assertEqual(list(await check.problems()), [])

    async def test_outage(self) -> None:
        """Nobody there, and nobody answering, are no empty directory."""
        nobody = self.store(host=f"http://127.0.0.1:{free_port()}")
        await self.assert_unavailable(self.hits(nobody, "alice"), "no connection")
        synapse = self.synapse([ALICE])
        store = self.store(host=synapse.url, token=synapse.token, timeout="1s")
        synapse.pause()
        await self.assert_unavailable(self.hits(store, "alice"), "within 1 s")
