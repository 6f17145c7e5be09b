"""The page about the REST store: what it says of the wire is so."""

import json
import re
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

import mxisd
from mxisd.model.identifiers import UserId
from mxisd.model.login import Accepted, Refused
from mxisd.model.profiles import DirectoryEntry, DirectoryPage, Profile, SearchBy
from mxisd.model.secret import Secret
from mxisd.model.threepids import canonical
from mxisd.stores.rest.settings import (
    ASSOCIATIONS,
    EndpointSettings,
    IdentityEndpoints,
    ProfileEndpoints,
)
from mxisd.testing.stores import DOMAIN
from tests.stores.rest.doubles import FakeBackend, outcome

PAGE = Path(mxisd.__file__).parent.parent / "docs" / "stores" / "rest.rst"
ALICE, BOB = UserId("alice", DOMAIN), UserId("bob", DOMAIN)
MAIL = canonical("email", "alice@example.org")
PHONE = canonical("msisdn", "491711234567")


class PageTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Read the page's JSON."""
        self.text = PAGE.read_text(encoding="utf-8")
        blocks = re.findall(r"json\n\n((?:    .*\n|\n)+)", self.text)
        self.documents = [json.loads(block) for block in blocks]
        self.backend = FakeBackend()
        self.store: Any = self.backend.store()

    def exchange(self, ask: Any, *, document: int) -> Any:
        """Ask, with the document of that number as the question, the next as answer."""
        question, self.backend.answer = self.documents[document : document + 2]
        answer = outcome(ask())
        self.assertTrue(self.backend.questions)
        for _path, asked in self.backend.questions:
            self.assertEqual(_ordered(asked), _ordered(question))
        return answer

    def test_lookups(self) -> None:
        """Of many, and of one."""
        lookup, both = self.store.lookup, frozenset([MAIL, PHONE])
        found = self.exchange(lambda: lookup.lookup(both), document=2)
        self.assertEqual(found, {MAIL: ALICE})
        self.backend.questions.clear()
        endpoints = EndpointSettings(identity=IdentityEndpoints(bulk=""))
        single: Any = self.backend.store(endpoints=endpoints).lookup
        found = self.exchange(lambda: single.lookup(frozenset([MAIL])), document=4)
        self.assertEqual(found, {MAIL: ALICE})

    def test_list(self) -> None:
        """A page of it."""
        page = self.exchange(self.store.associations.first, document=6)
        self.assertEqual((page.pairs, page.cursor), ([(MAIL, ALICE)], "alice"))

    def test_logins(self) -> None:
        """A good one and a bad one."""

        def login() -> Any:
            password = Secret("wonderland")
            return self.store.authenticator.authenticate(ALICE, password)

        profile = Profile("Alice Liddell", frozenset([MAIL]))
        self.assertEqual(self.exchange(login, document=8), Accepted(ALICE, profile))
        self.backend.answer = self.documents[10]
        self.assertEqual(outcome(login()), Refused())

    def test_search(self) -> None:
        """A hit."""
        search = ("lidd", SearchBy.NAME, 10, BOB)
        directory = self.store.directory
        hits = self.exchange(lambda: directory.search(*search), document=11)
        entry = DirectoryEntry(ALICE, "Alice Liddell")
        self.assertEqual(hits, DirectoryPage((entry,)))

    def test_profile(self) -> None:
        """Everything at once; these are the last documents of the page."""
        profile = self.store.profile
        told = self.exchange(lambda: profile.profile(ALICE), document=13)
        expected = Profile("Alice Liddell", frozenset([MAIL]), frozenset(["staff"]))
        self.assertEqual(told, expected)
        self.assertEqual(len(self.documents), 15)

    def test_paths(self) -> None:
        """The page has every path, but for those that it abbreviates."""
        endpoints, identity = EndpointSettings(), IdentityEndpoints()
        for path in (
            endpoints.auth,
            endpoints.directory,
            identity.single,
            identity.bulk,
            ASSOCIATIONS,
            ProfileEndpoints().display_name,
        ):
            self.assertIn(f"``{path}``", self.text)


def _ordered(question: Any) -> Any:
    """What is looked up has no order."""
    items = question.get("lookup")
    return sorted(items, key=str) if isinstance(items, list) else question
