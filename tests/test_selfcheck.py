"""What stores and senders themselves tell about the configuration."""

from collections.abc import Callable, Sequence
from typing import Any

from attrs import define, frozen
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mxisd.assembly.stores import STOP_PATIENCE
from mxisd.config.loader import load
from mxisd.errors import ConfigError, Problem, StoreUnavailable
from mxisd.interfaces import (
    IMessageSender,
    IMessageSenderFactory,
    ISelfCheck,
    Store,
    Tools,
)
from mxisd.model.messages import Message
from mxisd.selfcheck import (
    PATIENCE,
    problems_of_senders,
    problems_of_stores,
)
from tests.config.fakes import FOUNDATION, FakeFactory, FakeMemorySettings, loaded
from tests.notify.fakes import Recorder


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


@implementer(IMessageSenderFactory)
@frozen
class Senders:
    """Builds what the test says."""

    sender: Any
    sender_type: str = "own"
    summary: str = "Senders"

    def parse(self, section: Any) -> None:
        """There are no keys."""

    def build(self, settings: Any, tools: Tools) -> Any:
        """The sender."""
        return self.sender


@implementer(IMessageSender, ISelfCheck)
@frozen
class CheckingSender(Check):
    """A sender that answers what it is told."""

    async def send(self, message: Message) -> None:
        """Nobody wants that."""
        raise AssertionError("it was sent")


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


class SendersTests(SynchronousTestCase):
    """What senders themselves tell."""

    def problems(self, sender: Any) -> "Deferred[Sequence[Problem]]":
        """Check a configuration with one sender."""
        self.clock = Clock()
        path = "threepid.medium.own.connectors.own"
        text = "threepid: {medium: {own: {connector: own}}}"
        config = load(
            FOUNDATION + text,
            environment={},
            read_file=str,
            factories={},
            sender_factories={"own": Senders(sender)},
        ).config
        self.assertEqual(config.threepid.medium["own"].connectors["own"].path, path)
        return Deferred.fromCoroutine(problems_of_senders(config, self.clock))

    def test_paths_begin_with_the_section(self) -> None:
        """Several problems of one sender are all told."""

        async def answer() -> Sequence[Problem]:
            return [Problem("host", "is wrong"), Problem("", "is odd")]

        found = self.successResultOf(self.problems(CheckingSender(answer)))
        path = "threepid.medium.own.connectors.own"
        told = [(each.path, each.text) for each in found]
        self.assertEqual(told, [(f"{path}.host", "is wrong"), (path, "is odd")])

    def test_one_that_hangs_or_fails(self) -> None:
        """That is a problem, too."""

        async def hangs() -> Any:
            await Deferred()

        async def breaks() -> Any:
            raise KeyError("secret")

        for answer, text in ((hangs, "no answer within 60 s"), (breaks, "KeyError")):
            asked = self.problems(CheckingSender(answer))
            self.clock.advance(PATIENCE)
            (found,) = self.successResultOf(asked)
            self.assertEqual(found.text, text)

    def test_one_that_cannot_tell(self) -> None:
        """It has no problems that we know of."""
        self.assertEqual(self.successResultOf(self.problems(Recorder())), [])
