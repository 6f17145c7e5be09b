"""``sendgrid``: e-mail by the v3 API of Twilio SendGrid."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen
from zope.interface import implementer

from mxisd.errors import MessageNotSent, MessageRefused, Problem, SenderUnavailable
from mxisd.interfaces import IMessageSender, ISection, ISelfCheck, Tools
from mxisd.model.messages import Message
from mxisd.model.secret import Secret
from mxisd.model.settings import option
from mxisd.notify.checks import filled, http_url
from mxisd.notify.http import NOT_LET_IN, Answer, ask, asked_for, document, meaning

ACCEPTED, FOUND, BAD_REQUEST = 202, 200, 400
RECIPIENT = "personalizations"
"""What the fields begin with that are about the recipient."""

SENDING = "mail.send"

_FIELD = re.compile(r"[a-z0-9_.]{1,60}")


@frozen(kw_only=True)
class SendGridSettings:
    """SendGrid."""

    key: Secret = option("The API key.", check=filled)
    url: str = option(
        "The API; ``https://api.eu.sendgrid.com`` keeps mail in the European Union.",
        "https://api.sendgrid.com",
        check=http_url,
    )


def parse(section: ISection) -> SendGridSettings:
    """Judge the section."""
    return section.read(SendGridSettings)


def build(settings: SendGridSettings, tools: Tools) -> IMessageSender:
    """Make the sender."""
    return SendGridSender(settings, tools.http, tools.name)


@implementer(IMessageSender, ISelfCheck)
@frozen
class SendGridSender:
    """
    Hands each message to SendGrid.

    :ivar path: The section of the configuration, for what goes wrong.
    """

    settings: SendGridSettings
    http: Any
    path: str

    async def send(self, message: Message) -> None:
        """
        Hand over.

        :raise MessageNotSent: If SendGrid does not say that it takes the message.
        """
        body = json.dumps(_document(message)).encode()
        with asked_for(self.path):
            answer = await self._asked("POST", "/v3/mail/send", body)
        # In its sandbox it answers 200, and delivers nothing.
        if answer.status != ACCEPTED:
            key = ".key" if answer.status in NOT_LET_IN else ""
            fields = sorted(_fields(answer))
            more = f" ({', '.join(fields)})" if fields else ""
            text = f"{self.path}{key}: SendGrid answered {answer.status}{more}"
            raise _meaning(answer.status, fields)(text)

    async def problems(self) -> Sequence[Problem]:
        """Ask what the key may be used for; nothing is sent."""
        try:
            answer = await self._asked("GET", "/v3/scopes")
        except SenderUnavailable as error:
            return [Problem("url", str(error))]
        if answer.status in NOT_LET_IN:
            return [Problem("key", f"SendGrid refused it ({answer.status})")]
        if answer.status != FOUND:
            return [Problem("url", f"SendGrid answered {answer.status}")]
        scopes = document(answer.text).get("scopes")
        if not isinstance(scopes, list) or SENDING not in scopes:
            return [
                Problem("key", f"it may not send: {SENDING} is not among its scopes")
            ]
        return []

    async def _asked(self, method: str, path: str, body: bytes | None = None) -> Answer:
        headers = {"Authorization": f"Bearer {self.settings.key.value}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        url = self.settings.url.rstrip("/") + path
        return await ask(self.http, method, url, headers, body)


def _fields(answer: Answer) -> Sequence[str]:
    # The texts beside them quote addresses.
    errors = document(answer.text).get("errors")
    listed = errors if isinstance(errors, list) else []
    found = [each.get("field") for each in listed if isinstance(each, Mapping)]
    return [each for each in found if isinstance(each, str) and _FIELD.fullmatch(each)]


def _meaning(status: int, fields: Sequence[str]) -> type[MessageNotSent]:
    if status == BAD_REQUEST:
        is_theirs = any(each.startswith(RECIPIENT) for each in fields)
        return MessageRefused if is_theirs else MessageNotSent
    return meaning(status)


def _document(message: Message) -> dict[str, Any]:
    texts = {"text/plain": message.text, "text/html": message.html}
    content = [{"type": kind, "value": text} for kind, text in texts.items() if text]
    sender = {"email": message.sender_address}
    if message.sender_name:
        sender["name"] = message.sender_name
    return {
        "personalizations": [{"to": [{"email": message.recipient.address}]}],
        "from": sender,
        "subject": message.subject,
        "content": content,
        "headers": {"Auto-Submitted": "auto-generated"},
        # A tracked link would lead through somebody else's server, token included.
        "tracking_settings": {
            "click_tracking": {"enable": False, "enable_text": False},
            "open_tracking": {"enable": False},
        },
    }
