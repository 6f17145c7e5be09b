"""
How other servers are reached.

The names of strangers are resolved apart from ours, and for our own deliveries to them
apart from what they ask for: nobody waits for those whom somebody else has named.
"""

from typing import Any

from attrs import frozen

from mxisd.config.sections import Config, DnsSection
from mxisd.drivers.dns import Dns, NameServers
from mxisd.drivers.http import HttpClients
from mxisd.drivers.names import HostsFile, Names
from mxisd.model.identifiers import ServerName
from mxisd.ports import IRandom
from mxisd.remote.federation import Federation
from mxisd.remote.lanes import Lane, Lanes

DNS_PORT = 53
WAITING_FOR_OURS = 10_000


@frozen
class Reaching:
    """
    What reaches homeservers.

    :ivar http: The two clients.
    :ivar for_requests: For what others ask us.
    :ivar for_deliveries: For what we do by ourselves.
    """

    http: HttpClients
    for_requests: Federation
    for_deliveries: Federation


def make_reaching(
    config: Config, http: HttpClients, random: IRandom, reactor: Any
) -> Reaching:
    """
    Make it; from here on the guarded client resolves names as it should.

    :param http: Clients that resolve names as the reactor does.
    """
    resolver, hosts = _name_servers(config.dns, reactor), HostsFile()

    def guarded() -> Lane:
        dns = Dns.using(resolver, reactor)
        return Lane(http.guarded.resolving(Names(dns, hosts)), dns)

    # Nobody else is in our own lane: whoever logs in there may wait.
    own_dns = Dns.using(resolver, reactor, waiting=WAITING_FOR_OURS)
    own, allowed = Lane(http.configured, own_dns), guarded()
    named = dict.fromkeys(config.account_config.allowed_homeservers, allowed)
    lanes = Lanes(own, guarded(), {**named, config.matrix.domain: own})
    overwrites = {each.name: each.value for each in _overwrites(config)}
    federation = Federation.using(reactor, lanes, random, overwrites)
    return Reaching(
        HttpClients(http.configured, lanes.others.client),
        federation,
        federation.with_others(guarded()),
    )


def known_homeservers(config: Config) -> frozenset[str]:
    """The homeservers that the operator named, as their users' IDs have them."""
    names = {config.matrix.domain, *config.account_config.allowed_homeservers}
    return frozenset(names | {each.name for each in _overwrites(config)})


def _overwrites(config: Config) -> Any:
    return config.dns.overwrite.homeserver.federation


def _name_servers(section: DnsSection, reactor: Any) -> NameServers:
    if not section.servers:
        return NameServers.of_system(reactor)
    servers = [ServerName.parse(each) for each in section.servers]
    return NameServers.at(
        [(each.host.strip("[]"), each.port or DNS_PORT) for each in servers], reactor
    )
