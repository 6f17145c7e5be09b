# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""
Addresses as they stand in directories: entered by people, for people.

A client's address is read strictly (:func:`mxisd.model.threepids.canonical`); what an
organisation has on record is read as far as it can only mean one thing.
"""

import re
import unicodedata

from attrs import frozen

from mxisd.model.phones import (
    NUMBER_MAX_LENGTH,
    IllegalNumber,
    digits_of,
    international,
    is_international,
    national,
    national_spellings,
    parsed,
)
from mxisd.model.threepids import (
    EMAIL,
    MSISDN,
    IllegalThreePid,
    ThreePid,
    canonical,
)

PROXY_PREFIX = "smtp:"
"""Before the e-mail addresses among the ``proxyAddresses`` of an Active Directory."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_OF_EMAIL = frozenset({"smtp", "mailto"})
_KNOWN_MEDIA = {each: each for each in (EMAIL, MSISDN)}
_TEL = "tel:"


class OfAnotherKind(IllegalThreePid):
    """A value says itself that it is no e-mail address, such as ``SIP:ann@…``."""


@frozen
class StoredAddresses:
    """
    How one store's addresses are read, and asked for.

    :ivar default_country: ISO 3166-1 code of the country of phone numbers that are
        written without one; ``None``: such numbers cannot be read.
    """

    default_country: str | None = None

    def read(self, medium: str, text: str) -> ThreePid:
        """
        Bring a value of a store into canonical form.

        ``Email`` is a medium like ``email``; ``smtp:`` and ``mailto:`` before an e-mail
        address, ``tel:`` before a number, brackets and invisible marks are passed over.

        :raise OfAnotherKind: If it does not claim to be one.
        :raise IllegalThreePid: If it is no address of that medium.
        """
        kind = medium.strip()
        kind = _KNOWN_MEDIA.get(kind.lower(), kind)
        if kind == EMAIL:
            return canonical(EMAIL, _without_scheme(_bare(text)))
        if kind == MSISDN:
            return self._phone(text)
        return canonical(kind, text)

    def spellings(self, threepid: ThreePid) -> tuple[str, ...]:
        """
        The ways in which the store may spell a 3PID, for a question in the clear.

        A phone number is digits; with a default country those of that country also
        stand as they are dialled there: ``01711234567`` and ``0171 1234567``.
        """
        if threepid.medium != MSISDN or self.default_country is None:
            return threepid.spellings
        local = national_spellings(threepid.address, self.default_country)
        return (*threepid.spellings, *local)

    def _phone(self, text: str) -> ThreePid:
        if is_international(text) and self.default_country is None:
            return ThreePid(MSISDN, text)
        if len(text) > NUMBER_MAX_LENGTH:
            raise IllegalThreePid("not a phone number")
        try:
            return ThreePid(MSISDN, self._digits(_visible(text).strip()))
        except IllegalNumber as error:
            raise IllegalThreePid(str(error)) from error

    def _digits(self, text: str) -> str:
        if text[: len(_TEL)].lower() == _TEL:
            return digits_of(parsed(_TEL + text[len(_TEL) :], self.default_country))
        number = text.lstrip("(（ ")
        if self.default_country is None:
            return international(number)
        return national(number, self.default_country)


def _without_scheme(text: str) -> str:
    match = _SCHEME.match(text)
    if match is None:
        return text
    if match[1].lower() not in _OF_EMAIL:
        raise OfAnotherKind("not an e-mail address: it says what it is")
    return text[match.end() :]


def _bare(text: str) -> str:
    """A text without blanks and invisible marks around it."""
    if text.isascii():
        return text.strip()
    first, last = 0, len(text)
    while first < last and _is_around(text[first]):
        first += 1
    while last > first and _is_around(text[last - 1]):
        last -= 1
    return text[first:last]


def _is_around(sign: str) -> bool:
    return sign.isspace() or unicodedata.category(sign) == "Cf"


def _visible(text: str) -> str:
    if text.isascii():
        return text
    return "".join(sign for sign in text if unicodedata.category(sign) != "Cf")
