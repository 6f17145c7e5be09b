"""``smtp``: e-mail by a mail server."""

from typing import Any

from attrs import frozen
from twisted.logger import Logger
from zope.interface import implementer

from mxisd.drivers.smtp import Encryption, MailFailed, MailServer, send_mail
from mxisd.drivers.tls_files import TlsFiles
from mxisd.errors import ConfigError, MessageNotSent
from mxisd.interfaces import IMessageSender, ISection, Tools
from mxisd.model.messages import Message
from mxisd.model.secret import Secret
from mxisd.model.settings import Duration, option
from mxisd.notify.checks import port, positive

NEAR = ("localhost", "127.0.0.1", "::1")

log = Logger()


def _tls(value: int) -> None:
    if value not in {each.value for each in Encryption}:
        raise ValueError("must be 0 (none), 1 (STARTTLS if offered), 2 (STARTTLS) or 3")


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

    :raise ConfigError: Also for a password without a login, and the other way round.
    """
    settings = section.read(SmtpSettings)
    if bool(settings.login) != bool(settings.password):
        missing = "login" if settings.password else "password"
        raise ConfigError.at(missing, "is required: login and password go together")
    if settings.ca_file is not None and settings.tls == Encryption.NEVER.value:
        raise ConfigError.at("caFile", "has no effect with tls: 0")
    return settings


def build(settings: SmtpSettings, tools: Tools) -> IMessageSender:
    """
    Make the sender.

    :raise ConfigError: If the file of authorities cannot be used.
    """
    TlsFiles(ca_file=settings.ca_file).require()
    host = settings.host.strip() or NEAR[0]
    is_safe = settings.tls >= Encryption.START_TLS.value or host in NEAR
    if settings.login and not is_safe:
        log.warn(
            "{name} may send its password in the clear: set tls to 2 or 3",
            name=tools.name,
        )
    server = MailServer(
        host=host,
        port=settings.port,
        encryption=Encryption(settings.tls),
        name=settings.helo_name or tools.domain.rpartition(":")[0] or tools.domain,
        login=settings.login,
        password=settings.password,
        ca_file=settings.ca_file,
        seconds=settings.timeout,
    )
    return SmtpSender(tools.reactor, server)


@implementer(IMessageSender)
@frozen
class SmtpSender:
    """Hands each message to a mail server."""

    reactor: Any
    server: MailServer

    async def send(self, message: Message) -> None:
        """
        Hand over.

        :raise MessageNotSent: With the server's reason, as far as it is fit for a log.
        """
        if message.mail is None:
            raise MessageNotSent("smtp carries e-mail only")
        sender, recipient = message.sender_address, message.recipient.address
        try:
            await send_mail(self.reactor, self.server, sender, recipient, message.mail)
        except MailFailed as error:
            raise MessageNotSent(str(error)) from error
