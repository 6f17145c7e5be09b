"""Where a mail server is, and how to get in."""

from enum import Enum

from attrs import frozen

from mxisd.drivers.smtp.tokens import Token
from mxisd.model.secret import Secret


class Encryption(Enum):
    """When TLS is spoken."""

    NEVER = 0
    IF_OFFERED = 1
    START_TLS = 2
    FROM_THE_START = 3


@frozen(kw_only=True)
class MailServer:
    """
    A mail server.

    :ivar name: What we call ourselves (EHLO).
    :ivar login: Empty: nobody logs in.
    :ivar token: Tells an access token to log in with instead of the password.
    :ivar ca_file: A PEM file of the authorities to trust instead of the system's; read
        for each message, so that a renewed one is noticed.
    :ivar seconds: For a message, from the connection to the last answer.
    """

    host: str
    port: int
    encryption: Encryption
    name: str
    login: str = ""
    password: Secret = Secret("")
    token: Token | None = None
    ca_file: str | None = None
    seconds: float = 20.0
