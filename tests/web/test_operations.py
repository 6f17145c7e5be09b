"""Status and version."""

from attrs import define
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mxisd import __version__
from mxisd.ports import IRecordsHealth
from tests.web.world import ApiTestCase

FAR = {"X-Forwarded-For": "192.0.2.1"}


@implementer(IRecordsHealth)
@define(eq=False)
class CountedPulse:
    """Records that count how often they are asked, and may keep silent."""

    asked: int = 0
    is_silent: bool = False

    async def check(self) -> None:
        """Answer, or not."""
        self.asked += 1
        if self.is_silent:
            await Deferred()


class StatusTests(ApiTestCase):
    """How we are."""

    def status(self, near: bool = False) -> object:
        """Ask, from afar or from nearby."""
        answer = self.ask("GET", "/status", headers={} if near else FAR)
        return answer.status, answer.content["status"]

    def test_well(self) -> None:
        """All is well."""
        self.assertEqual(self.status(), (200, {"health": "OK"}))

    def test_a_store_is_down(self) -> None:
        """We still serve, with less to tell."""
        self.world.store.is_answering = False
        self.assertEqual(self.status(), (200, {"health": "DEGRADED"}))

    def test_a_part_of_a_store_is_misconfigured(self) -> None:
        """The keys to mend are for our own networks."""
        self.world.store.misconfigured = ("identity.query", "profile.role.query")
        told = {"staff": "MISCONFIGURED: identity.query, profile.role.query"}
        near = (200, {"health": "DEGRADED", "stores": told})
        self.assertEqual(self.status(near=True), near)
        self.assertEqual(self.status(), (200, {"health": "DEGRADED"}))

    def test_the_hash_index_is_not_up_to_date(self) -> None:
        """All stores may be well; that it is for want of an index is told nearby."""
        self.world.hashes_are_well = False
        self.assertEqual(self.status(), (200, {"health": "DEGRADED"}))
        stores = {"stores": {"staff": "OK"}, "hash_index": "STALE"}
        near = (200, {"health": "DEGRADED", **stores})
        self.assertEqual(self.status(near=True), near)

    def test_our_records_are_down(self) -> None:
        """Then we are of no use."""
        self.world.pulse.works = False
        self.assertEqual(self.status(), (503, {"health": "DOWN"}))

    def test_names_of_stores_are_for_our_own_networks(self) -> None:
        """Strangers learn no names, in whichever order the questions come."""
        near = (200, {"health": "OK", "stores": {"staff": "OK"}})
        self.assertEqual(self.status(near=True), near)
        self.assertEqual(self.status(), (200, {"health": "OK"}))
        self.assertEqual(self.status(near=True), near)

    def test_a_report_is_good_for_a_second(self) -> None:
        """Eager probes are no load, and a change shows soon."""
        self.world.pulse = pulse = CountedPulse()
        self.restart()
        self.status()
        self.world.store.is_answering = False
        self.assertEqual(self.status(), (200, {"health": "OK"}))
        self.assertEqual(pulse.asked, 1)
        self.world.clock.advance(1)
        self.assertEqual(self.status(), (200, {"health": "DEGRADED"}))

    def test_records_that_keep_silent_are_down(self) -> None:
        """A probe gets its answer all the same."""
        self.world.pulse = CountedPulse(is_silent=True)
        self.restart()
        sent = self.send("GET", "/status")
        self.assertNoResult(sent)
        self.world.clock.advance(5)
        self.treq.flush()
        self.assertEqual(self.successResultOf(sent).status, 503)


class VersionTests(ApiTestCase):
    """What runs here."""

    def test_version(self) -> None:
        """Name and number."""
        expected = {"server": {"name": "mxisd", "version": __version__}}
        self.assertEqual(self.get("/version").content, expected)
