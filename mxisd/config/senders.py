"""Who carries messages: the connectors of the file, and what each medium uses."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import attrs
from attrs import frozen

from mxisd.config.notification import (
    Dispatch,
    EventsSection,
    IdentitySection,
    MediumSection,
    NotificationSection,
    SendGridSection,
    ThreePidSection,
)
from mxisd.config.structure import Section
from mxisd.errors import ConfigError, Problem
from mxisd.interfaces import IMessageSenderFactory
from mxisd.model.messages import MessageFiles
from mxisd.model.threepids import EMAIL, MSISDN

CLASSIC_CONNECTORS = {EMAIL: "smtp", MSISDN: "twilio"}
DISCARDING = "none"
SENDGRID = "sendgrid"
SENDGRID_PATH = "notification.handlers.sendgrid"

_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]+")


@frozen
class SenderEntry:
    """
    A sender that is configured.

    :ivar factory: Makes it.
    :ivar settings: What the factory's ``parse`` returned.
    :ivar path: The section that it stands in.
    """

    sender_type: str
    factory: IMessageSenderFactory
    settings: Any
    path: str


@frozen
class DeclaredSender:
    """A sender's section, before its keys are judged."""

    path: str
    sender_type: str
    values: Any

    def parsed(self, senders: Mapping[str, IMessageSenderFactory]) -> SenderEntry:
        """
        Let the factory judge it.

        :raise ConfigError: With paths relative to the section.
        """
        factory = senders.get(self.sender_type)
        if factory is None:
            known = ", ".join(sorted(senders)) or "none"
            text = f"there is no connector {self.sender_type!r}; known: {known}"
            raise ConfigError.at("", text)
        values = {} if self.values is None else self.values
        if not isinstance(values, Mapping):
            raise ConfigError.at("", "must be a section with keys below it")
        settings = factory.parse(Section(values, self.path))
        return SenderEntry(self.sender_type, factory, settings, self.path)


def declared_senders(values: Mapping[str, Any]) -> Iterator[DeclaredSender]:
    """
    Every sender's section in the file, and those that are used without one.

    :param values: The whole file; what is of the wrong kind is somebody else's to tell.
    """
    mediums = _below(values, "threepid", "medium")
    for medium in mediums:
        found = dict(_below(mediums, medium, "connectors"))
        chosen: Any = _below(mediums, medium).get("connector")
        found.setdefault(chosen or _classic(medium, found) or "", None)
        for sender_type, section in found.items():
            if isinstance(sender_type, str) and sender_type:
                path = _connector_path(medium, sender_type)
                yield DeclaredSender(path, sender_type, section)
    if _below(values, "notification", "handlers").get("sendgrid") is not None:
        api = _below(values, *SENDGRID_PATH.split("."), "api")
        yield DeclaredSender(f"{SENDGRID_PATH}.api", SENDGRID, api)


def _connector_path(medium: str, sender_type: str) -> str:
    return f"threepid.medium.{medium}.connectors.{sender_type}"


def _below(values: Any, *path: str) -> Mapping[str, Any]:
    for key in path:
        values = values.get(key) if isinstance(values, Mapping) else None
    return values if isinstance(values, Mapping) else {}


def _chosen(medium: str, section: MediumSection) -> str | None:
    return section.connector or _classic(medium, section.connectors)


def _classic(medium: str, described: Collection[str]) -> str | None:
    """Who carries messages without being named, unless only others are described."""
    classic = CLASSIC_CONNECTORS.get(medium)
    return None if described and classic not in described else classic


# --- Putting together -----------------------------------------------------------------


def with_entries(
    threepid: ThreePidSection,
    notification: NotificationSection,
    entries: Mapping[str, SenderEntry],
) -> tuple[ThreePidSection, NotificationSection]:
    """
    Put what the factories made of their sections into the places of these.

    :param entries: By path; all of :func:`declared_senders`.
    """
    mediums = {
        medium: _with_entries(medium, section, entries)
        for medium, section in threepid.medium.items()
    }
    threepid = attrs.evolve(threepid, medium=mediums)
    sendgrid = notification.handlers.sendgrid
    if sendgrid is None:
        return threepid, notification
    sendgrid = attrs.evolve(sendgrid, api=entries[f"{SENDGRID_PATH}.api"])
    handlers = attrs.evolve(notification.handlers, sendgrid=sendgrid)
    return threepid, attrs.evolve(notification, handlers=handlers)


def _with_entries(
    medium: str, section: MediumSection, entries: Mapping[str, SenderEntry]
) -> MediumSection:
    prefix = _connector_path(medium, "")
    own = {
        path.removeprefix(prefix): entry
        for path, entry in entries.items()
        if path.startswith(prefix)
    }
    chosen = _chosen(medium, section)
    return attrs.evolve(section, connector=chosen, connectors=own)


@frozen(kw_only=True)
class Channel:
    """
    How the messages of one medium are made and sent.

    :ivar path: The section that the templates are in.
    :ivar templates: By type of notice, if such are sent: a file, files in parts, or
        ``None`` for our own words.
    """

    sender: SenderEntry
    identity: IdentitySection
    path: str
    templates: Mapping[type, str | MessageFiles | None]
    placeholders: Mapping[str, str]


def channels(
    threepid: ThreePidSection, notification: NotificationSection
) -> Mapping[str, Channel]:
    """
    The mediums that messages are sent by, of a configuration without problems.

    :param threepid: With the entries of its senders, like ``notification``.
    """
    found = {}
    for medium in (*threepid.medium, *notification.handler):
        events = notification.events.get(medium, EventsSection())
        sendgrid = notification.handlers.sendgrid
        if notification.handler.get(medium) is Dispatch.SENDGRID and sendgrid:
            found[medium] = _sendgrid_channel(sendgrid, events)
        elif medium in threepid.medium:
            found[medium] = _raw_channel(medium, threepid.medium[medium], events)
    return found


def _raw_channel(medium: str, section: MediumSection, events: EventsSection) -> Channel:
    return Channel(
        sender=section.connectors[section.connector or ""],
        identity=section.identity,
        path=f"threepid.medium.{medium}.generators.template",
        templates=_sent(section.generators.template.by_notice, events),
        placeholders=section.generators.template.placeholder,
    )


def _sendgrid_channel(section: SendGridSection, events: EventsSection) -> Channel:
    return Channel(
        sender=section.api,
        identity=section.identity,
        path=f"{SENDGRID_PATH}.templates",
        templates=_sent(section.templates.by_notice, events),
        placeholders={},
    )


def _sent(templates: Mapping[type, Any], events: EventsSection) -> Mapping[type, Any]:
    return {kind: each for kind, each in templates.items() if kind in events.sent}


# --- What does not fit together -------------------------------------------------------


def problems(
    threepid: ThreePidSection, notification: NotificationSection
) -> Iterator[Problem]:
    """What single keys do not tell."""
    for medium, dispatch in notification.handler.items():
        if dispatch is Dispatch.SENDGRID:
            yield from _sendgrid_problems(medium, notification.handlers.sendgrid)
    for medium in notification.events:
        if medium not in threepid.medium and medium not in notification.handler:
            text = f"has no effect: threepid.medium has no section {medium}"
            yield Problem(f"notification.events.{medium}", text)
    for medium, section in threepid.medium.items():
        is_raw = notification.handler.get(medium) is not Dispatch.SENDGRID
        yield from _medium_problems(medium, section, is_raw)


def _sendgrid_problems(
    medium: str, section: SendGridSection | None
) -> Iterator[Problem]:
    if medium != EMAIL:
        yield Problem(f"notification.handler.{medium}", "sendgrid sends e-mail only")
    elif section is None:
        text = f"needs the section {SENDGRID_PATH}"
        yield Problem(f"notification.handler.{medium}", text)
    else:
        yield from _identity_problems(f"{SENDGRID_PATH}.identity", section.identity)


def _medium_problems(
    medium: str, section: MediumSection, is_raw: bool
) -> Iterator[Problem]:
    path = f"threepid.medium.{medium}"
    chosen = _chosen(medium, section)
    if chosen is None:
        text = "is required: Who carries messages"
        if section.connectors:
            text += f"; connectors has {', '.join(section.connectors)}"
        yield Problem(f"{path}.connector", text)
    if medium == EMAIL and is_raw and chosen != DISCARDING:
        yield from _identity_problems(f"{path}.identity", section.identity)


def _identity_problems(path: str, identity: IdentitySection) -> Iterator[Problem]:
    if not identity.address:
        text = "is required: The e-mail address that messages are from"
        yield Problem(f"{path}.from", text)
    elif not _ADDRESS.fullmatch(identity.address):
        text = "must be an e-mail address, in ASCII and without a name"
        yield Problem(f"{path}.from", text)
    if not identity.name.isprintable():
        yield Problem(f"{path}.name", "must be one line")
