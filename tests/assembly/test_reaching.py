"""Through what which servers are asked, and how much."""

from typing import Any

from attrs import define, frozen
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mxisd.assembly.reaching import known_homeservers, make_reaching
from mxisd.config.sections import Config
from mxisd.drivers.names import Names
from tests.config.fakes import loaded
from tests.remote.doubles import LowestLots

SETTINGS = """
accountConfig: {allowOnlyTrustDomains: false, allowedHomeservers: [Friend.test]}
dns:
  servers: ['127.0.0.1:5353', '[::1]']
  overwrite:
    homeserver: {federation: [{name: Near.test, value: 'http://10.0.0.1'}]}
"""


def config(text: str = SETTINGS) -> Config:
    """A configuration with these sections."""
    return loaded(f"matrix: {{domain: Ours.test}}\nkey: {{path: keys}}\n{text}").config


@frozen
class Clients:
    """Both."""

    configured: "Client"
    guarded: "Client"


@define(eq=False)
class Client:
    """
    In place of an HTTP client.

    :ivar names: How it resolves names; ``None``: as the reactor does.
    """

    names: Names | None = None

    def resolving(self, names: Names) -> "Client":
        """Make another one."""
        return Client(names)

    def agent(self, limit_bytes: int, seconds: float) -> Any:
        """Stores are not of interest here."""


class ReachingTests(SynchronousTestCase):
    """Nobody shares a lane with strangers."""

    def setUp(self) -> None:
        """Make it."""
        self.reactor: Any = Clock()
        clients: Any = Clients(Client(), Client())
        self.configured = clients.configured
        self.reaching = make_reaching(config(), clients, LowestLots(), self.reactor)

    def test_lanes(self) -> None:
        """Our own server, those that the operator allows, others, and deliveries."""
        requests = self.reaching.for_requests.lanes
        deliveries = self.reaching.for_deliveries.lanes
        for lanes in (requests, deliveries):
            self.assertIs(lanes.to("ours.test"), lanes.own)
            self.assertIs(lanes.own.client, self.configured)
        apart = [
            requests.own,
            requests.to("friend.test"),
            requests.to("stranger.test"),
            deliveries.to("stranger.test"),
        ]
        self.assertEqual(len({id(lane.dns) for lane in apart}), 4)
        self.assertEqual(len({id(lane.client) for lane in apart}), 4)
        self.assertIs(self.reaching.http.guarded, requests.others.client)

    def test_who_resolves_names(self) -> None:
        """The system, for whom the operator named, and for nobody else."""
        lanes = self.reaching.for_requests.lanes
        for name in ("ours.test", "friend.test", "stranger.test"):
            client: Any = lanes.to(name).client
            self.assertEqual(client.names is None, name == "ours.test")

    def test_known_homeservers(self) -> None:
        """Whom the operator names in any way."""
        known = {"Ours.test", "Friend.test", "Near.test"}
        self.assertEqual(known_homeservers(config()), known)
