"""Notices become messages, and go to whoever carries them."""

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen
from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from zope.interface import implementer

from mxisd.drivers.smtp import MailFailed, envelope_address
from mxisd.errors import (
    DeadlineExceeded,
    MessageNotSent,
    MessageRefused,
    SenderUnavailable,
)
from mxisd.interfaces import IMessageSender
from mxisd.model.messages import Message
from mxisd.model.notices import Notice
from mxisd.model.threepids import EMAIL
from mxisd.notify.engines import TemplateFailed
from mxisd.notify.facts import Circumstances, facts, one_line
from mxisd.notify.mail import Envelope, finished, new_mail
from mxisd.notify.wording import Wording, Words
from mxisd.ports import INotifier, IRandom
from mxisd.waiting import in_time

SECONDS = 20.0
"""The longest that a sender may take: somebody waits for the answer."""

MESSAGE_ID_LENGTH = 24
REASON_LENGTH = 400

log = Logger()


@frozen(kw_only=True)
class Channel:
    """
    How one medium's messages are made and sent.

    :ivar wordings: By type of notice; those that are not sent are not there.
    """

    sender: IMessageSender
    about: Circumstances
    wordings: Mapping[type, Wording]


@implementer(INotifier)
@frozen
class Notifier:
    """
    Tells people something at their 3PIDs.

    :ivar channels: By medium.
    :ivar random: For the IDs of e-mails.
    :ivar language: For people whose language is not known, or not there.
    """

    channels: Mapping[str, Channel]
    random: IRandom
    reactor: Any
    language: str | None = None

    def can_reach(self, notice_type: type, medium: str) -> bool:
        """Whether notices of this type are sent by this medium at all."""
        channel = self.channels.get(medium)
        return channel is not None and notice_type in channel.wordings

    async def send(self, notice: Notice) -> None:
        """
        Put a notice into words, and hand it over.

        :raise MessageNotSent: If that failed, was too slow, or is not possible.
        """
        kind, medium = type(notice).__name__, notice.threepid.medium
        try:
            await self._send(notice)
        except MessageNotSent as error:
            log.warn(
                "{kind} not sent by {medium}: {reason}",
                kind=kind,
                medium=medium,
                reason=str(error),
            )
            raise
        log.info("{kind} sent by {medium}", kind=kind, medium=medium)

    async def _send(self, notice: Notice) -> None:
        channel = self.channels.get(notice.threepid.medium)
        if channel is None or type(notice) not in channel.wordings:
            raise MessageNotSent("such notices are not sent by this medium")
        wording = channel.wordings[type(notice)]
        message = self._message(notice, channel.about, wording)
        try:
            await in_time(_carried(channel.sender, message), SECONDS, self.reactor)
        except DeadlineExceeded as error:
            text = f"the sender of {notice.threepid.medium}: {error}"
            raise SenderUnavailable(text) from error

    def _message(
        self, notice: Notice, about: Circumstances, wording: Wording
    ) -> Message:
        try:
            words = wording(facts(notice, about), self._languages(notice))
        except TemplateFailed as error:
            raise MessageNotSent(f"a template {error}") from error
        is_mail = notice.threepid.medium == EMAIL
        return Message(
            recipient=notice.threepid,
            sender_address=about.from_address,
            sender_name=about.from_name,
            subject=words.subject,
            text=words.text,
            html=words.html,
            mail=self._mail(notice, about, words) if is_mail else None,
        )

    def _languages(self, notice: Notice) -> Sequence[str]:
        last = () if self.language is None else (self.language,)
        return (*notice.languages, *last)

    def _mail(self, notice: Notice, about: Circumstances, words: Words) -> bytes:
        try:
            recipient = envelope_address(notice.threepid.address)
        except MailFailed as error:
            raise error.means(str(error)) from error
        envelope = Envelope(
            sender=about.from_address,
            sender_name=about.from_name,
            recipient=recipient,
            message_id=self.random.alphanumeric(MESSAGE_ID_LENGTH),
            domain=about.host,
            sent_at=self.reactor.seconds(),
            language=words.language,
        )
        mail = words.mail or new_mail(words.subject, words.text, words.html)
        return finished(mail, envelope)


async def _carried(sender: IMessageSender, message: Message) -> None:
    # A sender may be anybody's plug-in: whatever it raises, the message was not sent.
    try:
        await sender.send(message)
    except CancelledError:
        raise  # it was too slow
    except MessageNotSent as error:
        reason = str(error)
        for spelling in message.recipient.spellings:
            reason = reason.replace(spelling, "…")
        raise _kind(error)(one_line(reason, REASON_LENGTH)) from None
    except Exception as error:
        raise MessageNotSent(f"the sender failed: {type(error).__name__}") from error


def _kind(error: MessageNotSent) -> type[MessageNotSent]:
    kinds = (MessageRefused, SenderUnavailable)
    return next((each for each in kinds if isinstance(error, each)), MessageNotSent)
