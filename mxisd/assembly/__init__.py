"""
The composition root: a configuration and a reactor become a server.

Everything is made here, once, and handed to whoever needs it: first what changes
nothing anywhere (:func:`mxisd.assembly.survey.survey`), then the rest.
"""

from collections.abc import Sequence

from twisted.application.service import IService, MultiService
from twisted.internet.defer import Deferred, succeed

from mxisd.assembly.base import Base, make_base
from mxisd.assembly.lookup import make_hashes
from mxisd.assembly.parts import Parts
from mxisd.assembly.site import make_site
from mxisd.assembly.stores import NamedStore, guarded_stores
from mxisd.features.hash_index import HashIndex, NoHashes
from mxisd.services import (
    HashIndexService,
    ListeningService,
    NamesService,
    StoreService,
)
from mxisd.web.site import IdentitySite


def assemble(parts: Parts) -> IService:
    """
    Make the server; nothing listens yet.

    :raise ConfigError: If the key store cannot be opened or made.
    :raise RecordsUnavailable: If our own tables cannot be opened.
    """
    base = make_base(parts)
    stores = guarded_stores(base, parts.stores)
    hashes = make_hashes(base, stores)
    site = make_site(base, stores, hashes)
    return _services(base, stores, hashes, site)


def _services(
    base: Base,
    stores: Sequence[NamedStore],
    hashes: HashIndex | NoHashes,
    site: IdentitySite,
) -> IService:
    """Put what starts and stops in order: what is below the web starts first."""
    server = MultiService()
    names = NamesService(base.reactor)
    parts: list[IService] = [names, base.records, base.background]
    parts += [
        StoreService(each.store.service, each.guard, base.reactor)
        for each in stores
        if each.store.service is not None
    ]
    ready: Deferred[None] = succeed(None)
    if isinstance(hashes, HashIndex):
        refresh = base.config.hashing.refresh
        indexing = HashIndexService(hashes, base.background, refresh)
        parts.append(indexing)
        ready = indexing.opened
    at = base.config.server
    parts.append(ListeningService(base.reactor, site, at.hostname, at.port, ready))
    for part in parts:
        part.setServiceParent(server)
    return server
