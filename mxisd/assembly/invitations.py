"""Invitations: records, deliveries, messages, and what repeats."""

from collections.abc import Sequence

from mxisd.assembly.base import Base
from mxisd.assembly.reaching import known_homeservers
from mxisd.assembly.stores import NamedStore
from mxisd.assembly.validation import validation_policy
from mxisd.config.invitations import BlockedSection, InviteSection
from mxisd.config.sections import Config
from mxisd.features.deliveries import POLL_SECONDS, Deliveries
from mxisd.features.invitations import Invitations, InvitePolicy
from mxisd.features.invite_links import InviteLinks
from mxisd.features.invite_messages import InviteMessages
from mxisd.features.limits import Limits
from mxisd.features.lookup import Lookup
from mxisd.features.new_invites import NewInvites
from mxisd.features.sender_roles import SenderRoles
from mxisd.features.signing_invites import InviteSigning
from mxisd.model.identifiers import UserId
from mxisd.model.invites import BlockLists
from mxisd.records.deliveries import DeliveryRecords
from mxisd.records.invite_messages import InviteMessageRecords
from mxisd.records.invites import InviteRecords
from mxisd.remote.onbind import OnBind

MINUTE = 60
PURGE_SECONDS = 3600
FIRST_SWEEP_SECONDS = 5
"""Whoever appeared while the server was down need not wait for the next look."""


def make_invitations(
    base: Base,
    lookup: Lookup,
    limits: Limits,
    senders: SenderRoles,
    links: InviteLinks,
) -> Invitations:
    """Make invitations, and see to it that they are delivered, sent and looked up."""
    section, repeat = base.config.invite, base.background.every
    deliveries, messages = _deliveries(base), _messages(base, links)
    made = Invitations(
        invite_policy(base.config, senders),
        InviteRecords(base.database),
        lookup,
        limits,
        messages,
        deliveries,
        _new_invites(base),
        base.reactor,
    )
    sweep_seconds = section.resolution.timer * section.resolution.period.in_seconds
    repeat(POLL_SECONDS, deliveries.wake, "delivering invites")
    repeat(POLL_SECONDS, messages.wake, "sending messages of invites")
    repeat(PURGE_SECONDS, made.purge, "forgetting invites that have ended")
    looking_up = "looking up pending invites"
    base.background.after_start(FIRST_SWEEP_SECONDS, made.sweep, looking_up)
    repeat(sweep_seconds, made.sweep, looking_up)
    return made


def _new_invites(base: Base) -> NewInvites:
    return NewInvites(base.key_ring, base.random, base.reactor)


def _deliveries(base: Base) -> Deliveries:
    return Deliveries(
        DeliveryRecords(base.database),
        OnBind(base.delivery_federation),
        base.key_ring,
        base.background,
        base.reactor,
        known_homeservers(base.config),
    )


def _messages(base: Base, links: InviteLinks) -> InviteMessages:
    return InviteMessages(
        InviteMessageRecords(base.database),
        base.notifier,
        base.background,
        base.reactor,
        links,
    )


def make_sender_roles(base: Base, stores: Sequence[NamedStore]) -> SenderRoles:
    """Make what judges senders of invites, here and wherever else they pass."""
    required = frozenset(base.config.invite.policy.if_sender.has_role)
    profiles = [each.store.profile for each in stores if each.store.profile is not None]
    return SenderRoles(required, profiles)


def make_invite_signing(base: Base) -> InviteSigning:
    """Make what signs for people who accept invites."""
    records, name = InviteRecords(base.database), base.config.server_name
    return InviteSigning(records, base.key_ring, name)


def invite_policy(config: Config, senders: SenderRoles) -> InvitePolicy:
    """Which invites we take, and what becomes of them."""
    section = config.invite
    expiration = section.expiration
    after_ms = expiration.after * MINUTE * 1000
    return InvitePolicy(
        accept_known=section.accept_known,
        recursive=section.resolution.recursive,
        full_display_name=section.full_display_name,
        expires_after_ms=after_ms if expiration.enabled else None,
        kept_ms=None if section.keep_ended is None else int(section.keep_ended * 1000),
        expired_to=expired_to(section),
        blocked=_blocked(section.blocked),
        senders=senders,
        reaches=validation_policy(config).reaches,
    )


def expired_to(section: InviteSection) -> UserId | None:
    """To whom invites are delivered whose time is over, or that are revoked."""
    to = section.expiration.resolve_to
    return None if to is None else UserId.parse(to)


def _blocked(section: BlockedSection) -> BlockLists:
    return BlockLists(
        frozenset(name.lower() for name in section.homeservers),
        frozenset(section.senders),
        frozenset(section.rooms),
    )
