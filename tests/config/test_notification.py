"""The keys about messages to people."""

from typing import Any

import yaml
from twisted.trial.unittest import SynchronousTestCase

from mxisd.config.dump import dump
from mxisd.config.sections import Config
from mxisd.config.senders import Channel, channels
from mxisd.errors import ConfigError
from mxisd.model.messages import MessageFiles
from mxisd.model.notices import (
    InviteNotice,
    MatrixIdInviteNotice,
    UnbindNotice,
    ValidationNotice,
)
from tests.config.fakes import FOUNDATION, loaded, refused

EMAIL: dict[str, Any] = {
    "identity": {"from": "id@example.org", "name": "Example"},
    "connectors": {"smtp": {"host": "smtp.example.org", "tls": 2}},
}
PHONE: dict[str, Any] = {
    "connectors": {
        "twilio": {"account_sid": "AC1", "auth_token": "hush", "number": 15550100}
    }
}
SENDGRID: dict[str, Any] = {
    "handler": {"email": "sendgrid"},
    "handlers": {
        "sendgrid": {
            "api": {"key": "SG.hush"},
            "identity": {"from": "sg@example.org", "name": "SG"},
            "templates": {
                "invite": {"subject": "Hi", "body": {"text": "/a", "html": "/b"}},
                "session": {"validation": {"subject": "Only this"}},
            },
        }
    },
}


def text(notification: Any = None, **medium: Any) -> str:
    """A configuration with these mediums."""
    sections: dict[str, Any] = {"threepid": {"medium": medium}}
    if notification is not None:
        sections["notification"] = notification
    return FOUNDATION + yaml.safe_dump(sections)


def config(notification: Any = None, **medium: Any) -> Config:
    """The same, loaded."""
    found = loaded(text(notification, **medium))
    assert found.warnings == ()
    return found.config


def channel(medium: str, found: Config) -> Channel:
    """A medium's channel."""
    return channels(found.threepid, found.notification)[medium]


def wrong(notification: Any = None, **medium: Any) -> list[str]:
    """The paths of what is wrong."""
    return [path for _, path, _ in refused(text(notification, **medium))]


class ChannelTests(SynchronousTestCase):
    def test_nothing(self) -> None:
        """Without a medium nothing is sent, and nothing is wrong."""
        found = loaded(FOUNDATION).config
        self.assertEqual(channels(found.threepid, found.notification), {})
        handler = {"handler": {"email": "raw", "msisdn": "raw"}}
        found = config(handler)
        self.assertEqual(channels(found.threepid, found.notification), {})

    def test_the_keys_of_mxisd(self) -> None:
        """Connectors are chosen by medium, and read under their names."""
        found = config(email=EMAIL, msisdn=PHONE)
        mail, phone = channel("email", found), channel("msisdn", found)
        self.assertEqual(mail.sender.sender_type, "smtp")
        self.assertEqual(mail.sender.settings.host, "smtp.example.org")
        self.assertEqual(mail.identity.address, "id@example.org")
        self.assertEqual(phone.sender.settings.account_sid, "AC1")
        self.assertEqual(phone.sender.settings.number, "15550100")
        self.assertEqual(len(mail.templates), 4)
        self.assertEqual(set(mail.templates.values()), {None})

    def test_templates(self) -> None:
        """By kind of message; mxisd's own are ours."""
        template = {
            "invite": "/i.eml",
            "session": {
                "validation": "classpath:/threepids/email/validate-template.eml",
                "unbind": {"notification": "/u.eml"},
            },
            "generic": {"matrixId": "/m.eml"},
            "placeholder": {"REGISTER_URL": "https://join.example.org"},
        }
        found = config(email={**EMAIL, "generators": {"template": template}})
        self.assertEqual(
            channel("email", found).templates,
            {
                ValidationNotice: None,
                InviteNotice: "/i.eml",
                MatrixIdInviteNotice: "/m.eml",
                UnbindNotice: "/u.eml",
            },
        )
        self.assertEqual(channel("email", found).placeholders, template["placeholder"])

    def test_keys_that_changed(self) -> None:
        """The warning of mxisd that was never sent; ma1sd's place of a template."""
        template = {"session": {"unbind": {"fraudulent": "/f.eml"}}}
        email = {**EMAIL, "generators": {"template": template}}
        parts = {"session": {"unbind": {"subject": "Gone", "body": {"text": "/t"}}}}
        sendgrid = {**SENDGRID["handlers"]["sendgrid"], "templates": parts}
        notification = {**SENDGRID, "handlers": {"sendgrid": sendgrid}}
        found = loaded(text(notification, email=email))
        self.assertEqual(len(found.warnings), 3)
        files = channel("email", found.config).templates[UnbindNotice]
        self.assertEqual(files, MessageFiles("Gone", "/t", None))

    def test_the_language(self) -> None:
        """A tag, and nothing else."""
        for tag in ("fr", "de-AT", "zh-Hant"):
            config = loaded(text({"language": tag})).config
            self.assertEqual(config.notification.language, tag)
        self.assertIsNone(loaded(text({})).config.notification.language)
        for wrong in ("", "French language", "de_AT", "f"):
            self.assertRaises(ConfigError, loaded, text({"language": wrong}))

    def test_events(self) -> None:
        """Each is switched off by itself."""
        events = {"events": {"email": {"invite": False, "matrixId": False}}}
        found = config(events, email=EMAIL, msisdn=PHONE)
        self.assertEqual(
            set(channel("email", found).templates), {ValidationNotice, UnbindNotice}
        )
        self.assertEqual(len(channel("msisdn", found).templates), 4)

    def test_sendgrid(self) -> None:
        """Its own keys hold, whatever stands below ``threepid``."""
        for medium in ({}, {"email": EMAIL}):
            found = channel("email", config(SENDGRID, **medium))
            self.assertEqual(found.sender.sender_type, "sendgrid")
            self.assertEqual(found.identity.address, "sg@example.org")
            files = found.templates[InviteNotice]
            self.assertEqual(files, MessageFiles("Hi", "/a", "/b"))
            self.assertIsNone(found.templates[ValidationNotice])

    def test_other_connectors(self) -> None:
        """A mail by SendGrid with templates of mxisd's kind; texts by a gateway."""
        email = {**EMAIL, "connector": "sendgrid"}
        email["connectors"] = {"sendgrid": {"key": "SG.hush"}}
        url = "https://gateway.example.org/?to=%NUMBER%&text=%TEXT%"
        http = {"http": {"url": url}}
        phone = {"connector": "http", "connectors": http}
        found = config(email=email, msisdn=phone, xmpp=phone)
        self.assertEqual(channel("email", found).sender.sender_type, "sendgrid")
        self.assertEqual(channel("xmpp", found).sender.sender_type, "http")

    def test_none(self) -> None:
        """It needs nothing."""
        found = config(email={"connector": "none"}, msisdn={"connector": "none"})
        self.assertEqual(channel("email", found).sender.sender_type, "none")


class ProblemTests(SynchronousTestCase):
    def test_problems(self) -> None:
        """Every key that cannot work is told, by its place."""
        path = "threepid.medium.email"
        smtp = f"{path}.connectors.smtp"
        for medium, expected in (
            ({}, [f"{path}.identity.from"]),
            ({**EMAIL, "identity": {"from": "Me <a@b>"}}, [f"{path}.identity.from"]),
            ({**EMAIL, "identity": {"from": "ä@b.c"}}, [f"{path}.identity.from"]),
            ({**EMAIL, "connector": "smpt"}, [f"{path}.connectors.smpt"]),
            ({**EMAIL, "connectors": {"smtp": {"tls": 4}}}, [f"{smtp}.tls"]),
            ({**EMAIL, "connectors": {"smtp": {"prot": 4}}}, [f"{smtp}.prot"]),
            ({**EMAIL, "connectors": {"smtp": {"login": "x"}}}, [f"{smtp}.password"]),
            ({**EMAIL, "connectors": {"smtp": "x"}}, [smtp]),
            ({**EMAIL, "connectors": 5}, [f"{path}.connectors"]),
            ({**EMAIL, "generator": "magic"}, [f"{path}.generator"]),
        ):
            self.assertEqual(wrong(email=medium), expected, medium)

    def test_other_mediums(self) -> None:
        """Nobody can guess who carries their messages."""
        self.assertEqual(wrong(xmpp={}), ["threepid.medium.xmpp.connector"])
        (first, *_) = wrong(msisdn={})
        self.assertTrue(first.startswith("threepid.medium.msisdn.connectors.twilio."))

    def test_a_connector_that_is_described_and_not_chosen(self) -> None:
        """Nobody is told of keys of twilio who has never written that word."""
        url = "https://gateway.example.org/?to=%NUMBER%&text=%TEXT%"
        http = {"connectors": {"http": {"url": url}}}
        for medium in ("email", "msisdn"):
            section = {**http, "identity": EMAIL["identity"]}
            (problem,) = refused(text(**{medium: section}))
            self.assertEqual(problem[1], f"threepid.medium.{medium}.connector")
            self.assertIn("connectors has http", problem[2])

    def test_sendgrid(self) -> None:
        """It has to be there, with a key and an address, and for e-mail."""
        base = "notification.handlers.sendgrid"
        for notification, expected in (
            ({"handler": {"email": "sendgrid"}}, ["notification.handler.email"]),
            (
                {**SENDGRID, "handler": {"msisdn": "sendgrid"}},
                ["notification.handler.msisdn"],
            ),
            (
                {**SENDGRID, "handlers": {"sendgrid": {}}},
                [f"{base}.api.key", f"{base}.identity.from"],
            ),
            ({"handler": {"email": "mail"}}, ["notification.handler.email"]),
            ({"events": {"email": {}}}, ["notification.events.email"]),
        ):
            self.assertEqual(sorted(wrong(notification)), expected)

    def test_nonsense(self) -> None:
        """What is no section is told once."""
        for values in ("threepid: 5", "threepid: {medium: [1]}", "notification: x"):
            self.assertEqual(len(refused(FOUNDATION + values)), 1, values)

    def test_lines(self) -> None:
        """A problem of a connector has the line of its key."""
        lines = FOUNDATION + (
            "threepid:\n  medium:\n    email:\n      identity: {from: a@b.c}\n"
            "      connectors:\n        smtp:\n          port: 99999\n"
        )
        ((line, path, _),) = refused(lines)
        self.assertEqual((line, path.rpartition(".")[2]), (9, "port"))


class DumpTests(SynchronousTestCase):
    def test_secrets_are_masked(self) -> None:
        """Everything is shown but them, and what is shown loads again."""
        smtp = {"smtp": {"host": "h", "login": "me", "password": "hush"}}
        url = "https://x.example/?key=hush&to=%NUMBER%&text=%TEXT%"
        http = {"url": url, "headers": {"X-Key": "hush"}}
        phone = {"connector": "http", "connectors": {"http": http}}
        found = config(SENDGRID, email={**EMAIL, "connectors": smtp}, msisdn=phone)
        dumped = dump(found)
        self.assertNotIn("hush", dumped)
        values = yaml.safe_load(dumped)["threepid"]["medium"]["email"]
        self.assertEqual(values["connector"], "smtp")
        self.assertEqual(values["connectors"]["smtp"]["login"], "me")
        self.assertEqual(values["connectors"]["smtp"]["port"], 587)
