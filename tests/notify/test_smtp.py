"""The settings of mail servers."""

from typing import Any

from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from mxisd.config.structure import Section
from mxisd.drivers.smtp import TokenCommand, TokenFile
from mxisd.errors import ConfigError
from mxisd.interfaces import Tools
from mxisd.notify import smtp
from mxisd.notify.smtp import SmtpSender

PATH = "threepid.medium.email.connectors.smtp"
LOGIN: Any = {"login": "mxisd", "password": "swordfish"}


def sender(domain: str = "example.org", **section: Any) -> SmtpSender:
    """What is made of a section."""
    tools = Tools(name=PATH, domain=domain, reactor=Clock(), http=None)
    made = smtp.build(smtp.parse(Section(section)), tools)
    assert isinstance(made, SmtpSender)
    return made


class SettingsTests(SynchronousTestCase):
    """What becomes of the keys."""

    def problems(self, **section: Any) -> list[str]:
        """The keys that are wrong."""
        with self.assertRaises(ConfigError) as caught:
            smtp.parse(Section(section))
        return [each.path for each in caught.exception.problems]

    def test_what_cannot_be_meant(self) -> None:
        """Half a login, an authority that nobody asks, no way to speak TLS, no time."""
        self.assertEqual(self.problems(login="mxisd"), ["password"])
        self.assertEqual(self.problems(password="swordfish"), ["login"])
        self.assertEqual(self.problems(oauth2={"tokenFile": "t"}), ["login"])
        both = {"tokenFile": "t", "tokenCommand": ["t"]}
        self.assertEqual(
            self.problems(login="mxisd", oauth2=both), ["oauth2.tokenCommand"]
        )
        token = {"tokenFile": "t"}
        self.assertEqual(self.problems(**LOGIN, oauth2=token), ["oauth2.tokenFile"])
        self.assertEqual(self.problems(tls=0, caFile="ca.pem"), ["caFile"])
        self.assertEqual(self.problems(tls=4), ["tls"])
        self.assertEqual(self.problems(timeout=0), ["timeout"])
        self.assertEqual(self.problems(port=0), ["port"])

    def test_the_name_that_we_give(self) -> None:
        """The domain, of which a port is no part, or what the operator says."""
        for domain in ("example.org", "example.org:8448"):
            self.assertEqual(sender(domain).server.name, "example.org")
        self.assertEqual(
            sender(heloName="mx.example.org").server.name, "mx.example.org"
        )

    def test_the_host(self) -> None:
        """This machine, where none is said, as with mxisd."""
        self.assertEqual(sender(host=" ").server.host, "localhost")

    def test_tokens_that_nobody_can_tell(self) -> None:
        """Neither a path nor an argument has a NUL; and a program has a name."""
        for oauth2 in (
            {"tokenFile": "a\0b"},
            {"tokenFile": ""},
            {"tokenCommand": ["print", "a\0b"]},
            {"tokenCommand": ["", "x"]},
        ):
            (key,) = oauth2
            found = self.problems(login="mxisd", oauth2=oauth2)
            self.assertEqual(found, [f"oauth2.{key}"])

    def test_tokens(self) -> None:
        """Of a file, of a program, or none."""
        for oauth2, kind in (
            ({"tokenFile": "t"}, TokenFile),
            ({"tokenCommand": ["print-token", "-x"]}, TokenCommand),
        ):
            made = sender(login="mxisd", oauth2=oauth2)
            self.assertIsInstance(made.server.token, kind)
        self.assertIsNone(sender(**LOGIN).server.token)

    def test_passwords_in_the_clear(self) -> None:
        """The operator is warned where they are said; the default says none."""
        for host, tls, count in (
            ("mx.example.org", 0, 1),
            ("mx.example.org", 1, 0),
            ("mx.example.org", 2, 0),
            ("mx.example.org", 3, 0),
            ("localhost", 0, 0),
        ):
            with capturedLogs() as events:
                sender(host=host, tls=tls, **LOGIN)
            self.assertEqual(len(events), count, (host, tls))
            self.assertNotIn("swordfish", repr(events))
