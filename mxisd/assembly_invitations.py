"""Wiring of invitations: records, deliveries, messages, and what repeats."""

from collections.abc import Callable
from typing import Any

from attrs import frozen

from mxisd.background import BackgroundTasks
from mxisd.config.invitations import BlockedSection, InviteSection
from mxisd.config.sections import Config
from mxisd.drivers.dns import Dns
from mxisd.drivers.http import HttpClients
from mxisd.features.deliveries import POLL_SECONDS, Deliveries
from mxisd.features.invitations import Invitations, InvitePolicy
from mxisd.features.invite_messages import InviteMessages
from mxisd.features.limits import Limits
from mxisd.features.lookup import Lookup
from mxisd.features.signing_invites import InviteSigning
from mxisd.model.identifiers import UserId
from mxisd.model.invites import BlockLists
from mxisd.ports import IKeyRing, INotifier, IRandom
from mxisd.records.database import Database
from mxisd.records.invites import (
    DeliveryRecords,
    InviteMessageRecords,
    InviteRecords,
)
from mxisd.remote.onbind import OnBind
from mxisd.web.routes import V1

MINUTE = 60


@frozen(kw_only=True)
class Ground:
    """What invitations stand on."""

    config: Config
    reactor: Any
    random: IRandom
    background: BackgroundTasks
    database: Database
    http: HttpClients
    key_ring: IKeyRing
    lookup: Lookup
    limits: Limits
    notifier: INotifier
    reaches: Callable[[str], bool]


def invitations(on: Ground) -> Invitations:
    """Make invitations, and see to it that they are delivered, sent and looked up."""
    deliveries = Deliveries(
        DeliveryRecords(on.database),
        _onbind(on),
        on.key_ring,
        on.background,
        on.reactor,
    )
    messages = InviteMessages(
        InviteMessageRecords(on.database),
        on.notifier,
        on.background,
        on.reactor,
        f"{on.config.public_url}{V1}/sign-ed25519",
        on.config.invite.web_client,
    )
    made = Invitations(
        _policy(on.config.invite, on.reaches),
        InviteRecords(on.database),
        on.lookup,
        on.limits,
        messages,
        deliveries,
        on.random,
        on.reactor,
    )
    resolution = on.config.invite.resolution
    sweep_seconds = resolution.timer * resolution.period.in_seconds
    on.background.every(POLL_SECONDS, deliveries.wake, "delivering invites")
    on.background.every(POLL_SECONDS, messages.wake, "sending messages of invites")
    on.background.every(sweep_seconds, made.sweep, "looking up pending invites")
    return made


def invite_signing(on: Ground) -> InviteSigning:
    """Make what signs for people who accept invites."""
    return InviteSigning(InviteRecords(on.database), on.key_ring, on.config.server_name)


def _onbind(on: Ground) -> OnBind:
    overwrites = on.config.dns.overwrite.homeserver.federation
    return OnBind.using(
        on.reactor,
        on.http,
        Dns.of_system(on.reactor),
        on.random,
        overwrites={entry.name: entry.value for entry in overwrites},
        domain=on.config.matrix.domain,
    )


def _policy(section: InviteSection, reaches: Callable[[str], bool]) -> InvitePolicy:
    expiration = section.expiration
    after_ms = expiration.after * MINUTE * 1000
    to = expiration.resolve_to
    return InvitePolicy(
        accept_known=section.accept_known,
        full_display_name=section.full_display_name,
        recursive=section.resolution.recursive,
        expires_after_ms=after_ms if expiration.enabled else None,
        expired_to=None if to is None else UserId.parse(to),
        blocked=_blocked(section.blocked),
        reaches=reaches,
    )


def _blocked(section: BlockedSection) -> BlockLists:
    return BlockLists(
        frozenset(name.lower() for name in section.homeservers),
        frozenset(section.senders),
        frozenset(section.rooms),
    )
