# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""
Addresses that messages are sent to, as people write them.

A lookup takes whatever a directory may hold; whoever sends has to be stricter.
"""

import re
from functools import cache

import phonenumbers
from attrs import frozen

from mxisd.model.phones import IllegalNumber, digits_of, parsed
from mxisd.model.threepids import (
    EMAIL,
    MSISDN,
    IllegalThreePid,
    ThreePid,
    canonical,
)

EMAIL_MIN_LENGTH = 3
LOCAL_PART_MAX_BYTES = 64
ELSEWHERE = "001"
"""The "country" of satellite and other international numbers."""

# What RFC 5322 calls an atom, and what RFC 6531 adds; no quotes, brackets or commas.
_LOCAL_PART = re.compile(r"[^\s\"(),:;<>@\[\\\]]+")
_DOMAIN = re.compile(r"(?!-)[0-9a-z-]{1,63}(?<!-)(\.(?!-)[0-9a-z-]{1,63}(?<!-))*")


@frozen(kw_only=True)
class Destination:
    """
    Somebody who can be sent a message.

    :ivar country: ISO 3166-1 code of a phone number's country; ``001`` for numbers of
        no country; ``None`` where the address is no phone number.
    :ivar shown: A phone number as people read it.
    """

    threepid: ThreePid
    country: str | None = None
    shown: str | None = None


def mailbox(text: str) -> Destination:
    """
    Read an e-mail address as somebody typed it.

    A name is no part of it, nor are quotes. A domain in another script is somebody
    else's than the Latin one it looks like, and stays so.

    :raise IllegalThreePid: If it is none.
    """
    threepid = canonical(EMAIL, text)
    local, _at, domain = threepid.address.partition("@")
    is_good = (
        len(threepid.address) >= EMAIL_MIN_LENGTH
        and len(local.encode()) <= LOCAL_PART_MAX_BYTES
        and local.isprintable()
        and _LOCAL_PART.fullmatch(local)
        and _DOMAIN.fullmatch(domain)
    )
    if not is_good:
        raise IllegalThreePid("an e-mail address looks like user@domain")
    return Destination(threepid=threepid)


def dialled(country: str, number: str) -> Destination:
    """
    Read a phone number as it is dialled in a country.

    :param country: ISO 3166-1 code; may be empty where the number starts with ``+``.
    :raise IllegalThreePid: If nobody can have that number.
    """
    try:
        found = parsed(number, country.strip().upper() or None)
        if not phonenumbers.is_possible_number(found):
            raise IllegalNumber("nobody can have that number")
        threepid = canonical(MSISDN, digits_of(found))
    except IllegalNumber as error:
        raise IllegalThreePid("not a phone number of that country") from error
    international = phonenumbers.PhoneNumberFormat.INTERNATIONAL
    return Destination(
        threepid=threepid,
        country=_country_of(found),
        shown=phonenumbers.format_number(found, international),
    )


def _country_of(number: phonenumbers.PhoneNumber) -> str:
    # Countries share calling codes; a number that is in no plan is the largest one's.
    return (
        phonenumbers.region_code_for_number(number)
        or phonenumbers.region_code_for_country_code(number.country_code or 0)
        or ELSEWHERE
    )


@cache
def countries() -> frozenset[str]:
    """Every country that a phone number can be of."""
    return frozenset(phonenumbers.SUPPORTED_REGIONS) | {ELSEWHERE}
