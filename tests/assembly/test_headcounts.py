"""How many people each store lists."""

from collections.abc import Callable, Sequence
from typing import Any

from attrs import frozen
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mxisd.assembly.headcounts import PATIENCE, counts_of_stores
from mxisd.assembly.stores import STOP_PATIENCE
from mxisd.errors import Misconfigured, Problem, StoreUnavailable, Weight
from mxisd.interfaces import IAssociationSource, Put, Store
from mxisd.model.threepids import canonical
from tests.config.fakes import FOUNDATION, FakeMemorySettings, loaded
from tests.resolver.doubles import BOB, BOB_ID, EVE, EVE_ID
from tests.test_selfcheck import Factory

PHONE = canonical("msisdn", "491711234567")


@implementer(IAssociationSource)
@frozen
class Listing:
    """Lists as the test says."""

    work: Callable[[Put], Any]

    async def associations(self, put: Put) -> None:
        """Hand over."""
        await self.work(put)


class Lingering(Service):
    """Never stops."""

    def stopService(self) -> "Deferred[None]":
        """Take long."""
        return Deferred()


class HeadcountTests(SynchronousTestCase):
    """What an operator reads of a list."""

    def counted(self, store: Store, without: Sequence[str] = ()) -> Any:
        """Count a configuration with one store."""
        self.clock = Clock()
        self.clock.callFromThread = None  # type: ignore[attr-defined]
        factories: Any = {"own": Factory("own", FakeMemorySettings, store=store)}
        text = FOUNDATION + "stores: [{type: own, name: staff}]"
        config = loaded(text, factories=factories).config
        return Deferred.fromCoroutine(
            counts_of_stores(config, factories, self.clock, frozenset(without))
        )

    def listed(self, work: Callable[[Put], Any]) -> Sequence[Problem]:
        """What is told of a list."""
        asked = self.counted(Store(associations=Listing(work)))
        self.clock.advance(PATIENCE)
        found: Sequence[Problem] = self.successResultOf(asked)
        return found

    def test_counts(self) -> None:
        """People count once, addresses by their medium."""

        async def work(put: Put) -> None:
            await put([(BOB, BOB_ID), (EVE, EVE_ID)])
            await put([(PHONE, EVE_ID)])

        (note,) = self.listed(work)
        expected = "lists 2 people, 2 email, 1 msisdn"
        self.assertEqual(note, Problem("staff", expected, weight=Weight.NOTE))

    def test_nobody(self) -> None:
        """That is a warning."""

        async def work(put: Put) -> None:
            """Nobody."""

        (warning,) = self.listed(work)
        self.assertEqual((warning.path, warning.weight), ("staff", Weight.WARNING))

    def test_lists_that_fail(self) -> None:
        """They are errors, with the key if there is one; bugs have no text."""
        for error, path, text in (
            (StoreUnavailable("cut"), "staff", "could not be listed: cut"),
            (Misconfigured("a.b", "is wrong"), "staff.a.b", "is wrong"),
            (KeyError("secret"), "staff", "could not be listed: KeyError"),
        ):

            async def work(put: Put) -> None:
                raise error  # noqa: B023

            (problem,) = self.listed(work)
            self.assertEqual(problem, Problem(path, text))

    def test_a_long_list(self) -> None:
        """Its beginning is told."""

        async def work(put: Put) -> None:
            await put([(BOB, BOB_ID)])
            await Deferred()

        (note,) = self.listed(work)
        self.assertEqual(note.weight, Weight.NOTE)
        self.assertIn("lists 1 people, 1 email, and more", note.text)

    def test_who_is_not_asked(self) -> None:
        """Stores without a list, and those that are known not to work."""
        asked = self.counted(Store())
        self.assertEqual(self.successResultOf(asked), [])

        async def work(put: Put) -> None:
            self.fail("it was asked")

        store = Store(associations=Listing(work), service=Lingering())
        asked = self.counted(store, ["staff"])
        self.assertNoResult(asked)
        self.clock.advance(STOP_PATIENCE)
        self.assertEqual(self.successResultOf(asked), [])
