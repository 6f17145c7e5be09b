"""The identity stores, guarded, and the resolver that asks them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from mxisd.assembly.base import Base, clients
from mxisd.config.sections import Config
from mxisd.drivers.http import HttpClients
from mxisd.interfaces import IStoreFactory, Store, Tools
from mxisd.ports import IThreePidResolver
from mxisd.records.bindings import BindingRecords
from mxisd.resolver.bindings import BindingsLookup
from mxisd.resolver.guard import Guard
from mxisd.resolver.guarded import guarded
from mxisd.resolver.leaf import Leaf
from mxisd.resolver.sharing import Sharing


@frozen
class NamedStore:
    """A guarded store."""

    name: str
    store: Store
    guard: Guard


def guarded_stores(
    base: Base, factories: Mapping[str, IStoreFactory]
) -> Sequence[NamedStore]:
    """Make the stores, in their order of priority."""
    timeout = base.config.lookup.store_timeout
    stores = []
    for name, store in _built(base.config, factories, base.reactor, base.http):
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
    yield from _built(config, factories, reactor, clients(config, reactor))


def _built(
    config: Config,
    factories: Mapping[str, IStoreFactory],
    reactor: Any,
    http: HttpClients,
) -> Iterator[tuple[str, Store]]:
    for entry in config.stores:
        tools = Tools(
            name=entry.name,
            domain=config.matrix.domain,
            reactor=reactor,
            http=http.stores,
            addresses=entry.addresses,
        )
        yield entry.name, factories[entry.store_type].build(entry.settings, tools)


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
