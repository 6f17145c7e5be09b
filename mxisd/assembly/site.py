"""The features behind the HTTP API, and its settings."""

from collections.abc import Sequence

from twisted.internet.interfaces import IReactorTime

from mxisd.assembly.accounts import make_accounts, make_terms
from mxisd.assembly.admin import make_administration
from mxisd.assembly.base import Base
from mxisd.assembly.bindings import make_binding, make_unbinding
from mxisd.assembly.invitations import (
    make_invitations,
    make_invite_signing,
    make_sender_roles,
)
from mxisd.assembly.invite_links import make_invite_links
from mxisd.assembly.limits import make_limits
from mxisd.assembly.lookup import make_lookup
from mxisd.assembly.messages import service_name
from mxisd.assembly.questions import make_questions
from mxisd.assembly.stores import NamedStore
from mxisd.assembly.validation import make_validation
from mxisd.config.admin import AdminSection
from mxisd.config.sections import Config
from mxisd.drivers.descriptors import descriptor_limit
from mxisd.features.hash_index import HashIndex, NoHashes
from mxisd.features.health import Health
from mxisd.records.health import RecordsHealth
from mxisd.web.connections import (
    MAX_CONNECTIONS,
    RESERVED_DESCRIPTORS,
    connections_within,
)
from mxisd.web.operators import Operators
from mxisd.web.pages import OwnPages
from mxisd.web.routes import Doors
from mxisd.web.site import Features, IdentitySite, WebSettings, build_site

PURGE_SECONDS = 3600


def make_site(
    base: Base, stores: Sequence[NamedStore], hashes: HashIndex | NoHashes
) -> IdentitySite:
    """Make everything that is served."""
    return build_site(
        _settings(base.config, base.pages, base.reactor),
        _features(base, stores, hashes),
        base.background.shield,
        base.random,
        base.reactor,
    )


def _features(
    base: Base, stores: Sequence[NamedStore], hashes: HashIndex | NoHashes
) -> Features:
    limits, questions = make_limits(base), make_questions(base)
    lookup = make_lookup(base, stores, hashes, limits)
    accounts = make_accounts(base, questions, limits)
    validation = make_validation(base, limits)
    senders = make_sender_roles(base, stores)
    links = make_invite_links(base)
    invitations = make_invitations(base, lookup, limits, senders, links)
    health = _health(base, stores, hashes)
    base.background.every(PURGE_SECONDS, accounts.purge, "purging account tokens")
    base.background.every(PURGE_SECONDS, validation.purge, "purging sessions")
    return Features(
        accounts=accounts,
        terms=make_terms(base),
        lookup=lookup,
        validation=validation,
        binding=make_binding(base, validation, invitations.on_threepid_known),
        unbinding=make_unbinding(base, validation, questions),
        invitations=invitations,
        invite_signing=make_invite_signing(base),
        invite_links=links,
        health=health,
        key_ring=base.key_ring,
        administration=make_administration(base, invitations, hashes, health),
    )


def _health(
    base: Base, stores: Sequence[NamedStore], hashes: HashIndex | NoHashes
) -> Health:
    guards = {each.name: each.guard for each in stores}
    records = RecordsHealth(base.database, base.reactor)
    return Health(records, guards, hashes.unlisted, hashes.is_well)


def _settings(config: Config, pages: OwnPages, clock: IReactorTime) -> WebSettings:
    return WebSettings(
        doors=_doors(config),
        operators=_operators(config.admin, clock),
        trusted_proxies=config.server.trusted_proxies,
        inbound_networks=config.inbound_networks,
        internal_networks=config.server.internal_networks,
        access_log=config.logging.access,
        public_url=config.public_url,
        service_name=service_name(config),
        asks_first=config.view.session.on_token_submit.confirm,
        pages=pages,
        max_connections=_max_connections(),
    )


def _max_connections() -> int:
    descriptors = descriptor_limit(MAX_CONNECTIONS + RESERVED_DESCRIPTORS)
    return connections_within(descriptors)


def _doors(config: Config) -> Doors:
    has_operators = config.admin.token is not None
    return Doors(
        v1=config.matrix.v1,
        v2=config.matrix.v2,
        admin=has_operators,
        ma1sd_internal=has_operators and config.internal.enabled,
    )


def _operators(section: AdminSection, clock: IReactorTime) -> Operators | None:
    if section.token is None:
        return None
    return Operators(section.token, section.allowed_cidr, clock)
