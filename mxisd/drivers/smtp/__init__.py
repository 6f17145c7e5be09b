"""
Messages to a mail server, by SMTP; each has a connection of its own.

The conversation is our own, with the mechanisms of ``twisted.mail``: its client cannot
fall back to another mechanism, tries a wrong password twice, and its errors carry the
dialogue with the password in it.
"""

from mxisd.drivers.smtp.addresses import envelope_address
from mxisd.drivers.smtp.failures import MailFailed
from mxisd.drivers.smtp.sending import send_mail, try_server
from mxisd.drivers.smtp.servers import Encryption, MailServer
from mxisd.drivers.smtp.tokens import Token, TokenCommand, TokenFile

__all__ = [
    "Encryption",
    "MailFailed",
    "MailServer",
    "Token",
    "TokenCommand",
    "TokenFile",
    "envelope_address",
    "send_mail",
    "try_server",
]
