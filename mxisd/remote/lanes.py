"""Through what other servers are asked: what some are asked never holds up others."""

from collections.abc import Mapping

from attrs import evolve, field, frozen

from mxisd.drivers.dns import Dns
from mxisd.drivers.http import HttpClient


@frozen
class Lane:
    """An HTTP client and a DNS, with their own limits."""

    client: HttpClient
    dns: Dns


def _lower_keys(lanes: Mapping[str, Lane]) -> Mapping[str, Lane]:
    return {name.lower(): lane for name, lane in lanes.items()}


@frozen
class Lanes:
    """
    Which lane leads to which server.

    :ivar own: To what the operator named: the server of our own domain, at any address,
        and those of ``dns.overwrite``.
    :ivar others: To all the rest, whoever names them.
    :ivar named: To the servers of some names.
    """

    own: Lane
    others: Lane
    named: Mapping[str, Lane] = field(factory=dict, converter=_lower_keys)

    def to(self, name: str) -> Lane:
        """The lane to a server, by its name in lower case."""
        return self.named.get(name, self.others)

    def with_others(self, others: Lane) -> "Lanes":
        """The same for other askers, who have their own lane to the rest."""
        return evolve(self, others=others)
