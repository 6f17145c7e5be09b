from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IHostnameResolver,
    IReactorPluggableNameResolver,
)
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mxisd.drivers.ldap.connecting import connected
from mxisd.drivers.ldap.connection import LdapConnection, TimedOut
from mxisd.drivers.ldap.server import Access, Address
from mxisd.errors import StoreUnavailable
from mxisd.model.secret import Secret

ADDRESS = Address("ldap.example.org", 389)
ACCESS = Access(timeout=5)


@implementer(IHostnameResolver)
class Names:
    """Knows one address for every name, or does not answer."""

    def __init__(self, is_answering: bool) -> None:
        self._is_answering = is_answering

    def resolveHostName(
        self, resolutionReceiver: Any, hostName: str, *args: Any, **kwargs: Any
    ) -> Any:
        """Answer at once, or never."""
        resolutionReceiver.resolutionBegan(None)
        if self._is_answering:
            address = IPv4Address("TCP", "192.0.2.1", 389)
            resolutionReceiver.addressResolved(address)
            resolutionReceiver.resolutionComplete()


@implementer(IReactorPluggableNameResolver)
class Reactor(MemoryReactorClock):
    """A reactor that resolves names; its connections stay in the making."""

    def __init__(self, is_answering: bool = True) -> None:
        super().__init__()
        self.nameResolver = Names(is_answering)

    def installNameResolver(self, resolver: Any) -> Any:
        """Nobody needs this."""
        raise NotImplementedError


class ConnectingTests(SynchronousTestCase):
    """Hosts that are far away."""

    def connecting(self, reactor: Reactor) -> "Deferred[LdapConnection]":
        """Start to connect."""
        return Deferred.fromCoroutine(connected(reactor, ADDRESS, ACCESS))

    def test_host_that_swallows_packets(self) -> None:
        """A connection that is never made is given up in time."""
        reactor = Reactor()
        answer = self.connecting(reactor)
        self.assertEqual(reactor.tcpClients[0][:2], ("192.0.2.1", 389))
        reactor.advance(4.9)
        self.assertNoResult(answer)
        reactor.advance(0.1)
        error = self.failureResultOf(answer, TimedOut).value
        self.assertIn("ldap.example.org:389 within 5 s", str(error))

    def test_name_that_is_not_resolved(self) -> None:
        """A name server that does not answer is no reason to wait longer."""
        reactor = Reactor(is_answering=False)
        answer = self.connecting(reactor)
        reactor.advance(5)
        self.failureResultOf(answer, TimedOut)

    def test_caller_that_gives_up(self) -> None:
        """Cancelling stops the attempt."""
        reactor = Reactor()
        answer = self.connecting(reactor)
        answer.cancel()
        self.failureResultOf(answer)
        reactor.advance(5)
        self.assertEqual(reactor.getDelayedCalls(), [])

    def test_name_that_is_none(self) -> None:
        """A host name that cannot be one is told at once."""
        address = Address("no such host!", 389)
        answer = Deferred.fromCoroutine(connected(Reactor(), address, ACCESS))
        self.failureResultOf(answer, StoreUnavailable)

    def test_password_is_not_shown(self) -> None:
        """An access can be printed."""
        access = Access(bind_password=Secret("hush-hush"))
        self.assertNotIn("hush", f"{access!r}{access}")
