"""``sendgrid``: e-mail by the v3 API of Twilio SendGrid."""

import json
from typing import Any

from attrs import frozen
from zope.interface import implementer

from mxisd.errors import MessageNotSent
from mxisd.interfaces import IMessageSender, ISection, Tools
from mxisd.model.messages import Message
from mxisd.model.secret import Secret
from mxisd.model.settings import option
from mxisd.notify.checks import filled, http_url
from mxisd.notify.http import ask

ACCEPTED = 202


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
    return SendGridSender(settings, tools.http)


@implementer(IMessageSender)
@frozen
class SendGridSender:
    """Hands each message to SendGrid."""

    settings: SendGridSettings
    http: Any

    async def send(self, message: Message) -> None:
        """
        Hand over.

        :raise MessageNotSent: If SendGrid does not say that it takes the message.
        """
        url = self.settings.url.rstrip("/") + "/v3/mail/send"
        headers = {
            "Authorization": f"Bearer {self.settings.key.value}",
            "Content-Type": "application/json",
        }
        body = json.dumps(_document(message)).encode()
        answer = await ask(self.http, "POST", url, headers, body)
        # In its sandbox it answers 200, and delivers nothing.
        if answer.status != ACCEPTED:
            raise MessageNotSent(f"SendGrid answered {answer.status}")


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
