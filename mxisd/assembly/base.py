"""What all parts of the server stand on."""

from pathlib import Path
from typing import Any

from attrs import frozen

from mxisd import __version__
from mxisd.assembly.parts import Parts
from mxisd.background import BackgroundTasks
from mxisd.config.sections import Config
from mxisd.drivers.http import HttpClients, http_clients
from mxisd.portions import Portions
from mxisd.ports import IKeyRing, INotifier
from mxisd.randomness import SystemRandom
from mxisd.records.database import Database
from mxisd.records.key_files import open_key_ring
from mxisd.records.sqlite import SqliteRecords
from mxisd.remote.federation import Federation
from mxisd.web.pages import OwnPages


@frozen(kw_only=True)
class Base:
    """
    Made once, before everything else.

    :ivar federation: Reaches homeservers for whoever asks us.
    :ivar delivery_federation: Reaches them for what we do by ourselves.
    """

    config: Config
    reactor: Any
    random: SystemRandom
    background: BackgroundTasks
    portions: Portions
    records: SqliteRecords
    http: HttpClients
    federation: Federation
    delivery_federation: Federation
    key_ring: IKeyRing
    notifier: INotifier
    pages: OwnPages

    @property
    def database(self) -> Database:
        """Our own tables."""
        return self.records.database


def make_base(parts: Parts) -> Base:
    """Make it: from here on, files are made and changed."""
    config, reactor, reaching = parts.config, parts.reactor, parts.reaching
    database = config.storage.provider.sqlite.database
    now = reactor.seconds()
    return Base(
        config=config,
        reactor=reactor,
        random=parts.random,
        background=BackgroundTasks(reactor),
        portions=Portions(reactor),
        records=SqliteRecords(database, reactor.callFromThread, served_since=now),
        http=reaching.http,
        federation=reaching.for_requests,
        delivery_federation=reaching.for_deliveries,
        key_ring=open_key_ring(
            config.key.path, config.server_name, parts.random, int(now * 1000)
        ),
        notifier=parts.notifier,
        pages=parts.pages,
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
