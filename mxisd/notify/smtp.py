"""``smtp``: e-mail by a mail server."""

from collections.abc import Sequence
from typing import Any

from attrs import frozen
from twisted.logger import Logger
from zope.interface import implementer

from mxisd.drivers.smtp import (
    Encryption,
    MailFailed,
    MailServer,
    TokenCommand,
    TokenFile,
    send_mail,
    try_server,
)
from mxisd.drivers.tls_files import TlsFiles
from mxisd.errors import ConfigError, MessageNotSent, Problem
from mxisd.interfaces import IMessageSender, ISection, ISelfCheck, Tools
from mxisd.model.messages import Message
from mxisd.model.secret import Secret
from mxisd.model.settings import Duration, option
from mxisd.notify.checks import path, port, positive, program

NEAR = ("localhost", "127.0.0.1", "::1")

log = Logger()


def _tls(value: int) -> None:
    if value not in {each.value for each in Encryption}:
        raise ValueError("must be 0 (none), 1 (STARTTLS if offered), 2 (STARTTLS) or 3")


@frozen(kw_only=True)
class OAuth2Settings:
    """How we get at an access token, which then stands for the password (XOAUTH2)."""

    token_file: str | None = option(
        "A file with an access token; it is read for each message, so that whoever "
        "renews the token writes it there.",
        None,
        check=path,
    )
    token_command: tuple[str, ...] = option(
        "A program and its arguments, without a shell, that prints an access token; it "
        "is run for each message, and has 10 seconds.",
        (),
        check=program,
    )


@frozen(kw_only=True)
class SmtpSettings:
    """A mail server."""

    host: str = option("The server's name; its certificate must have it.", "localhost")
    port: int = option("The port.", 587, check=port)
    tls: int = option(
        "0: never; 1: STARTTLS where the server offers it; 2: STARTTLS, or nothing is "
        "sent; 3: TLS from the first byte (mostly port 465).",
        1,
        check=_tls,
    )
    login: str = option("Who we are; empty: no login.", "")
    password: Secret = option("The password of ``login``.", Secret(""))
    oauth2: OAuth2Settings = option("A token instead of a password.", OAuth2Settings)
    ca_file: str | None = option(
        "A PEM file of the certificate authorities to trust instead of the system's.",
        None,
    )
    helo_name: str | None = option(
        "What we call ourselves.", None, default_note="``matrix.domain``"
    )
    timeout: Duration = option(
        "The longest that the server may take; nobody waits for more than 20 seconds.",
        Duration(15),
        check=positive,
    )


def parse(section: ISection) -> SmtpSettings:
    """
    Judge the section.

    :raise ConfigError: Also for half a login, or two.
    """
    settings = section.read(SmtpSettings)
    _check_login(settings)
    if settings.ca_file is not None and settings.tls == Encryption.NEVER.value:
        raise ConfigError.at("caFile", "has no effect with tls: 0")
    return settings


def _check_login(settings: SmtpSettings) -> None:
    ways = {
        "password": bool(settings.password),
        "oauth2.tokenFile": settings.oauth2.token_file is not None,
        "oauth2.tokenCommand": bool(settings.oauth2.token_command),
    }
    chosen = [key for key, is_there in ways.items() if is_there]
    if chosen and not settings.login:
        raise ConfigError.at("login", f"is required: it goes together with {chosen[0]}")
    if settings.login and not chosen:
        text = "is required: login and password go together, or login and oauth2"
        raise ConfigError.at("password", text)
    if len(chosen) > 1:
        raise ConfigError.at(chosen[-1], f"goes not together with {chosen[0]}")


def build(settings: SmtpSettings, tools: Tools) -> IMessageSender:
    """
    Make the sender.

    :raise ConfigError: If the file of authorities cannot be used.
    """
    TlsFiles(ca_file=settings.ca_file).require()
    host = settings.host.strip() or NEAR[0]
    is_open = settings.tls == Encryption.NEVER.value and host not in NEAR
    if settings.login and is_open:
        log.warn(
            "{name} sends its password in the clear: set tls to 2 or 3", name=tools.name
        )
    token = _token(settings.oauth2, tools.reactor)
    if token is not None and token.missing:
        # Whoever brings it may be started after us.
        log.warn("{name}.{missing}", name=tools.name, missing=token.missing)
    server = MailServer(
        host=host,
        port=settings.port,
        encryption=Encryption(settings.tls),
        name=settings.helo_name or tools.domain.rpartition(":")[0] or tools.domain,
        login=settings.login,
        password=settings.password,
        token=token,
        ca_file=settings.ca_file,
        seconds=settings.timeout,
    )
    return SmtpSender(tools.reactor, server, tools.name)


def _token(settings: OAuth2Settings, reactor: Any) -> TokenFile | TokenCommand | None:
    if settings.token_command:
        return TokenCommand(settings.token_command, reactor)
    return None if settings.token_file is None else TokenFile(settings.token_file)


@implementer(IMessageSender, ISelfCheck)
@frozen
class SmtpSender:
    """
    Hands each message to a mail server.

    :ivar path: The section of the configuration, for what goes wrong.
    """

    reactor: Any
    server: MailServer
    path: str

    async def send(self, message: Message) -> None:
        """
        Hand over.

        :raise MessageNotSent: With the server's own words, as far as they are fit for a
            log.
        """
        if message.mail is None:
            raise MessageNotSent("smtp carries e-mail only")
        sender, recipient = message.sender_address, message.recipient.address
        try:
            await send_mail(self.reactor, self.server, sender, recipient, message.mail)
        except MailFailed as error:
            key = ".".join(filter(None, (self.path, error.key)))
            raise error.means(f"{key}: {self._place}: {error}") from error

    async def problems(self) -> Sequence[Problem]:
        """Connect and log in; nothing is sent."""
        try:
            await try_server(self.reactor, self.server)
        except MailFailed as error:
            return [Problem(error.key, f"{self._place}: {error}")]
        return []

    @property
    def _place(self) -> str:
        host = self.server.host
        return f"{f'[{host}]' if ':' in host else host}:{self.server.port}"
