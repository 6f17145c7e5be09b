"""``http``: messages by any gateway that takes an HTTP request, described by keys."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit
from xml.sax.saxutils import escape

from attrs import frozen
from zope.interface import implementer

from mxisd.errors import ConfigError, MessageNotSent, Problem, SenderUnavailable
from mxisd.interfaces import IMessageSender, ISection, ISelfCheck, Tools
from mxisd.model.messages import Message
from mxisd.model.secret import Secret
from mxisd.model.settings import option
from mxisd.model.threepids import MSISDN
from mxisd.notify.checks import http_url
from mxisd.notify.http import ask, asked_for, basic, meaning
from mxisd.notify.placeholders import close_to, names_in, replaced

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


PLACEHOLDERS = ("ADDRESS", "NUMBER", "TEXT", "SUBJECT", "FROM_ADDRESS", "FROM_NAME")
RECIPIENT, TEXT = ("NUMBER", "ADDRESS"), ("TEXT",)


class Method(Enum):
    """How the gateway is asked."""

    POST = "POST"
    GET = "GET"
    PUT = "PUT"


class Format(Enum):
    """What the body is, and so how values are escaped in it."""

    FORM = "form"
    JSON = "json"
    XML = "xml"
    TEXT = "text"


def _url(value: Secret) -> None:
    # Placeholders are no part of a legal URL.
    http_url(replaced(value.value, {}, lambda _: "0", unknown="0"))
    _placeholders(value.value)


def _placeholders(value: str) -> None:
    """Refuse a slip of the pen; what is like no placeholder may be meant as it is."""
    for name in names_in(value):
        meant = None if name in PLACEHOLDERS else close_to(name, PLACEHOLDERS)
        if meant is not None:
            raise ValueError(f"%{name}% is not known; did you mean %{meant}%?")


def _headers(value: Mapping[str, Secret]) -> None:
    for name, content in value.items():
        if not _HEADER.fullmatch(name):
            raise ValueError("a name of a header is letters, digits and dashes")
        if not content.value.isprintable():
            raise ValueError("a header is one line")


def _regexp(value: str | None) -> None:
    try:
        re.compile(value or "")
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error


@frozen(kw_only=True)
class GatewaySettings:
    """An HTTP gateway."""

    url: Secret = option(
        "Where requests go; values of placeholders are percent-encoded.", check=_url
    )
    method: Method = option("The method.", Method.POST)
    headers: Mapping[str, Secret] = option(
        "Headers; they have no placeholders.", dict, check=_headers
    )
    login: str = option("For HTTP Basic authentication; empty: none.", "")
    password: Secret = option("The password of ``login``.", Secret(""))
    format: Format = option(
        "What the body is: values are escaped for it, and ``Content-Type`` says it.",
        Format.FORM,
    )
    body: str = option("The body; none with ``GET``.", "", check=_placeholders)
    expect: str | None = option(
        "A regular expression that is found in the answer if the message was taken; "
        "for gateways that answer 200 whatever happens.",
        None,
        check=_regexp,
    )


CONTENT_TYPES = {
    Format.FORM: "application/x-www-form-urlencoded",
    Format.JSON: "application/json",
    Format.XML: "application/xml; charset=utf-8",
    Format.TEXT: "text/plain; charset=utf-8",
}

ESCAPES: Mapping[Format, Callable[[str], str]] = {
    Format.FORM: quote_plus,
    Format.JSON: lambda value: json.dumps(value)[1:-1],
    Format.XML: lambda value: escape(value, {'"': "&quot;", "'": "&apos;"}),
    Format.TEXT: str,
}


def parse(section: ISection) -> GatewaySettings:
    """
    Judge the section.

    :raise ConfigError: Also for a body that cannot be what ``format`` says.
    """
    settings = section.read(GatewaySettings)
    if settings.method is Method.GET and settings.body:
        raise ConfigError.at("body", "has no effect with method: GET")
    if settings.body and settings.format is Format.JSON:
        _check_json(settings.body)
    _check_told(settings)
    return settings


def _check_told(settings: GatewaySettings) -> None:
    """Nobody notices that a gateway takes requests with nothing in them."""
    is_get = settings.method is Method.GET
    key, places = ("url", "it") if is_get else ("body", "it, or into url")
    told = {*names_in(settings.url.value), *names_in(settings.body)}
    for names, what in ((RECIPIENT, "whom a message is for"), (TEXT, "what it says")):
        if told.isdisjoint(names):
            wanted = " or ".join(f"%{name}%" for name in names)
            text = f"never tells the gateway {what}: put {wanted} into {places}"
            raise ConfigError.at(key, text)


def build(settings: GatewaySettings, tools: Tools) -> IMessageSender:
    """Make the sender."""
    return GatewaySender(settings, tools.http, tools.name)


@implementer(IMessageSender, ISelfCheck)
@frozen
class GatewaySender:
    """
    Makes one request of each message.

    :ivar path: The section of the configuration, for what goes wrong.
    """

    settings: GatewaySettings
    http: Any
    path: str

    async def send(self, message: Message) -> None:
        """
        Hand over.

        :raise MessageNotSent: If the answer is not 2xx, or not as expected.
        """
        settings, values = self.settings, _values(message)
        url = replaced(settings.url.value, values, lambda value: quote(value, safe=""))
        body = replaced(settings.body, values, ESCAPES[settings.format])
        content = body.encode() if body else None
        with asked_for(self.path):
            answer = await ask(
                self.http, settings.method.value, url, self._headers(), content
            )
        if not 200 <= answer.status <= 299:
            text = f"{self.path}: the gateway answered {answer.status}"
            raise meaning(answer.status)(text)
        if settings.expect and not re.search(settings.expect, answer.text):
            text = "the gateway's answer is not what it describes"
            raise MessageNotSent(f"{self.path}.expect: {text}")

    async def problems(self) -> Sequence[Problem]:
        """Connect; only the host is asked, for what it can do."""
        url = urlsplit(self.settings.url.value)
        if "%" in url.netloc:
            return []  # there is one for each message
        try:
            await ask(self.http, "OPTIONS", f"{url.scheme}://{url.netloc}/", {})
        except SenderUnavailable as error:
            return [Problem("url", str(error))]
        return []

    def _headers(self) -> Mapping[str, str]:
        settings = self.settings
        headers = {}
        if settings.body:
            headers["Content-Type"] = CONTENT_TYPES[settings.format]
        if settings.login:
            headers["Authorization"] = basic(settings.login, settings.password)
        own = {name: value.value for name, value in settings.headers.items()}
        named = {name.lower() for name in own}
        return {k: v for k, v in headers.items() if k.lower() not in named} | own


def _values(message: Message) -> Mapping[str, str]:
    address = message.recipient.address
    is_phone = message.recipient.medium == MSISDN
    return {
        "ADDRESS": address,
        "NUMBER": f"+{address}" if is_phone else address,
        "TEXT": message.text,
        "SUBJECT": message.subject,
        "FROM_ADDRESS": message.sender_address,
        "FROM_NAME": message.sender_name,
    }


def _check_json(body: str) -> None:
    try:
        json.loads(replaced(body, {}, lambda _: "0", unknown="0"))
    except ValueError as error:
        text = f'is no JSON, with "quotes" around each placeholder: {error}'
        raise ConfigError.at("body", text) from error
