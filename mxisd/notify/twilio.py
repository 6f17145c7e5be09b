"""``twilio``: SMS by the Messages API of Twilio."""

import json
from typing import Any
from urllib.parse import quote, urlencode

from attrs import frozen
from zope.interface import implementer

from mxisd.errors import MessageNotSent
from mxisd.interfaces import IMessageSender, ISection, Tools
from mxisd.model.messages import Message
from mxisd.model.secret import Secret
from mxisd.model.settings import option
from mxisd.model.threepids import MSISDN
from mxisd.notify.checks import filled, http_url
from mxisd.notify.http import ask, basic

CREATED = 201
ON_ITS_WAY = frozenset({"accepted", "scheduled", "queued", "sending", "sent"})
ON_ITS_WAY |= {"delivered", "read"}
MESSAGING_SERVICE = "MG"
"""What the identifiers of messaging services begin with."""


@frozen(kw_only=True)
class TwilioSettings:
    """Twilio."""

    account_sid: str = option("The account (``AC…``).", key="account_sid", check=filled)
    auth_token: Secret = option("Its token.", key="auth_token", check=filled)
    number: str = option(
        "The number that messages are from, a word that stands for it, or a messaging "
        "service (``MG…``).",
        check=filled,
    )
    url: str = option("The API.", "https://api.twilio.com", check=http_url)


def parse(section: ISection) -> TwilioSettings:
    """Judge the section."""
    return section.read(TwilioSettings)


def build(settings: TwilioSettings, tools: Tools) -> IMessageSender:
    """Make the sender."""
    return TwilioSender(settings, tools.http)


@implementer(IMessageSender)
@frozen
class TwilioSender:
    """Hands each message to Twilio."""

    settings: TwilioSettings
    http: Any

    async def send(self, message: Message) -> None:
        """
        Hand over.

        :raise MessageNotSent: If Twilio does not say that the message is on its way.
        """
        if message.recipient.medium != MSISDN:
            raise MessageNotSent("twilio carries messages to phone numbers only")
        account = quote(self.settings.account_sid, safe="")
        url = f"/2010-04-01/Accounts/{account}/Messages.json"
        headers = {
            "Authorization": basic(self.settings.account_sid, self.settings.auth_token),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        answer = await ask(
            self.http,
            "POST",
            self.settings.url.rstrip("/") + url,
            headers,
            urlencode(self._form(message)).encode("ascii"),
        )
        _judge(answer.status, _document(answer.text))

    def _form(self, message: Message) -> dict[str, str]:
        number = self.settings.number.strip()
        digits = "".join(sign for sign in number if sign.isdigit())
        if number.startswith(MESSAGING_SERVICE):
            sender = {"MessagingServiceSid": number}
        elif number.strip("+0123456789 ()-./"):
            sender = {"From": number}  # a word
        else:
            # Short codes have no country.
            sender = {"From": f"+{digits}" if len(digits) > 6 else digits}
        return {
            "To": f"+{message.recipient.address}",
            **sender,
            "Body": message.text,
        }


def _document(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _judge(status: int, document: dict[str, Any]) -> None:
    # Only numbers of it: the texts quote the phone number.
    code = document.get("error_code") or document.get("code")
    more = f" ({code})" if isinstance(code, int) else ""
    if status != CREATED:
        raise MessageNotSent(f"Twilio answered {status}{more}")
    if document.get("status") not in ON_ITS_WAY:
        raise MessageNotSent(f"Twilio took the message, and did not send it{more}")
