"""A made-up internet for homeservers, and the production clients to reach them."""

from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mxisd.drivers.dns import Dns
from mxisd.drivers.http import HttpClients, http_clients
from mxisd.model.settings import networks
from mxisd.remote.federation import Federation
from mxisd.remote.lanes import Lane, Lanes
from tests.drivers.http.servers import FakeInternet, listen_tls
from tests.remote.doubles import FakeResolver, LowestLots
from tests.tls import CertificateAuthority


def lanes(clients: HttpClients, dns: Dns, domain: str = "ours.test") -> Lanes:
    """Both clients, with one DNS."""
    own = Lane(clients.configured, dns)
    return Lanes(own, Lane(clients.guarded, dns), {domain: own})


class FederationTestCase(TestCase):
    """Has a made-up internet, with a DNS; whoever is there listens on loopback."""

    timeout = 60

    def setUp(self) -> None:
        """Make it, with nobody in."""
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.internet = FakeInternet(reactor)
        self.authority = CertificateAuthority(Path(self.mktemp()))
        self.resolver = FakeResolver()

    def federation(
        self,
        overwrites: dict[str, str] | None = None,
        domain: str = "ours.test",
        allowed: str | None = None,
        clock: Any = None,
    ) -> Federation:
        """Make clients that trust the authority, and what reaches homeservers."""
        clients = http_clients(
            self.internet,
            user_agent="mxisd/test",
            allowed=networks(allowed) if allowed else (),
            ca_file=self.authority.ca_file,
        )
        self.addCleanup(lambda: Deferred.fromCoroutine(clients.configured.close()))
        chosen: Any = self.internet if clock is None else clock
        through = lanes(clients, Dns.using(self.resolver, chosen), domain)
        return Federation.using(chosen, through, LowestLots(), overwrites or {})

    def at(self, name: str, address: str, port: int, factory: Any) -> None:
        """Put a server with a certificate for a name at an address."""
        there = listen_tls(self, self.reactor, factory, self.authority.issue(name))
        self.internet.server(address, port, there)
