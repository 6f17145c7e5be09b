"""What all parts of the server stand on."""

from pathlib import Path
from typing import Any

from attrs import frozen

from mxisd import __version__
from mxisd.assembly.messages import make_notifier
from mxisd.background import BackgroundTasks
from mxisd.config.sections import Config
from mxisd.drivers.dns import Dns
from mxisd.drivers.http import HttpClients, http_clients
from mxisd.portions import Portions
from mxisd.ports import IKeyRing, INotifier
from mxisd.randomness import SystemRandom
from mxisd.records.database import Database
from mxisd.records.key_files import open_key_ring
from mxisd.records.sqlite import SqliteRecords
from mxisd.remote.federation import Federation


@frozen(kw_only=True)
class Base:
    """Made once, before everything else."""

    config: Config
    reactor: Any
    random: SystemRandom
    background: BackgroundTasks
    portions: Portions
    records: SqliteRecords
    http: HttpClients
    federation: Federation
    key_ring: IKeyRing
    notifier: INotifier

    @property
    def database(self) -> Database:
        """Our own tables."""
        return self.records.database


def make_base(config: Config, reactor: Any) -> Base:
    """Make it."""
    random, http = SystemRandom(), clients(config, reactor)
    database = config.storage.provider.sqlite.database
    now = reactor.seconds()
    return Base(
        config=config,
        reactor=reactor,
        random=random,
        background=BackgroundTasks(reactor),
        portions=Portions(reactor),
        records=SqliteRecords(database, reactor.callFromThread, served_since=now),
        http=http,
        federation=_federation(config, http, random, reactor),
        key_ring=open_key_ring(
            config.key.path, config.server_name, random, int(now * 1000)
        ),
        notifier=make_notifier(config, http, random, reactor),
    )


def _federation(
    config: Config, http: HttpClients, random: SystemRandom, reactor: Any
) -> Federation:
    overwrites = config.dns.overwrite.homeserver.federation
    return Federation.using(
        reactor,
        http,
        Dns.of_system(reactor),
        random,
        overwrites={entry.name: entry.value for entry in overwrites},
        domain=config.matrix.domain,
    )


def clients(config: Config, reactor: Any) -> HttpClients:
    """Make both HTTP clients."""
    ca_file = config.outbound.ca_file
    return http_clients(
        reactor,
        user_agent=f"mxisd/{__version__}",
        allowed=config.outbound.allowed_cidr,
        ca_file=Path(ca_file) if ca_file else None,
    )
