# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""
Third-party identifiers (3PIDs) in canonical form.

Source: Matrix specification v1.19, appendices, "3PID types"; MSC2265 (case folding).
"""

import re

import phonenumbers
from attrs import field, frozen

EMAIL = "email"
MSISDN = "msisdn"

ADDRESS_MAX_LENGTH = 500

_MEDIUM = re.compile(r"[A-Za-z0-9._-]{1,64}")
_MSISDN = re.compile(r"[1-9][0-9]{4,14}")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class IllegalThreePid(ValueError):
    """A text is no address of its medium; the message says why, without the text."""


@frozen
class ThreePid:
    """
    A third-party identifier; build it with :func:`canonical`.

    :ivar medium: ``email``, ``msisdn`` or a medium of the operator's own.
    :ivar address: The canonical address. E-mail: case-folded. Phone: E.164 digits
        without ``+``. Any other medium: exact, case kept.
    :ivar lowered: The lower-cased spelling of an e-mail address where it differs from
        the folded one (``strauß@…``): clients hash that one. No part of the identity.
    """

    medium: str
    address: str
    lowered: str | None = field(default=None, eq=False)

    @property
    def spellings(self) -> tuple[str, ...]:
        """Every spelling under which this 3PID is searched and hashed."""
        if self.lowered is None:
            return (self.address,)
        return (self.address, self.lowered)


def canonical(medium: str, address: str) -> ThreePid:
    """
    Bring what a client or a store wrote into canonical form.

    :raise IllegalThreePid: If it is no address of that medium.
    """
    text = address.strip()
    if not text or len(text) > ADDRESS_MAX_LENGTH or _UNPRINTABLE.search(text):
        raise IllegalThreePid(f"not an address: 1 to {ADDRESS_MAX_LENGTH} characters")
    if medium == EMAIL:
        return _canonical_email(text)
    if medium == MSISDN:
        return ThreePid(MSISDN, _msisdn_digits(text))
    if _MEDIUM.fullmatch(medium) is None:
        raise IllegalThreePid("not a medium: letters, digits, dot, dash, underscore")
    return ThreePid(medium, text)


def _canonical_email(text: str) -> ThreePid:
    local, _at, domain = text.partition("@")
    if not local or not domain or "@" in domain or any(map(str.isspace, text)):
        raise IllegalThreePid("an e-mail address looks like user@domain")
    folded, lowered = text.casefold(), text.lower()
    if len(folded) > ADDRESS_MAX_LENGTH:
        raise IllegalThreePid(f"not an address: 1 to {ADDRESS_MAX_LENGTH} characters")
    return ThreePid(EMAIL, folded, None if folded == lowered else lowered)


def _msisdn_digits(text: str) -> str:
    if _MSISDN.fullmatch(text):
        return text
    if text.startswith("00"):
        text = "+" + text[2:]
    if not text.startswith("+"):
        raise IllegalThreePid("a phone number is written in international form")
    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException as error:
        raise IllegalThreePid("not a phone number") from error
    digits = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)[1:]
    if _MSISDN.fullmatch(digits) is None:
        raise IllegalThreePid("not a phone number")
    return digits
