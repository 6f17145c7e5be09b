"""The identity stores, guarded, and the resolver that asks them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred

from mxisd.assembly.base import Base, clients
from mxisd.config.sections import Config, StoreEntry
from mxisd.drivers.http import HttpClients
from mxisd.errors import ConfigError, Unavailable
from mxisd.interfaces import IStoreFactory, Store, Tools
from mxisd.ports import IThreePidResolver
from mxisd.records.bindings import BindingRecords
from mxisd.resolver.bindings import BindingsLookup
from mxisd.resolver.guard import Guard, apart
from mxisd.resolver.guarded import guarded
from mxisd.resolver.leaf import Leaf
from mxisd.resolver.sharing import Sharing
from mxisd.waiting import in_time

STOP_PATIENCE = 5.0
"""Seconds that a store may take to stop after it was tried."""


@frozen
class NamedStore:
    """A guarded store."""

    name: str
    store: Store
    guard: Guard


def guarded_stores(base: Base, built: Mapping[str, Store]) -> Sequence[NamedStore]:
    """Guard the stores, in their order of priority."""
    timeout = base.config.lookup.store_timeout
    stores = []
    for name, store in built.items():
        guard = Guard(name, base.reactor, base.background, timeout, base.portions)
        stores.append(NamedStore(name, guarded(store, guard), guard))
    return stores


def build_stores(
    config: Config, factories: Mapping[str, IStoreFactory], reactor: Any
) -> Iterator[tuple[str, Store]]:
    """
    Make the stores alone, unguarded, with their names.

    :raise ConfigError: If one of them cannot be made.
    """
    http = clients(config, reactor)
    for entry in config.stores:
        try:
            store = build_store(entry, config, factories, reactor, http)
        except ConfigError as error:
            raise error.below(entry.path) from error
        yield entry.name, store


def build_store(
    entry: StoreEntry,
    config: Config,
    factories: Mapping[str, IStoreFactory],
    reactor: Any,
    http: HttpClients,
) -> Store:
    """
    Make a store.

    :raise ConfigError: With paths relative to its section.
    """
    tools = Tools(
        name=entry.name,
        domain=config.matrix.domain,
        reactor=reactor,
        http=http.stores,
        addresses=entry.addresses,
    )
    return factories[entry.store_type].build(entry.settings, tools)


async def stop(store: Store, reactor: Any) -> None:
    """End what a store that was only tried has begun, or leave it to the end of us."""
    service: Any = store.service

    async def stopped() -> None:
        ending = None if service is None else service.stopService()
        if isinstance(ending, Deferred):
            await ending

    with suppress(Unavailable):
        await in_time(apart(stopped), STOP_PATIENCE, reactor)


def resolver(
    base: Base,
    stores: Sequence[NamedStore],
    chain: Callable[[Sequence[IThreePidResolver]], IThreePidResolver],
) -> IThreePidResolver:
    """
    Make what answers lookups in the clear: bindings first, then the stores.

    :param chain: Makes one of its links.
    """
    links: list[IThreePidResolver] = []
    if base.config.bindings.enabled:
        bindings = BindingsLookup(BindingRecords(base.database), base.portions)
        links.append(Leaf("bindings", bindings, base.reactor))
    for each in stores:
        if each.store.lookup is not None:
            links.append(Leaf(each.name, each.store.lookup, base.reactor))
    return Sharing(chain(links))
