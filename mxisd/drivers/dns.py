"""Questions to the DNS that the system's resolver cannot ask."""

from typing import Any

from attrs import define, frozen
from twisted.internet.defer import TimeoutError as ResolverTimeout
from twisted.internet.error import CannotListenError
from twisted.names.client import Resolver
from twisted.names.dns import Record_SRV
from twisted.names.error import (
    DNSNameError,
    DomainError,
    ResolverError,
)

from mxisd.errors import Unavailable

ATTEMPTS_SECONDS = (1, 2)


class DnsFailed(Unavailable):
    """A name server did not answer, or could not; this is never "no such record"."""


@frozen
class SrvRecord:
    """Where a service of a domain is (RFC 2782)."""

    priority: int
    weight: int
    port: int
    target: str


@define(eq=False)
class Dns:
    """Asks name servers."""

    _resolver: Any

    @classmethod
    def of_system(cls, reactor: Any) -> "Dns":
        """Ask the name servers in ``resolv.conf``, which is read now and watched."""
        return cls(Resolver(resolv="/etc/resolv.conf", reactor=reactor))

    async def services(self, name: str) -> tuple[SrvRecord, ...]:
        """
        Find the SRV records of a name.

        :return: As received, unordered; empty if there are none. The target of a
            service that is decidedly not offered is the empty text.
        :raise DnsFailed: If it cannot be told whether there are any.
        """
        try:
            found = await self._resolver.lookupService(name, ATTEMPTS_SECONDS)
        except DNSNameError:
            return ()
        except ResolverTimeout as error:
            raise DnsFailed("no answer from the name servers") from error
        except (DomainError, ResolverError, CannotListenError, OSError) as error:
            reason = type(error).__name__
            raise DnsFailed(f"the name servers failed ({reason})") from error
        except ValueError as error:
            raise DnsFailed("not a legal name") from error
        payloads = (answer.payload for answer in found[0])
        return tuple(_record(p) for p in payloads if isinstance(p, Record_SRV))


def _record(payload: Record_SRV) -> SrvRecord:
    target = payload.target.name.decode("ascii", "replace").rstrip(".")
    return SrvRecord(payload.priority, payload.weight, payload.port, target)
