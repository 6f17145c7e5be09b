"""What the stores themselves tell about the configuration."""

from collections.abc import Callable, Sequence
from typing import Any

from attrs import define, frozen
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mxisd.errors import ConfigError, Problem, StoreUnavailable
from mxisd.interfaces import ISelfCheck, Store, Tools
from mxisd.selfcheck import PATIENCE, STOP_PATIENCE, problems_of_stores
from tests.config.fakes import FOUNDATION, FakeFactory, FakeMemorySettings, loaded


@implementer(ISelfCheck)
@frozen
class Check:
    """Answers what it is told."""

    answer: Callable[[], Any]

    async def problems(self) -> Sequence[Problem]:
        """Answer."""
        found: Sequence[Problem] = await self.answer()
        return found


class Connections(Service):
    """Remembers that it was stopped."""

    is_stopped = False

    def stopService(self) -> "Deferred[None]":
        """Take long."""
        self.is_stopped = True
        return Deferred()


@define
class Factory(FakeFactory):
    """Builds what the test says."""

    store: Any = None

    def build(self, settings: Any, tools: Tools) -> Store:
        """The store, or the error."""
        if isinstance(self.store, Exception):
            raise self.store
        made: Store = self.store
        return made


class SelfCheckTests(SynchronousTestCase):
    def problems(self, store: Any) -> "Deferred[Sequence[Problem]]":
        """Check a configuration with one store."""
        self.clock = Clock()
        self.clock.callFromThread = None  # type: ignore[attr-defined]
        factory = Factory("own", FakeMemorySettings, store=store)
        factories: Any = {"own": factory}
        text = FOUNDATION + "stores: [{type: own, name: staff}]"
        config = loaded(text, factories=factories).config
        return Deferred.fromCoroutine(problems_of_stores(config, factories, self.clock))

    def test_paths_begin_with_the_store(self) -> None:
        """Several problems of one store are all told."""

        async def answer() -> Sequence[Problem]:
            return [Problem("a.b", "is wrong"), Problem("", "is odd")]

        found = self.successResultOf(self.problems(Store(self_check=Check(answer))))
        told = [(each.path, each.text) for each in found]
        self.assertEqual(told, [("staff.a.b", "is wrong"), ("staff", "is odd")])

    def test_an_outage_is_a_problem(self) -> None:
        """So is a store that raises anything, or says nothing at all."""

        async def fails() -> Any:
            raise StoreUnavailable("nobody there")

        async def breaks() -> Any:
            raise KeyError("secret")

        async def hangs() -> Any:
            await Deferred()

        for answer, text in (
            (fails, "nobody there"),
            (breaks, "KeyError"),
            (hangs, "no answer within 60 s"),
        ):
            asked = self.problems(Store(self_check=Check(answer)))
            self.clock.advance(PATIENCE)
            (found,) = self.successResultOf(asked)
            self.assertEqual((found.path, found.text), ("staff", text))

    def test_connections_are_closed(self) -> None:
        """A service that does not stop is not waited for long."""

        async def answer() -> Sequence[Problem]:
            return []

        service = Connections()
        asked = self.problems(Store(self_check=Check(answer), service=service))
        self.assertNoResult(asked)
        self.clock.advance(STOP_PATIENCE)
        self.assertEqual(self.successResultOf(asked), [])
        self.assertTrue(service.is_stopped)

    def test_a_store_that_cannot_tell(self) -> None:
        """It has no problems that we know of."""
        self.assertEqual(self.successResultOf(self.problems(Store())), [])

    def test_a_store_that_cannot_be_made(self) -> None:
        """That is a problem of the configuration."""
        asked = self.problems(ConfigError.at("a", "is wrong"))
        self.failureResultOf(asked, ConfigError)
