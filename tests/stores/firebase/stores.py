"""What tests of the Firebase store share: a Google in memory."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from treq.testing import StubTreq
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mxisd.config.structure import Section
from mxisd.errors import StoreUnavailable
from mxisd.interfaces import Store
from mxisd.model.identifiers import UserId
from mxisd.model.login import Verdict
from mxisd.model.secret import Secret
from mxisd.model.threepids import ThreePid, canonical
from mxisd.stores.firebase import factory
from mxisd.testing.stores import DOMAIN, PEOPLE
from mxisd.testing.tools import tools_for_tests
from tests.integration.firebase_backend import GoogleResource, record

NOW = 1_800_000_000.0
BASE = "http://google.test"


class FirebaseCase(SynchronousTestCase):
    """A store, a Google in memory, and a clock that stands still."""

    def setUp(self) -> None:
        """Know the contract's people."""
        self.google = GoogleResource()
        self.google.users = [record(person) for person in PEOPLE]
        self.clock = Clock()
        self.clock.advance(NOW)
        self.key_file = self.written(self.google.credentials(BASE))

    def written(self, content: Any) -> Path:
        """A file with JSON."""
        path = Path(self.mktemp())
        path.write_text(json.dumps(content))
        return path

    def store(
        self, environment: Mapping[str, str] | None = None, **section: Any
    ) -> Store:
        """The store of a section that fits."""
        values: dict[str, Any] = {
            "credentials": str(self.key_file),
            "onlyVerified": False,  # most tests are not about that
            "endpoints": {
                "accounts": f"{BASE}/v1",
                "certificates": f"{BASE}/certificates",
            },
            **section,
        }
        tools = tools_for_tests("fire", reactor=self.clock, http=StubTreq(self.google))
        settings = factory.parse(Section(values))
        return factory.build(settings, tools, environment=environment or {})

    def found(self, store: Store, *threepids: tuple[str, str]) -> dict[str, str]:
        """Localparts by address."""
        assert store.lookup is not None
        asked = frozenset(canonical(*each) for each in threepids)
        answer = self.result(store.lookup.lookup(asked))
        return {key.address: user_id.localpart for key, user_id in answer.items()}

    def listed(self, store: Store) -> list[tuple[ThreePid, UserId]]:
        """Everything that the store lists."""
        result: list[tuple[ThreePid, UserId]] = []

        async def put(batch: Sequence[tuple[ThreePid, UserId]]) -> None:
            result.extend(batch)

        assert store.associations is not None
        listing: Deferred[Any] = Deferred.fromCoroutine(
            store.associations.associations(put)  # type: ignore[arg-type]
        )
        while not listing.called:
            # Long pages are read in portions.
            self.clock.advance(0)
        self.successResultOf(listing)
        return result

    def verdict(self, store: Store, localpart: str, password: str) -> Verdict:
        """What the store says to a password."""
        assert store.authenticator is not None
        user_id = UserId(localpart, DOMAIN)
        verdict: Verdict = self.result(
            store.authenticator.authenticate(user_id, Secret(password))
        )
        return verdict

    def result(self, coroutine: Any) -> Any:
        """What a coroutine gives at once."""
        return self.successResultOf(coroutine)

    def unavailable(self, coroutine: Any) -> StoreUnavailable:
        """How a question fails."""
        error = self.failureResultOf(coroutine, StoreUnavailable).value
        assert isinstance(error, StoreUnavailable)
        return error
