"""``twilio``: SMS by the Messages API of Twilio."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from attrs import frozen
from zope.interface import implementer

from mxisd.errors import MessageNotSent, MessageRefused, Problem, SenderUnavailable
from mxisd.interfaces import IMessageSender, ISection, ISelfCheck, Tools
from mxisd.model.messages import Message
from mxisd.model.secret import Secret
from mxisd.model.settings import option
from mxisd.model.threepids import MSISDN
from mxisd.notify.checks import filled, http_url
from mxisd.notify.http import (
    NOT_LET_IN,
    Answer,
    ask,
    asked_for,
    basic,
    document,
    meaning,
)

FOUND, CREATED, BAD_REQUEST = 200, 201, 400
ACTIVE = "active"
ON_ITS_WAY = frozenset({"accepted", "scheduled", "queued", "sending", "sent"})
ON_ITS_WAY |= {"delivered", "read"}
MESSAGING_SERVICE = "MG"
"""What the identifiers of messaging services begin with."""

NO_RECIPIENT = frozenset({21211, 21217, 21610, 21614})
"""Codes of errors: no number, none that gets texts, or one that wants none of ours."""


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
    return TwilioSender(settings, tools.http, tools.name)


@implementer(IMessageSender, ISelfCheck)
@frozen
class TwilioSender:
    """
    Hands each message to Twilio.

    :ivar path: The section of the configuration, for what goes wrong.
    """

    settings: TwilioSettings
    http: Any
    path: str

    async def send(self, message: Message) -> None:
        """
        Hand over.

        :raise MessageNotSent: If Twilio does not say that the message is on its way.
        """
        if message.recipient.medium != MSISDN:
            raise MessageNotSent("twilio carries messages to phone numbers only")
        form = urlencode(self._form(message)).encode("ascii")
        with asked_for(self.path):
            answer = await self._asked("POST", "/Messages.json", form)
        _judge(answer.status, document(answer.text), self.path)

    async def problems(self) -> Sequence[Problem]:
        """Ask for the account; nothing is sent."""
        try:
            answer = await self._asked("GET", ".json")
        except SenderUnavailable as error:
            return [Problem("url", str(error))]
        if answer.status in NOT_LET_IN:
            text = f"Twilio refused account_sid and auth_token ({answer.status})"
            return [Problem("auth_token", text)]
        if answer.status != FOUND:
            return [Problem("account_sid", f"Twilio answered {answer.status}")]
        status = document(answer.text).get("status")
        if status != ACTIVE:
            return [Problem("account_sid", "the account is not active")]
        return []

    async def _asked(self, method: str, path: str, form: bytes | None = None) -> Answer:
        settings = self.settings
        headers = {"Authorization": basic(settings.account_sid, settings.auth_token)}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        account = quote(settings.account_sid, safe="")
        url = f"{settings.url.rstrip('/')}/2010-04-01/Accounts/{account}{path}"
        return await ask(self.http, method, url, headers, form)

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


def _judge(status: int, answer: Mapping[str, Any], path: str) -> None:
    # Only numbers of it: the texts quote the phone number.
    code = answer.get("error_code") or answer.get("code")
    more = f" ({code})" if isinstance(code, int) else ""
    if status != CREATED:
        key = ".auth_token" if status in NOT_LET_IN else ""
        raise _meaning(status, code)(f"{path}{key}: Twilio answered {status}{more}")
    if answer.get("status") not in ON_ITS_WAY:
        text = f"{path}: Twilio took the message, and did not send it{more}"
        raise MessageNotSent(text)


def _meaning(status: int, code: Any) -> type[MessageNotSent]:
    if status == BAD_REQUEST:
        is_theirs = isinstance(code, int) and code in NO_RECIPIENT
        return MessageRefused if is_theirs else MessageNotSent
    return meaning(status)
