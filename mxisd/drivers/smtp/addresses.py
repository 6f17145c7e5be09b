"""Addresses as mail servers are given them."""

import re

from mxisd.drivers.smtp.failures import MailFailed
from mxisd.errors import MessageRefused
from mxisd.model.domains import IllegalDomain, a_label

# Letters, digits and signs of RFC 5322's atoms, and no quoted local parts: nothing here
# can end a command or an address within one.
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]{1,253}")


def envelope_address(address: str) -> str:
    """
    The form of an address that a mail server is given; a domain is its A-label.

    :raise MailFailed: If there is none: signs that do not belong there, or a local part
        that is not ASCII.
    """
    local, _, domain = address.rpartition("@")
    try:
        name = domain if domain.isascii() else a_label(domain)
    except IllegalDomain as error:
        raise _no_mail("the domain of the address is no name") from error
    result = f"{local}@{name}"
    if not _ADDRESS.fullmatch(result):
        raise _no_mail("the address has characters that mail servers do not take")
    return result


def _no_mail(text: str) -> MailFailed:
    return MailFailed(text, means=MessageRefused)
