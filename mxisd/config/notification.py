"""The keys about messages to people: ``threepid`` and ``notification``."""

import re
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, TypeVar

from attrs import frozen

from mxisd.config.checks import optional
from mxisd.model.messages import MessageFiles
from mxisd.model.notices import (
    InviteNotice,
    MatrixIdInviteNotice,
    UnbindNotice,
    ValidationNotice,
)
from mxisd.model.settings import option

_TAG = re.compile(r"[A-Za-z]{2,3}(-[0-9A-Za-z]{1,8})*")

T = TypeVar("T")


class Dispatch(Enum):
    """Which keys say how messages of a medium are made and sent: ``handler``."""

    RAW = "raw"
    SENDGRID = "sendgrid"


class Generator(Enum):
    """Who puts messages into words."""

    TEMPLATE = "template"


# --- Keys -----------------------------------------------------------------------------


@frozen(kw_only=True)
class IdentitySection:
    """Who messages are from."""

    address: str = option("The address that messages are from.", "", key="from")
    name: str = option("The name that goes with it.", "")


@frozen(kw_only=True)
class UnbindTemplateSection:
    """Messages about addresses that no longer lead to an account."""

    notification: str | None = option("Tells that an address was unbound.", None)


@frozen(kw_only=True)
class SessionTemplateSection:
    """Messages of validation sessions."""

    validation: str | None = option("Asks whether an address is one's own.", None)
    unbind: UnbindTemplateSection = option("Unbinding.", UnbindTemplateSection)


@frozen(kw_only=True)
class GenericTemplateSection:
    """Other messages."""

    matrix_id: str | None = option("Tells that an account was invited.", None)


@frozen(kw_only=True)
class TemplateSection:
    """Files with the words; what has none is said in ours."""

    invite: str | None = option("Invites somebody without an account.", None)
    session: SessionTemplateSection = option("Sessions.", SessionTemplateSection)
    generic: GenericTemplateSection = option("Others.", GenericTemplateSection)
    placeholder: Mapping[str, str] = option(
        "Further placeholders and their values; ``REGISTER_URL`` and ``SERVICE_NAME`` "
        "replace ours.",
        dict,
    )

    @property
    def by_notice(self) -> Mapping[type, str | None]:
        """The files by type of notice; ``None`` for our own words."""
        return _by_notice(self, _file)


@frozen(kw_only=True)
class GeneratorsSection:
    """One section per generator."""

    template: TemplateSection = option("Templates.", TemplateSection)


@frozen(kw_only=True)
class MediumSection:
    """Messages of one medium."""

    identity: IdentitySection = option("The sender.", IdentitySection)
    connector: str | None = option(
        "Who carries messages: ``smtp``, ``sendgrid``, ``twilio``, ``http``, the word "
        "of a plug-in, or ``none``, which discards them.",
        None,
        default_note="``smtp`` for ``email``, ``twilio`` for ``msisdn``, unless "
        "``connectors`` has others only",
    )
    generator: Generator = option("Who writes messages.", Generator.TEMPLATE)
    connectors: Mapping[str, Any] = option("The keys of each connector.", dict)
    generators: GeneratorsSection = option("The words.", GeneratorsSection)


@frozen(kw_only=True)
class ThreePidSection:
    """Messages to people, by medium; a medium that is not there gets none."""

    medium: Mapping[str, MediumSection] = option(
        "``email``, ``msisdn``, or a medium of your own.", dict
    )


@frozen(kw_only=True)
class BodySection:
    """The files of a message's body."""

    text: str | None = option("The plain text.", None)
    html: str | None = option("The HTML.", None)


@frozen(kw_only=True)
class PartsSection:
    """A message in parts; without a body it is said in our words."""

    subject: str = option("The subject; placeholders work.", "")
    body: BodySection = option("The body.", BodySection)


@frozen(kw_only=True)
class UnbindPartsSection:
    """Messages about addresses that no longer lead to an account."""

    notification: PartsSection = option("An address was unbound.", PartsSection)


@frozen(kw_only=True)
class SessionPartsSection:
    """Messages of validation sessions."""

    validation: PartsSection = option("Is the address one's own?", PartsSection)
    unbind: UnbindPartsSection = option("Unbinding.", UnbindPartsSection)


@frozen(kw_only=True)
class GenericPartsSection:
    """Other messages."""

    matrix_id: PartsSection = option("An account was invited.", PartsSection)


@frozen(kw_only=True)
class SendGridTemplatesSection:
    """Files with the words; what has none is said in ours."""

    invite: PartsSection = option("Invites somebody without account.", PartsSection)
    session: SessionPartsSection = option("Sessions.", SessionPartsSection)
    generic: GenericPartsSection = option("Others.", GenericPartsSection)

    @property
    def by_notice(self) -> Mapping[type, MessageFiles | None]:
        """The parts by type of notice; ``None`` for our own words."""
        return _by_notice(self, _parts)


@frozen(kw_only=True)
class SendGridSection:
    """E-mail by SendGrid, under the keys of mxisd."""

    api: Any = option("``key``, and ``url`` where it is another.", dict)
    identity: IdentitySection = option("The sender.", IdentitySection)
    templates: SendGridTemplatesSection = option("Words.", SendGridTemplatesSection)


@frozen(kw_only=True)
class DispatchesSection:
    """The keys of each way to dispatch that has its own: ``handlers``."""

    sendgrid: SendGridSection | None = option("SendGrid.", None)


@frozen(kw_only=True)
class EventsSection:
    """What people are told by one medium."""

    validation: bool = option("Asks whether an address is one's own.", True)
    invite: bool = option("Invites somebody without an account.", True)
    matrix_id: bool = option("Tells that an account was invited.", True)
    unbind: bool = option("Tells that an address was unbound.", True)

    @property
    def sent(self) -> frozenset[type]:
        """The types of the notices that are sent."""
        switches = {
            ValidationNotice: self.validation,
            InviteNotice: self.invite,
            MatrixIdInviteNotice: self.matrix_id,
            UnbindNotice: self.unbind,
        }
        return frozenset(each for each, is_on in switches.items() if is_on)


def _language(value: str) -> None:
    if not _TAG.fullmatch(value):
        raise ValueError("must be a language tag such as fr or de-AT")


@frozen(kw_only=True)
class NotificationSection:
    """Which messages are sent, and by whom."""

    handler: Mapping[str, Dispatch] = option(
        "By medium: ``raw``, which is the default, takes the keys of "
        "``threepid.medium``; ``sendgrid``, for e-mail only, has keys of its own.",
        dict,
    )
    handlers: DispatchesSection = option("Keys of handlers.", DispatchesSection)
    events: Mapping[str, EventsSection] = option("What is sent, by medium.", dict)
    language: str | None = option(
        "The language of messages to people of whom none is known, such as ``fr``: "
        "homeservers tell of none with an invite.",
        None,
        default_note="that of the template without a language in its name; ``en`` in "
        "our own words",
        check=optional(_language),
    )


def _by_notice(
    templates: TemplateSection | SendGridTemplatesSection, files: Callable[[Any], T]
) -> Mapping[type, T]:
    return {
        ValidationNotice: files(templates.session.validation),
        InviteNotice: files(templates.invite),
        MatrixIdInviteNotice: files(templates.generic.matrix_id),
        UnbindNotice: files(templates.session.unbind.notification),
    }


def _file(path: str | None) -> str | None:
    # "classpath:" was how mxisd's own templates were named.
    return None if not path or path.startswith("classpath:") else path


def _parts(parts: PartsSection) -> MessageFiles | None:
    text, html = _file(parts.body.text), _file(parts.body.html)
    if text is None and html is None:
        return None
    return MessageFiles(parts.subject, text, html)
