"""Senders that ask an HTTP API, against fakes that follow its documentation."""

import base64
import json
from typing import Any
from urllib.parse import parse_qs, parse_qsl

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError, DNSLookupError
from twisted.trial.unittest import SynchronousTestCase

from mxisd.config.structure import Section
from mxisd.errors import (
    ConfigError,
    MessageNotSent,
    MessageRefused,
    SenderUnavailable,
)
from mxisd.interfaces import IMessageSender, Tools
from mxisd.model.messages import Message
from mxisd.notify import discarding, gateway, sendgrid, twilio
from tests.notify.fakes import BOB, HOSTILE, PHONE, TOKEN, Gateway

MAIL = Message(
    recipient=BOB,
    sender_address="id@example.org",
    sender_name="Example",
    subject="Tea",
    text=f"At five: {TOKEN}",
    html=f"<p>At five: {TOKEN}</p>",
    mail=b"Subject: Tea\n\nAt five\n",
)
SMS = Message(recipient=PHONE, text=f"{TOKEN} is your code")


class Broken:
    """An HTTP client that fails, or answers nonsense."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def request(self, *args: Any, **options: Any) -> Any:
        """Fail."""
        raise self.error


class GatewayTestCase(SynchronousTestCase):
    """What all of them have in common."""

    api: Any
    good: dict[str, Any]
    message: Message
    status = 200
    answer: bytes = b"{}"
    last: type[BaseException]

    def setUp(self) -> None:
        """A gateway that is fine."""
        self.gateway = Gateway(status=self.status, answer=self.answer)

    def sender(self, tools: Tools | None = None, **section: Any) -> IMessageSender:
        """A sender with this section."""
        settings = self.api.parse(Section(self.good | section))
        made: IMessageSender = self.api.build(settings, tools or self.gateway.tools)
        return made

    def send(self, message: Message | None = None, **section: Any) -> Any:
        """What the gateway was asked."""
        sender = self.sender(**section)
        self.successResultOf(
            Deferred.fromCoroutine(_awaited(sender, message or self.message))
        )
        return self.gateway.asked[-1]

    def refused(self, tools: Tools | None = None, **section: Any) -> str:
        """Why a message was not sent; no secret is in it."""
        sender = self.sender(tools, **section)
        failure = self.failureResultOf(
            Deferred.fromCoroutine(_awaited(sender, self.message)), MessageNotSent
        )
        text, self.last = str(failure.value), type(failure.value)
        for secret in (TOKEN, BOB.address, PHONE.address, "swordfish", "example.net"):
            self.assertNotIn(secret, text)
        return text

    def meaning(self, **section: Any) -> type[BaseException]:
        """What a refusal means for this message, and for others."""
        self.refused(**section)
        return self.last

    def tried(self, tools: Tools | None = None, **section: Any) -> list[str]:
        """The keys that the sender itself finds wrong; it has sent nothing then."""
        sender: Any = self.sender(tools, **section)
        checking = Deferred.fromCoroutine(sender.problems())
        found = self.successResultOf(checking)
        for asked in self.gateway.asked:
            self.assertIn(asked.method, ("GET", "OPTIONS"))
            self.assertEqual(asked.body, b"")
        self.assertNotIn("swordfish", repr(found))
        return [each.path for each in found]

    def problems(self, **section: Any) -> list[str]:
        """The keys that are wrong."""
        values = {k: v for k, v in (self.good | section).items() if v is not None}
        with self.assertRaises(ConfigError) as caught:
            self.api.parse(Section(values))
        return [each.path for each in caught.exception.problems]


async def _awaited(sender: IMessageSender, message: Message) -> None:
    await sender.send(message)


class AnyGatewayTests(GatewayTestCase):
    """What may happen to any of them."""

    api = gateway
    good = {  # noqa: RUF012
        "url": "https://gateway.example.net/send?to=%NUMBER%&text=%TEXT%"
    }
    message = SMS

    def test_errors(self) -> None:
        """Any status but success is told, and the body never."""
        for status in (302, 400, 401, 403, 404, 429, 500, 503):
            self.gateway.status = status
            self.gateway.answer = f"no {PHONE.address}".encode()
            text = self.refused()
            self.assertIn(str(status), text)
            self.assertIn(self.gateway.tools.name, text)

    def test_nobody_answers(self) -> None:
        """Whoever is not reached is named by the key that says where it is."""
        tools = evolve(self.gateway.tools, http=Broken(ConnectionRefusedError()))
        for api, good, message in (
            (gateway, self.good, SMS),
            (sendgrid, SendGridTests.good, MAIL),
            (twilio, TwilioTests.good, SMS),
        ):
            self.api, self.good, self.message = api, good, message
            text = self.refused(tools)
            self.assertTrue(text.startswith("threepid.own.url: the gateway: "), text)

    def test_what_a_failure_means(self) -> None:
        """The message is at fault, or the gateway serves nobody now, or not us."""
        for statuses, expected in (
            ((400, 413, 422), MessageRefused),
            ((302, 401, 403, 404, 429, 500, 503), SenderUnavailable),
        ):
            for status in statuses:
                self.gateway.status = status
                self.assertIs(self.meaning(), expected, status)
        self.gateway.status = 200
        self.assertIs(self.meaning(expect="taken"), MessageNotSent)

    def test_tried(self) -> None:
        """Any answer of the host is one; what the operator wrote is not asked for."""
        self.gateway.status = 405
        self.assertEqual(self.tried(), [])
        (asked,) = self.gateway.asked
        self.assertEqual((asked.path, asked.query), ("/", ""))
        self.assertNotIn("x-api-key", asked.headers)
        tools = evolve(self.gateway.tools, http=Broken(ConnectionRefusedError()))
        self.assertEqual(self.tried(tools), ["url"])
        url = "https://%NUMBER%.example.net/%TEXT%"
        self.assertEqual(self.tried(tools, url=url), [])

    def test_nobody_there(self) -> None:
        """Nothing of the request is told."""
        for error, words in (
            (ConnectionRefusedError(), "no connection"),
            (DNSLookupError("gateway.example.net"), "does not resolve"),
            (ValueError("https://gateway.example.net/send?token=x"), "not a legal URL"),
        ):
            tools = evolve(self.gateway.tools, http=Broken(error))
            self.assertIn(words, self.refused(tools))
            self.assertIs(self.last, SenderUnavailable)

    def test_slow(self) -> None:
        """It waits until whoever called gives up."""
        self.gateway.status = None
        sender = self.sender()
        waiting = Deferred.fromCoroutine(_awaited(sender, SMS))
        self.assertNoResult(waiting)
        waiting.addErrback(lambda _: None)
        waiting.cancel()


class SendGridTests(GatewayTestCase):
    """``POST /v3/mail/send``."""

    api = sendgrid
    good = {"key": "SG.swordfish", "url": "https://api.example.net"}  # noqa: RUF012
    message = MAIL
    status = 202
    answer = b""

    def test_request(self) -> None:
        """Method, path, headers and body are those of the documentation."""
        asked = self.send()
        self.assertEqual((asked.method, asked.path), ("POST", "/v3/mail/send"))
        self.assertEqual(asked.headers["authorization"], "Bearer SG.swordfish")
        self.assertEqual(asked.headers["content-type"], "application/json")
        document = json.loads(asked.body)
        tracking = document.pop("tracking_settings")
        self.assertFalse(tracking["click_tracking"]["enable"])
        self.assertFalse(tracking["open_tracking"]["enable"])
        self.assertEqual(
            document,
            {
                "personalizations": [{"to": [{"email": BOB.address}]}],
                "from": {"email": "id@example.org", "name": "Example"},
                "subject": "Tea",
                "content": [
                    {"type": "text/plain", "value": MAIL.text},
                    {"type": "text/html", "value": MAIL.html},
                ],
                "headers": {"Auto-Submitted": "auto-generated"},
            },
        )

    def test_parts(self) -> None:
        """Plain text comes first; what is not there is left out."""
        document = json.loads(self.send(evolve(MAIL, html=None, sender_name="")).body)
        self.assertEqual([each["type"] for each in document["content"]], ["text/plain"])
        self.assertNotIn("name", document["from"])
        document = json.loads(self.send(evolve(MAIL, text="")).body)
        self.assertEqual([each["type"] for each in document["content"]], ["text/html"])

    def test_a_success_that_is_none(self) -> None:
        """Only 202 says that the message goes anywhere: the sandbox answers 200."""
        for status in (200, 201, 204, 401, 413, 500):
            self.gateway.status = status
            self.assertIn(str(status), self.refused())

    def test_what_a_failure_means(self) -> None:
        """Only who is to get the message is its own fault."""
        for field, expected in (
            ("personalizations.0.to.0.email", MessageRefused),
            ("from.email", MessageNotSent),
            (f"<{BOB.address}>", MessageNotSent),
        ):
            errors = [{"message": f"bad: {BOB.address}", "field": field}, None]
            self.gateway.status = 400
            self.gateway.answer = json.dumps({"errors": errors}).encode()
            self.assertIs(self.meaning(), expected)
        self.gateway.answer = b'{"errors": 5}'
        self.assertIs(self.meaning(), MessageNotSent)
        self.gateway.status = 401
        self.assertIs(self.meaning(), SenderUnavailable)
        self.assertIn(".key:", self.refused())

    def test_tried(self) -> None:
        """The key's scopes tell whether it may send."""
        for status, answer, expected in (
            (200, b'{"scopes": ["alerts.read", "mail.send"]}', []),
            (200, b'{"scopes": ["alerts.read"]}', ["key"]),
            (200, b"welcome", ["key"]),
            (401, b"", ["key"]),
            (403, b"", ["key"]),
            (500, b"", ["url"]),
        ):
            self.gateway.status, self.gateway.answer = status, answer
            self.assertEqual(self.tried(), expected, (status, answer))
        self.assertEqual(self.gateway.asked[-1].path, "/v3/scopes")
        tools = evolve(self.gateway.tools, http=Broken(ConnectionRefusedError()))
        self.assertEqual(self.tried(tools), ["url"])

    def test_keys(self) -> None:
        """The API key is needed; a URL is one."""
        self.assertEqual(self.problems(key=None), ["key"])
        self.assertEqual(self.problems(key=""), ["key"])
        self.assertEqual(self.problems(url="api.sendgrid.com"), ["url"])


class TwilioTests(GatewayTestCase):
    """``POST /2010-04-01/Accounts/{sid}/Messages.json``."""

    api = twilio
    good = {  # noqa: RUF012
        "account_sid": "AC123",
        "auth_token": "swordfish",
        "number": "+15550100",
        "url": "https://api.example.net",
    }
    message = SMS
    status = 201
    answer = json.dumps({"sid": "SM1", "status": "queued", "error_code": None}).encode()

    def test_request(self) -> None:
        """Method, path, login and form are those of the documentation."""
        asked = self.send()
        self.assertEqual(asked.method, "POST")
        self.assertEqual(asked.path, "/2010-04-01/Accounts/AC123/Messages.json")
        login = base64.b64decode(asked.headers["authorization"].removeprefix("Basic "))
        self.assertEqual(login, b"AC123:swordfish")
        self.assertEqual(
            asked.headers["content-type"], "application/x-www-form-urlencoded"
        )
        self.assertEqual(
            dict(parse_qsl(asked.body.decode())),
            {"To": "+15550101", "From": "+15550100", "Body": SMS.text},
        )

    def test_senders(self) -> None:
        """Numbers in any spelling, short codes, words and messaging services."""
        for number, key, value in (
            ("15550100", "From", "+15550100"),
            ("+1 555 0100", "From", "+15550100"),
            ("++15550100", "From", "+15550100"),
            ("55501", "From", "55501"),
            ("MyCompany", "From", "MyCompany"),
            ("MG42", "MessagingServiceSid", "MG42"),
        ):
            form = dict(parse_qsl(self.send(number=number).body.decode()))
            self.assertEqual(form.pop(key), value)
            self.assertEqual(set(form), {"To", "Body"})

    def test_errors(self) -> None:
        """The number of the error is told, and not its text."""
        self.gateway.status = 400
        text = f"The 'To' number +{PHONE.address} is not valid"
        self.gateway.answer = json.dumps({"code": 21211, "message": text}).encode()
        self.assertIn("400 (21211)", self.refused())

    def test_a_success_that_is_none(self) -> None:
        """It has to say that the message is on its way."""
        for status, answer in (
            (200, self.answer),
            (201, b"<html>welcome</html>"),
            (201, b"[]"),
            (201, b"{}"),
            (201, b'{"status": "failed", "error_code": 30007}'),
            (201, b'{"status": "undelivered"}'),
            (201, b'{"status": {}}'.replace(b"{}", b"5")),
            (201, b"[" * 100_000),
        ):
            self.gateway.status, self.gateway.answer = status, answer
            self.refused()

    def test_what_a_failure_means(self) -> None:
        """Numbers that get no texts, our own settings, and trouble at Twilio."""
        for status, code, expected in (
            (400, 21211, MessageRefused),
            (400, 21614, MessageRefused),
            (400, 21212, MessageNotSent),
            (400, [], MessageNotSent),
            (401, 20003, SenderUnavailable),
            (429, 20429, SenderUnavailable),
            (503, None, SenderUnavailable),
        ):
            self.gateway.status = status
            self.gateway.answer = json.dumps({"code": code}).encode()
            self.assertIs(self.meaning(), expected, code)

    def test_tried(self) -> None:
        """The account is asked for."""
        for status, answer, expected in (
            (200, b'{"status": "active"}', []),
            (200, b'{"status": "suspended"}', ["account_sid"]),
            (200, b"welcome", ["account_sid"]),
            (401, b"", ["auth_token"]),
            (404, b"", ["account_sid"]),
        ):
            self.gateway.status, self.gateway.answer = status, answer
            self.assertEqual(self.tried(), expected, (status, answer))
        asked = self.gateway.asked[-1]
        self.assertEqual(asked.path, "/2010-04-01/Accounts/AC123.json")
        tools = evolve(self.gateway.tools, http=Broken(ConnectionRefusedError()))
        self.assertEqual(self.tried(tools), ["url"])

    def test_keys(self) -> None:
        """All three are needed, under mxisd's names."""
        for key in ("account_sid", "auth_token", "number"):
            self.assertEqual(self.problems(**{key: None}), [key])
            self.assertEqual(self.problems(**{key: ""}), [key])

    def test_e_mail(self) -> None:
        """It is none of its business."""
        self.message = MAIL
        self.refused()


class HttpGatewayTests(GatewayTestCase):
    """A gateway that the operator describes."""

    api = gateway
    good = {  # noqa: RUF012
        "url": "https://gateway.example.net/send/%NUMBER%?from=%FROM_NAME%",
        "headers": {"X-Api-Key": "swordfish"},
        "format": "json",
        "body": '{"to": ["%NUMBER%"], "text": "%TEXT%", "plain": "%ADDRESS%"}',
    }
    message = SMS

    def test_json(self) -> None:
        """Values are escaped for the URL, and for JSON."""
        message = evolve(SMS, text='a "quote" \\ \n end', sender_name="Tea & Co")
        asked = self.send(message)
        self.assertEqual(asked.method, "POST")
        self.assertEqual(asked.path, "/send/%2B15550101")
        self.assertEqual(parse_qs(asked.query), {"from": ["Tea & Co"]})
        self.assertEqual(asked.headers["x-api-key"], "swordfish")
        self.assertEqual(asked.headers["content-type"], "application/json")
        self.assertEqual(
            json.loads(asked.body),
            {"to": ["+15550101"], "text": message.text, "plain": "15550101"},
        )

    def test_forms(self) -> None:
        """Values are escaped for a form; what is unknown stays."""
        asked = self.send(
            evolve(SMS, text="a&to=666 ü"), format="form", body="to=%NUMBER%&x=%TEXT%"
        )
        self.assertEqual(
            parse_qsl(asked.body.decode()), [("to", "+15550101"), ("x", "a&to=666 ü")]
        )
        asked = self.send(format="text", body="%TEXT% %OTHER%")
        self.assertEqual(asked.body.decode(), f"{SMS.text} %OTHER%")

    def test_xml(self) -> None:
        """Values are escaped for elements and attributes."""
        asked = self.send(
            evolve(SMS, text="<a b='c'>&\""), format="xml", body='<m t="%TEXT%"/>'
        )
        self.assertEqual(
            asked.body.decode(), '<m t="&lt;a b=&apos;c&apos;&gt;&amp;&quot;"/>'
        )

    def test_get(self) -> None:
        """No body, and no type of one."""
        url = "https://gateway.example.net/%NUMBER%?text=%TEXT%"
        login: dict[str, Any] = {"login": "me", "password": "swordfish"}
        asked = self.send(method="GET", url=url, body="", **login)
        self.assertEqual((asked.method, asked.body), ("GET", b""))
        self.assertNotIn("content-type", asked.headers)
        self.assertEqual(asked.headers["authorization"], "Basic bWU6c3dvcmRmaXNo")

    def test_headers_win(self) -> None:
        """The operator's own are the last word."""
        asked = self.send(headers={"content-type": "application/vnd.x+json"})
        self.assertEqual(asked.headers["content-type"], "application/vnd.x+json")

    def test_a_success_that_is_none(self) -> None:
        """``expect`` says what a gateway answers that took the message."""
        self.gateway.answer = b'{"status": "error"}'
        self.send()
        text = self.refused(expect='"status": "ok"')
        self.assertIn("expect", text)
        self.gateway.answer = b'{"status": "ok"}'
        self.send(expect='"status": "ok"')

    def test_keys(self) -> None:
        """What cannot work is told at the start."""
        for section, path in (
            ({"url": "gateway"}, "url"),
            ({"url": "ftp://x/%NUMBER%"}, "url"),
            ({"headers": {"X Y": "z"}}, "headers"),
            ({"headers": {"X": "a\r\nB: c"}}, "headers"),
            ({"expect": "("}, "expect"),
            ({"body": "{'to': %NUMBER%"}, "body"),
            ({"method": "GET"}, "body"),
            ({"format": "yaml"}, "format"),
            ({"url": "https://x.example/%NUMBR%"}, "url"),
            ({"body": '{"to": "%NUMBER%", "text": "%TXT%"}'}, "body"),
        ):
            self.assertEqual(self.problems(**section), [path])

    def test_whom_and_what_the_gateway_is_told(self) -> None:
        """Without either, people would wait for messages that say nothing."""
        nowhere = "https://gateway.example.net/"
        for section, path in (
            ({"body": ""}, "body"),
            ({"format": "form", "body": "to=%NUMBER%"}, "body"),
            ({"url": nowhere, "body": '{"text": "%TEXT%"}'}, "body"),
            ({"url": nowhere, "body": ""}, "body"),
            ({"method": "GET", "body": ""}, "url"),
        ):
            self.assertEqual(self.problems(**section), [path])
        self.send(url=nowhere, format="form", body="to=%ADDRESS%&text=%TEXT%")

    def test_what_only_looks_like_a_placeholder(self) -> None:
        """Escapes of URLs, for one, stay as they are."""
        asked = self.send(url="https://gateway.example.net/%C3%A9/%NUMBER%")
        self.assertEqual(asked.path, "/%C3%A9/%2B15550101")

    @given(st.sampled_from(HOSTILE) | st.text(max_size=50))
    def test_whatever_is_said(self, text: str) -> None:
        """It arrives as it is, in its place, and changes nothing else."""
        clean = text.encode("utf-8", "ignore").decode()
        self.gateway = Gateway()
        asked = self.send(evolve(SMS, text=clean))
        self.assertEqual(
            json.loads(asked.body),
            {"to": ["+15550101"], "text": clean, "plain": "15550101"},
        )
        asked = self.send(evolve(SMS, text=clean), format="form", body="a=%TEXT%&b=1")
        self.assertEqual(
            parse_qsl(asked.body.decode(), keep_blank_values=True),
            [("a", clean), ("b", "1")],
        )


class DiscardingTests(SynchronousTestCase):
    def test_messages_go_nowhere(self) -> None:
        """Whatever they are; there is nothing to set."""
        settings = discarding.parse(Section({}))
        sender = discarding.build(settings, Gateway().tools)
        self.successResultOf(Deferred.fromCoroutine(_awaited(sender, MAIL)))
        self.assertRaises(ConfigError, discarding.parse, Section({"host": "x"}))
