"""Names of strangers: resolved without threads, so many at a time."""

import os
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address
from typing import Any

from attrs import define, field
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import (
    IHostnameResolver,
    IHostResolution,
    IResolutionReceiver,
)
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mxisd.drivers.dns import Dns, DnsFailed

HOSTS_FILE = "/etc/hosts"

log = Logger()


def is_literal(name: str) -> bool:
    """Whether a name is an IP address."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


@define(eq=False)
class HostsFile:
    """The system's hosts file; it is read again when it has changed."""

    path: str = HOSTS_FILE
    _stamp: Any = field(default=None, init=False)
    _known: Mapping[str, Sequence[str]] = field(factory=dict, init=False)

    def addresses(self, name: str) -> Sequence[str]:
        """The addresses of a name; none if it is not in the file, or there is none."""
        try:
            self._read_if_changed()
        except OSError as error:
            log.debug("{file} cannot be read: {error}", file=self.path, error=error)
        return self._known.get(name.lower().removesuffix("."), ())

    def _read_if_changed(self) -> None:
        status = os.stat(self.path)
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        if stamp == self._stamp:
            return
        with open(self.path, encoding="ascii", errors="replace") as file:
            self._known = _hosts(file.read())
        self._stamp = stamp


def _hosts(text: str) -> Mapping[str, Sequence[str]]:
    known: dict[str, list[str]] = {}
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        if is_literal(address):
            for name in names:
                known.setdefault(name.lower(), []).append(address)
    return known


@define(eq=False)
class Names:
    """Finds the addresses of names: in the hosts file, or else in the DNS."""

    _dns: Dns
    _hosts: HostsFile = field(factory=HostsFile)

    async def addresses(self, name: str) -> Sequence[str]:
        """
        Find the addresses of a name; an IP address is its own.

        :return: Empty if there is no such name, or it has none.
        :raise DnsFailed: If it cannot be told which there are.
        """
        if is_literal(name):
            return (name,)
        return self._hosts.addresses(name) or await self._dns.addresses(name)


@implementer(IHostResolution)
@define(eq=False)
class _Resolution:
    name: str
    looking: "Deferred[Any] | None" = field(default=None, init=False)

    def cancel(self) -> None:
        """Look no longer."""
        if self.looking is not None:
            self.looking.cancel()


@implementer(IHostnameResolver)
@define(eq=False)
class NameResolver:
    """
    Resolves names for an endpoint of Twisted.

    :ivar on_failure: Is told why names could not be resolved, for which the endpoint's
        interface has no words.
    """

    _names: Names
    _on_failure: Callable[[DnsFailed], None]

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Any = None,
        transportSemantics: Any = "TCP",
    ) -> IHostResolution:
        """Look up, and hand over what was found."""

        def hand_over(addresses: Sequence[str]) -> None:
            for each in addresses:
                kind = IPv6Address if ":" in each else IPv4Address
                if addressTypes is None or kind in addressTypes:
                    found = kind(transportSemantics, each, portNumber)
                    resolutionReceiver.addressResolved(found)

        resolution = _Resolution(hostName)
        resolutionReceiver.resolutionBegan(resolution)
        looking = Deferred.fromCoroutine(self._names.addresses(hostName))
        looking.addCallbacks(hand_over, self._failed)
        resolution.looking = looking
        looking.addBoth(lambda _: resolutionReceiver.resolutionComplete())
        return resolution

    def _failed(self, failure: Failure) -> None:
        error = failure.value
        if isinstance(error, DnsFailed):
            self._on_failure(error)
        elif not isinstance(error, CancelledError):
            log.failure("a name could not be resolved", failure)
