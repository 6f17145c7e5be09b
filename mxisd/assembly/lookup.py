"""Lookups: the index of hashes, its pepper, and the feature in front of it."""

from collections.abc import Callable, Mapping, Sequence

from attrs import frozen
from twisted.logger import Logger

from mxisd.assembly.base import Base
from mxisd.assembly.places import hash_folder
from mxisd.assembly.stores import NamedStore, resolver
from mxisd.config.lookups import RotationPolicy
from mxisd.config.sections import Config, LogLevel
from mxisd.features.hash_index import HashIndex, NoHashes
from mxisd.features.hash_sources import Sources
from mxisd.features.limits import Limits
from mxisd.features.lookup import Hashes, Lookup, LookupPolicy
from mxisd.features.lookup_tracing import TracedHashes
from mxisd.model.hashing import NONE, PepperPolicy
from mxisd.model.pseudonyms import KEY_BYTES, Pseudonyms
from mxisd.ports import IBindingRecords, IThreePidResolver
from mxisd.records.bindings import BindingRecords, PepperRecords
from mxisd.records.database import Database
from mxisd.records.hash_files import HashFiles
from mxisd.resolver.chain import Chain
from mxisd.resolver.tracing import TracedChain

log = Logger()


def make_hashes(base: Base, stores: Sequence[NamedStore]) -> HashIndex | NoHashes:
    """Make the index of everybody that stores list."""
    settings = base.config.hashing
    if not settings.enabled:
        return NoHashes(base.random, settings.pepper_length)
    sources = {
        each.name: each.store.associations
        for each in stores
        if each.store.associations is not None
    }
    log.info("Found by hash: {names}", names=", ".join(sources) or "bindings only")
    folder = hash_folder(base.config) or base.records.folder / "hashes"
    files = HashFiles(folder, base.reactor)
    return HashIndex(
        _pepper_policy(base.config),
        Sources(sources, files, base.reactor),
        files,
        PepperRecords(base.database),
        _hashed_bindings(base.config, base.database),
        base.random,
        base.reactor,
    )


def _pepper_policy(config: Config) -> PepperPolicy:
    settings = config.hashing
    by_age = settings.rotation_policy is RotationPolicy.PER_SECONDS
    return PepperPolicy(
        length=settings.pepper_length,
        grace_ms=int(settings.grace * 1000),
        max_age_ms=int(settings.delay * 1000) if by_age else None,
        max_lookups=None if by_age else settings.requests,
    )


class _KeptBindings(BindingRecords):
    """Bindings that are on record, and not found."""

    def bound_by_digest(
        self, pepper: str, digests: Sequence[bytes]
    ) -> Mapping[bytes, str]:
        """Find nobody."""
        return {}


def _hashed_bindings(config: Config, database: Database) -> IBindingRecords:
    kind = BindingRecords if config.bindings.enabled else _KeptBindings
    return kind(database)


@frozen
class _Ways:
    """How people are found: by links one after the other, and by hash."""

    chain: Callable[[Sequence[IThreePidResolver]], IThreePidResolver]
    hashes: Hashes


def _ways(base: Base, hashes: Hashes) -> _Ways:
    """Let lookups tell how they went where the log has debug; else it costs nothing."""
    if base.config.logging.app not in (LogLevel.DEBUG, LogLevel.TRACE):
        return _Ways(lambda links: Chain(links, base.reactor), hashes)
    names = Pseudonyms(base.random.token_bytes(KEY_BYTES))
    pepper = hashes.current_pepper
    return _Ways(
        lambda links: TracedChain(links, base.reactor, names, pepper),
        TracedHashes(hashes, base.reactor, names),
    )


def make_lookup(
    base: Base,
    stores: Sequence[NamedStore],
    hashes: HashIndex | NoHashes,
    limits: Limits,
) -> Lookup:
    """Make what answers lookups."""
    settings, hashing = base.config.lookup, base.config.hashing
    policy = LookupPolicy(
        algorithms=hashing.algorithms if hashing.enabled else (NONE,),
        timeout=settings.timeout,
        recursion_enabled=settings.recursive.enabled,
        recursion_networks=settings.recursive.allowed_cidr,
        bulk_enabled=settings.bulk.enabled,
    )
    has_bindings = base.config.bindings.enabled
    ways = _ways(base, hashes)
    return Lookup(
        policy,
        resolver(base, stores, ways.chain),
        ways.hashes,
        base.key_ring,
        base.reactor,
        limits,
        base.portions,
        BindingRecords(base.database) if has_bindings else None,
    )
