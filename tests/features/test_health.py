"""Health."""

from attrs import define
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mxisd.features.health import Health, HealthReport, StoreHealth
from mxisd.ports import IAnswering
from tests.features.doubles import Pulse


@implementer(IAnswering)
@define
class Watched:
    """A store that answers, or not."""

    is_answering: bool
    misconfigured: tuple[str, ...] = ()


class HealthTests(SynchronousTestCase):
    """What is reported."""

    def report(self, works: bool, answering: bool) -> HealthReport:
        """A report."""
        health = Health(
            Pulse(works), {"staff": Watched(answering)}, lambda: self.unlisted
        )
        return self.successResultOf(Deferred.fromCoroutine(health.report()))

    unlisted: frozenset[str] = frozenset()

    def test_a_store_that_cannot_list_itself_is_not_well(self) -> None:
        """It may answer questions: its people are not up to date all the same."""
        self.unlisted = frozenset(["staff"])
        self.assertEqual(
            self.report(True, True), HealthReport(True, {"staff": StoreHealth(False)})
        )

    def test_a_list_that_broke_off_for_a_wrong_key(self) -> None:
        """The store is misconfigured, not down."""
        store = Watched(True, ("connection.bindPassword",))
        names = {"staff"}
        health = Health(Pulse(True), {"staff": store}, lambda: names)
        report = self.successResultOf(Deferred.fromCoroutine(health.report()))
        expected = StoreHealth(True, ("connection.bindPassword",))
        self.assertEqual(report.stores, {"staff": expected})

    def test_an_index_that_is_not_up_to_date(self) -> None:
        """Stores may be well, and the index of what they list not."""
        health = Health(Pulse(True), {}, frozenset, lambda: False)
        report = self.successResultOf(Deferred.fromCoroutine(health.report()))
        self.assertEqual(report, HealthReport(True, {}, hashes_ok=False))
        self.assertFalse(report.is_whole)

    def test_each_combination(self) -> None:
        """Records and stores are told apart."""
        for works in (True, False):
            for answering in (True, False):
                expected = HealthReport(works, {"staff": StoreHealth(answering)})
                self.assertEqual(self.report(works, answering), expected)

    def test_misconfigured_parts(self) -> None:
        """A store that answers is not well while some of its keys do not work."""
        store = Watched(True, ("identity.query",))
        health = Health(Pulse(True), {"staff": store}, frozenset)
        report = self.successResultOf(Deferred.fromCoroutine(health.report()))
        (found,) = report.stores.values()
        self.assertEqual(found, StoreHealth(True, ("identity.query",)))
        self.assertFalse(found.is_well)
