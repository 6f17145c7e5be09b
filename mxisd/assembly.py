"""
The composition root: a configuration and a reactor become a server.

Everything is made here, once, and handed to whoever needs it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen
from twisted.application.service import IService, MultiService
from twisted.logger import Logger

from mxisd import __version__
from mxisd.assembly_bindings import (
    BindingParts,
    hashed_bindings,
    make_binding,
    make_unbinding,
)
from mxisd.assembly_invitations import Ground, invitations, invite_signing
from mxisd.background import BackgroundTasks
from mxisd.config.sections import Config, RotationPolicy
from mxisd.config.senders import channels
from mxisd.config.validation import LimitsSection
from mxisd.drivers.dns import Dns
from mxisd.drivers.http import HttpClients, http_clients
from mxisd.errors import ConfigError
from mxisd.features.accounts import AccountPolicy, Accounts
from mxisd.features.hash_index import HashIndex, NoHashes, PepperPolicy
from mxisd.features.health import Health
from mxisd.features.limits import Counted, LimitPolicy, Limits
from mxisd.features.lookup import Lookup, LookupPolicy
from mxisd.features.terms import Terms
from mxisd.features.validation import Validation, ValidationPolicy
from mxisd.interfaces import IStoreFactory, Store, Tools
from mxisd.model.buckets import Rate
from mxisd.model.hashing import NONE
from mxisd.model.terms import Document, Policy
from mxisd.notify.facts import Circumstances
from mxisd.notify.notifier import Channel, Notifier
from mxisd.notify.templates import wordings
from mxisd.ports import IKeyRing, INotifier, IThreePidResolver
from mxisd.randomness import SystemRandom
from mxisd.records.accounts import AccountRecords, RecordsHealth, TermsRecords
from mxisd.records.bindings import BindingRecords, PepperRecords
from mxisd.records.hash_files import HashFiles
from mxisd.records.key_files import open_key_ring
from mxisd.records.sessions import SessionRecords
from mxisd.records.sqlite import SqliteRecords
from mxisd.remote.homeserver import Homeservers
from mxisd.resolver.bindings import BindingsLookup
from mxisd.resolver.chain import Chain
from mxisd.resolver.guard import Guard
from mxisd.resolver.guarded import guarded
from mxisd.resolver.leaf import Leaf
from mxisd.resolver.sharing import Sharing
from mxisd.services import HashIndexService, ListeningService, StoreService
from mxisd.web.pages import OwnPages
from mxisd.web.site import Features, IdentitySite, WebSettings, build_site

PURGE_SECONDS = 3600
BUILT_IN = "classpath:"
"""What mxisd's own pages begin with in old configurations."""

log = Logger()


@frozen(kw_only=True)
class _Base:
    """What all parts stand on."""

    config: Config
    reactor: Any
    random: SystemRandom
    background: BackgroundTasks
    records: SqliteRecords
    http: HttpClients


@frozen
class _NamedStore:
    """A guarded store."""

    name: str
    store: Store
    guard: Guard


def assemble(
    config: Config, factories: Mapping[str, IStoreFactory], reactor: Any
) -> IService:
    """
    Make the server; nothing listens yet.

    :param factories: The ones that the configuration was read with, by store type.
    :raise ConfigError: If keys, certificates or a store cannot be had as configured.
    :raise RecordsUnavailable: If our own tables cannot be opened.
    """
    base = _base(config, reactor)
    stores = _stores(base, factories)
    hashes = _hashes(base, stores)
    site = _site(base, stores, hashes)
    return _services(base, stores, hashes, site)


# --- Parts ----------------------------------------------------------------------------


def _base(config: Config, reactor: Any) -> _Base:
    database = config.storage.provider.sqlite.database
    return _Base(
        config=config,
        reactor=reactor,
        random=SystemRandom(),
        background=BackgroundTasks(reactor),
        records=SqliteRecords(database, reactor.callFromThread),
        http=_http(config, reactor),
    )


def _http(config: Config, reactor: Any) -> HttpClients:
    ca_file = config.outbound.ca_file
    return http_clients(
        reactor,
        user_agent=f"mxisd/{__version__}",
        allowed=config.outbound.allowed_cidr,
        ca_file=Path(ca_file) if ca_file else None,
    )


def _stores(
    base: _Base, factories: Mapping[str, IStoreFactory]
) -> Sequence[_NamedStore]:
    timeout = base.config.lookup.store_timeout
    stores = []
    for name, store in _built(base.config, factories, base.reactor, base.http):
        guard = Guard(name, base.reactor, base.background, timeout)
        stores.append(_NamedStore(name, guarded(store, guard), guard))
    return stores


def build_stores(
    config: Config, factories: Mapping[str, IStoreFactory], reactor: Any
) -> Iterator[tuple[str, Store]]:
    """
    Make the stores alone, unguarded, with their names.

    :raise ConfigError: If one of them cannot be made.
    """
    yield from _built(config, factories, reactor, _http(config, reactor))


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
        )
        yield entry.name, factories[entry.store_type].build(entry.settings, tools)


def _resolver(base: _Base, stores: Sequence[_NamedStore]) -> IThreePidResolver:
    links: list[IThreePidResolver] = []
    if base.config.bindings.enabled:
        bindings = BindingsLookup(BindingRecords(base.records.database))
        links.append(Leaf("bindings", bindings, base.reactor))
    for each in stores:
        if each.store.lookup is not None:
            links.append(Leaf(each.name, each.store.lookup, base.reactor))
    return Sharing(Chain(links, base.reactor))


def _hashes(base: _Base, stores: Sequence[_NamedStore]) -> HashIndex | NoHashes:
    settings = base.config.hashing
    if not settings.enabled:
        return NoHashes(base.random, settings.pepper_length)
    sources = {
        each.name: each.store.associations
        for each in stores
        if each.store.associations is not None
    }
    log.info("Found by hash: {names}", names=", ".join(sources) or "bindings only")
    database = base.records.database
    return HashIndex(
        _pepper_policy(base.config),
        sources,
        HashFiles(_hash_folder(base), base.reactor),
        PepperRecords(database),
        hashed_bindings(base.config, database),
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


def _hash_folder(base: _Base) -> Path:
    configured = base.config.hashing.directory
    if configured is None:
        return base.records.folder / "hashes"
    # A daemon may change its folder.
    return Path(configured).absolute()


def _accounts(base: _Base) -> Accounts:
    settings = base.config.account_config
    allowed = {base.config.matrix.domain}
    if not settings.allow_only_trust_domains:
        allowed |= set(settings.allowed_homeservers)
    is_open = not (settings.allow_only_trust_domains or settings.allowed_homeservers)
    policy = AccountPolicy(
        None if is_open else allowed, int(settings.token_lifetime * 1000)
    )
    return Accounts(
        policy,
        AccountRecords(base.records.database),
        _homeservers(base),
        base.random,
        base.reactor,
    )


def _terms(base: _Base) -> Terms:
    policies = [
        Policy(
            policy_id,
            section.version,
            tuple(Document(lang, d.name, d.url) for lang, d in section.terms.items()),
            tuple(re.compile(text) for text in section.regexp),
        )
        for policy_id, section in base.config.policy.policies.items()
    ]
    return Terms(policies, TermsRecords(base.records.database), base.reactor)


def _homeservers(base: _Base) -> Homeservers:
    overwrites = base.config.dns.overwrite.homeserver.federation
    return Homeservers.using(
        base.reactor,
        base.http,
        Dns.of_system(base.reactor),
        base.random,
        overwrites={entry.name: entry.value for entry in overwrites},
        domain=base.config.matrix.domain,
    )


def _notifier(base: _Base) -> INotifier:
    config = base.config
    made = {}
    for medium, each in channels(config.threepid, config.notification).items():
        tools = Tools(
            name=f"threepid.medium.{medium}",
            domain=config.matrix.domain,
            reactor=base.reactor,
            http=base.http.stores,
        )
        about = Circumstances(
            domain=config.matrix.domain,
            from_address=each.identity.address,
            from_name=each.identity.name,
            placeholders=each.placeholders,
        )
        made[medium] = Channel(
            sender=each.sender.factory.build(each.sender.settings, tools),
            about=about,
            wordings=wordings(medium, each.templates, about, each.path),
        )
    return Notifier(made, base.random, base.reactor)


def _key_ring(base: _Base) -> IKeyRing:
    now_ms = int(base.reactor.seconds() * 1000)
    path, name = base.config.key.path, base.config.server_name
    return open_key_ring(path, name, base.random, now_ms)


def _lookup(
    base: _Base,
    stores: Sequence[_NamedStore],
    hashes: HashIndex | NoHashes,
    key_ring: IKeyRing,
) -> Lookup:
    settings = base.config.lookup
    hashing = base.config.hashing
    policy = LookupPolicy(
        algorithms=hashing.algorithms if hashing.enabled else (NONE,),
        timeout=settings.timeout,
        recursion_enabled=settings.recursive.enabled,
        recursion_networks=settings.recursive.allowed_cidr,
        bulk_enabled=settings.bulk.enabled,
    )
    return Lookup(policy, _resolver(base, stores), hashes, key_ring, base.reactor)


def _validation(
    base: _Base, policy: ValidationPolicy, notifier: INotifier, limits: Limits
) -> Validation:
    records = SessionRecords(base.records.database)
    return Validation(policy, records, notifier, limits, base.random, base.reactor)


def _validation_policy(base: _Base) -> ValidationPolicy:
    section = base.config.session.policy.validation
    allowed, hosts = section.allowed_countries, section.next_link_hosts
    return ValidationPolicy(
        is_enabled=section.enabled,
        allowed_countries=None if allowed is None else frozenset(allowed),
        denied_countries=frozenset(section.denied_countries),
        next_link_hosts=None if hosts is None else frozenset(map(str.lower, hosts)),
    )


def _limit_policy(section: LimitsSection) -> LimitPolicy:
    if not section.enabled:
        return LimitPolicy()
    rates = {
        Counted.ACCOUNT: Rate(section.account.burst, section.account.every),
        Counted.NETWORK: Rate(section.network.burst, section.network.every),
        Counted.EMAIL: Rate(section.email.burst, section.email.every),
        Counted.PHONE: Rate(section.phone.burst, section.phone.every),
        Counted.COUNTRY: Rate(section.country.burst, section.country.every),
    }
    return LimitPolicy(rates, section.network.exempt)


def _pages(config: Config) -> OwnPages:
    section = config.view.session.on_token_submit
    return OwnPages(
        _page("success", section.success), _page("failure", section.failure)
    )


def _page(key: str, path: str | None) -> bytes | None:
    if not path or path.startswith(BUILT_IN):
        return None
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        place = f"view.session.onTokenSubmit.{key}"
        raise ConfigError.at(place, f"cannot be read: {error}") from error


def _site(
    base: _Base, stores: Sequence[_NamedStore], hashes: HashIndex | NoHashes
) -> IdentitySite:
    config = base.config
    accounts, key_ring = _accounts(base), _key_ring(base)
    policy, notifier = _validation_policy(base), _notifier(base)
    limits = Limits(_limit_policy(config.limits), base.reactor)
    validation = _validation(base, policy, notifier, limits)
    lookup = _lookup(base, stores, hashes, key_ring)
    ground = Ground(
        config=config,
        reactor=base.reactor,
        random=base.random,
        background=base.background,
        database=base.records.database,
        http=base.http,
        key_ring=key_ring,
        lookup=lookup,
        limits=limits,
        notifier=notifier,
        reaches=policy.reaches,
    )
    waiting = invitations(ground)
    bindings = BindingParts(
        config=config,
        reactor=base.reactor,
        random=base.random,
        background=base.background,
        database=base.records.database,
        http=base.http,
        validation=validation,
        key_ring=key_ring,
        notifier=notifier,
        on_threepid_known=waiting.on_threepid_known,
    )
    base.background.every(PURGE_SECONDS, accounts.purge, "purging account tokens")
    base.background.every(PURGE_SECONDS, validation.purge, "purging sessions")
    features = Features(
        accounts=accounts,
        terms=_terms(base),
        lookup=lookup,
        validation=validation,
        binding=make_binding(bindings),
        unbinding=make_unbinding(bindings),
        invitations=waiting,
        invite_signing=invite_signing(ground),
        health=Health(
            RecordsHealth(base.records.database),
            {each.name: each.guard for each in stores},
            hashes.unlisted,
        ),
        key_ring=key_ring,
    )
    settings = WebSettings(
        v1=config.matrix.v1,
        v2=config.matrix.v2,
        trusted_proxies=config.server.trusted_proxies,
        inbound_networks=config.inbound_networks,
        internal_networks=config.server.internal_networks,
        access_log=config.logging.access,
        public_url=config.public_url,
        asks_first=config.view.session.on_token_submit.confirm,
        pages=_pages(config),
    )
    return build_site(
        settings, features, base.background.shield, base.random, base.reactor
    )


# --- Services -------------------------------------------------------------------------


def _services(
    base: _Base,
    stores: Sequence[_NamedStore],
    hashes: HashIndex | NoHashes,
    site: IdentitySite,
) -> IService:
    """Put what starts and stops in order: what is below the web starts first."""
    server = MultiService()
    parts: list[IService] = [base.records, base.background]
    parts += [
        StoreService(each.store.service, each.guard, base.reactor)
        for each in stores
        if each.store.service is not None
    ]
    if isinstance(hashes, HashIndex):
        refresh = base.config.hashing.refresh
        parts.append(HashIndexService(hashes, base.background, refresh))
    settings = base.config.server
    parts.append(ListeningService(base.reactor, site, settings.hostname, settings.port))
    for part in parts:
        part.setServiceParent(server)
    return server
