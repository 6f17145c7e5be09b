"""E-mail, from the configuration file to a real mail server."""

import shutil
from base64 import b64encode
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html import unescape
from pathlib import Path
from typing import Any

import yaml
from twisted.internet import reactor as real_reactor
from twisted.internet.defer import Deferred
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase

from mxisd.assembly.base import clients
from mxisd.assembly.messages import make_notifier
from mxisd.errors import ConfigError, MessageNotSent
from mxisd.model.threepids import EMAIL, ThreePid
from mxisd.randomness import SystemRandom
from tests.config.fakes import loaded
from tests.integration.smtp_server import TOKEN, TOKEN_USER, MailServer
from tests.notify.fakes import BOB, INVITE, LINK, NOTICES, VALIDATION, to
from tests.notify.fakes import TOKEN as SESSION_TOKEN
from tests.tls import CertificateAuthority

reactor: Any = real_reactor
LOGIN, PASSWORD = "mxisd", "swordfish-ü"
SMTP = "threepid.medium.email.connectors.smtp"


class MailTests(TestCase):
    """Our notifier, as the configuration makes it."""

    timeout = 120

    def setUp(self) -> None:
        """A folder, an authority, and an eye on the log."""
        self.folder = Path(self.mktemp()).absolute()
        self.authority = CertificateAuthority(self.folder)
        self.certificate = self.authority.issue("127.0.0.1")
        self.logged: list[str] = []
        observer: Any = lambda event: self.logged.append(repr(event))  # noqa: E731
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.addCleanup(self.assert_silent)

    def assert_silent(self) -> None:
        """No secret was logged."""
        logged = "\n".join(self.logged)
        heard = (PASSWORD, f"\0{LOGIN}\0{PASSWORD}", f"{LOGIN}\0{LOGIN}\0{PASSWORD}")
        encoded = [b64encode(each.encode()).decode() for each in heard]
        people = (BOB.address, "nobody@", "later@")
        for secret in (SESSION_TOKEN, TOKEN, PASSWORD, *encoded, *people):
            self.assertNotIn(secret, logged)

    def server(self, **options: Any) -> MailServer:
        """A server that runs."""
        server = MailServer(**options).start()
        self.addCleanup(server.stop)
        return server

    def notifier(self, server: MailServer, templates: Any = None, **smtp: Any) -> Any:
        """A notifier for this server."""
        connector = {"host": "127.0.0.1", "port": server.port, **smtp}
        email = {
            "identity": {"from": "id@example.org", "name": 'Jörg "J" <日本>'},
            "connectors": {"smtp": connector},
            "generators": {"template": templates or {}},
        }
        text = {
            "matrix": {"domain": "example.org"},
            "key": {"path": ":memory:"},
            "threepid": {"medium": {"email": email}},
        }
        config = loaded(yaml.safe_dump(text)).config
        http = clients(config, reactor)
        return make_notifier(config, http, SystemRandom(), reactor)

    async def refused(self, notifier: Any, notice: Any = VALIDATION) -> str:
        """Why a notice was not sent."""
        try:
            await notifier.send(notice)
        except MessageNotSent as error:
            self.assertNotIn(notice.threepid.address, str(error))
            return str(error)
        raise AssertionError("it was sent")

    def mail(self, server: MailServer) -> EmailMessage:
        """The only mail that was taken; its lines end with CR and LF."""
        (delivered,) = server.delivered
        self.assertEqual(delivered.sender, "id@example.org")
        self.assertEqual(delivered.recipients, (BOB.address,))
        bare = delivered.content.replace(b"\r\n", b"")
        self.assertFalse(set(bare) & set(b"\r\n"))
        message = message_from_bytes(delivered.content, policy=default)
        assert isinstance(message, EmailMessage)
        return message

    async def test_every_notice(self) -> None:
        """Without TLS: each arrives with its headers and both texts."""
        server = self.server()
        notifier = self.notifier(server, tls=0)
        for notice in NOTICES:
            await notifier.send(notice)
            mail = self.mail(server)
            (sender,) = mail["From"].addresses
            self.assertEqual(sender.display_name, 'Jörg "J" <日本>')
            self.assertEqual(sender.addr_spec, "id@example.org")
            self.assertEqual(mail["To"], BOB.address)
            for kind in ("plain", "html"):
                part = mail.get_body((kind,))
                assert part is not None
                content = unescape(part.get_content())
                for expected in ("example.org", 'Jörg "J" <日本>', BOB.address):
                    self.assertIn(expected, content)
            server.delivered.clear()

    async def test_the_link_survives(self) -> None:
        """However long it is."""
        server = self.server()
        await self.notifier(server, tls=0).send(VALIDATION)
        part = self.mail(server).get_body(("plain",))
        assert part is not None
        self.assertIn(LINK, part.get_content().splitlines())

    async def test_a_template_of_mxisd(self) -> None:
        """Its headers and placeholders work, and dots at the start of lines stay."""
        server = self.server()
        path = self.folder / "invite.eml"
        path.write_text("Subject: Für %ROOM_NAME%\n\n.\n%SENDER_NAME%\n", "utf-8")
        await self.notifier(server, {"invite": str(path)}, tls=0).send(INVITE)
        mail = self.mail(server)
        self.assertEqual(mail["Subject"], "Für Tea party")
        self.assertEqual(mail.get_content(), ".\r\nAlice Liddell\r\n")

    async def test_starttls(self) -> None:
        """With a login whose password is not ASCII."""
        server = self.server(certificate=self.certificate, login=(LOGIN, PASSWORD))
        for tls in (1, 2):
            notifier = self.notifier(
                server,
                tls=tls,
                caFile=str(self.authority.ca_file),
                login=LOGIN,
                password=PASSWORD,
            )
            await notifier.send(VALIDATION)
            self.mail(server)
            self.assertTrue(server.delivered[0].was_encrypted)
            self.assertEqual(server.delivered[0].login, LOGIN)
            server.delivered.clear()

    async def test_implicit_tls(self) -> None:
        """From the first byte."""
        server = self.server(
            certificate=self.certificate, is_implicit=True, login=(LOGIN, PASSWORD)
        )
        notifier = self.notifier(
            server,
            tls=3,
            caFile=str(self.authority.ca_file),
            login=LOGIN,
            password=PASSWORD,
        )
        await notifier.send(VALIDATION)
        self.mail(server)

    async def test_certificates_that_are_not_good(self) -> None:
        """Unknown, for another name, or expired: nothing is sent."""
        ca_file = str(self.authority.ca_file)
        for certificate, settings, words in (
            (self.certificate, {}, "authority is not known"),
            (
                self.authority.issue("mail.example.net"),
                {"caFile": ca_file},
                "for another name",
            ),
            (
                self.authority.issue("127.0.0.1", is_expired=True),
                {"caFile": ca_file},
                "has expired",
            ),
        ):
            for is_implicit, modes in ((False, (1, 2)), (True, (3,))):
                server = self.server(certificate=certificate, is_implicit=is_implicit)
                for tls in modes:
                    notifier = self.notifier(server, tls=tls, **settings)
                    self.assertIn(words, await self.refused(notifier))
                self.assertEqual(server.delivered, [])

    async def test_authorities_that_cannot_be_read(self) -> None:
        """That is told at the start; later, it is why a mail was not sent."""
        server, file = self.server(certificate=self.certificate), Path(self.mktemp())
        with self.assertRaises(ConfigError) as caught:
            self.notifier(server, caFile=str(file))
        (problem,) = caught.exception.problems
        self.assertTrue(problem.path.endswith(".connectors.smtp.caFile"))
        shutil.copy(self.authority.ca_file, file)
        notifier = self.notifier(server, caFile=str(file))
        file.unlink()
        self.assertIn("caFile", await self.refused(notifier))

    async def test_starttls_that_is_not_offered(self) -> None:
        """It is required, or it is not."""
        server = self.server()
        self.assertIn("STARTTLS", await self.refused(self.notifier(server, tls=2)))
        await self.notifier(server, tls=1).send(VALIDATION)
        self.assertEqual(len(server.delivered), 1)

    async def test_a_server_without_tls_that_cannot_do_what_it_offers(self) -> None:
        """CRAM-MD5 is offered, and refused: the password gets in all the same."""
        server = self.server(login=(LOGIN, PASSWORD))
        notifier = self.notifier(server, tls=1, login=LOGIN, password=PASSWORD)
        await notifier.send(VALIDATION)
        self.mail(server)

    async def test_wrong_logins(self) -> None:
        """A wrong password, which is one failed login, and none at all."""
        server = self.server(certificate=self.certificate, login=(LOGIN, PASSWORD))
        settings: dict[str, Any] = {"tls": 2, "caFile": str(self.authority.ca_file)}
        wrong = self.notifier(server, **settings, login=LOGIN, password="wrong")
        text = await self.refused(wrong)
        self.assertTrue(text.startswith(f"{SMTP}.login: 127.0.0.1:{server.port}: "))
        self.assertIn("the server refused login and password (535 5.7.8", text)
        self.assertEqual(server.failed, 1)
        text = await self.refused(self.notifier(server, **settings))
        self.assertIn("530 5.7.0", text)
        self.assertIn(f"{SMTP}.login: ", text)
        self.assertEqual(server.delivered, [])

    async def test_tokens(self) -> None:
        """A program prints them; a wrong one is one failed login."""
        server = self.server(certificate=self.certificate, login=(LOGIN, PASSWORD))
        settings: dict[str, Any] = {"tls": 2, "caFile": str(self.authority.ca_file)}
        for token in (TOKEN, "old"):
            command = ["/bin/echo", token]
            notifier = self.notifier(
                server, **settings, login=TOKEN_USER, oauth2={"tokenCommand": command}
            )
            if token == TOKEN:
                await notifier.send(VALIDATION)
                self.assertEqual(server.delivered[0].login, TOKEN_USER)
            else:
                text = await self.refused(notifier)
                self.assertIn(f"{SMTP}.oauth2: ", text)
                self.assertIn("refused login and token (535", text)
        self.assertEqual(server.failed, 1)

    async def test_recipients_that_are_refused(self) -> None:
        """For good, or for now; the codes are told."""
        notifier = self.notifier(self.server(), tls=0)
        for name, code in (("nobody", "550 5.1.1"), ("later", "451 4.7.1")):
            notice = to(ThreePid(EMAIL, f"{name}@example.com"), VALIDATION)
            text = await self.refused(notifier, notice)
            self.assertIn(f"refused the recipient ({code} …", text)

    async def test_many_at_once(self) -> None:
        """Each message has a connection, and nobody waits for the others."""
        server = self.server()
        notifier = self.notifier(server, tls=0)
        sending = [Deferred.fromCoroutine(notifier.send(INVITE)) for _ in range(20)]
        for each in sending:
            await each
        self.assertEqual(len(server.delivered), 20)

    def test_a_template_that_is_not_there(self) -> None:
        """The server does not start."""
        self.assertRaises(
            ConfigError, self.notifier, MailServer(), {"invite": "/not/there.eml"}
        )
