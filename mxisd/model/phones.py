# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""
Phone numbers become digits, as E.164 has them: country code first, and no ``+``.

Parsing costs 20 to 50 µs a number. Where that could change nothing, it is left out.
"""

import re
from functools import cache

import phonenumbers

NUMBER_MAX_LENGTH = 100

_DIGITS = re.compile(r"[1-9][0-9]{4,14}")
_COUNTRY_CODE_LENGTHS = (1, 2, 3)


class IllegalNumber(ValueError):
    """A text is no phone number; the message says why, without the text."""


def is_international(digits: str) -> bool:
    """Whether these are 5 to 15 digits that can begin with a country code."""
    return _DIGITS.fullmatch(digits) is not None


def international(text: str) -> str:
    """
    Read a number in international form: digits, or ``+`` or ``00`` before them.

    :raise IllegalNumber: If it is none.
    """
    if is_international(text):
        return text
    if len(text) > NUMBER_MAX_LENGTH:
        raise IllegalNumber(f"a phone number has at most {NUMBER_MAX_LENGTH} signs")
    if text.startswith("00"):
        text = "+" + text[2:]
    if not text.startswith("+"):
        raise IllegalNumber("a phone number is written in international form")
    return text[1:] if _is_plain(text[1:]) else digits_of(parsed(text))


def national(text: str, country: str) -> str:
    """
    Read a number as it is entered in a country, or in international form.

    Digits alone are a number of that country if it has such numbers, unless they begin
    with its own country code; else they are taken for an international number.

    :param country: ISO 3166-1 code.
    :raise IllegalNumber: If it is none.
    """
    if text.startswith(("+", "00")):
        return international(text)
    number = parsed(text, country)
    if not is_international(text):
        if not phonenumbers.is_possible_number(number):
            raise IllegalNumber("not a phone number of that country")
        return digits_of(number)
    code = str(phonenumbers.country_code_for_region(country))
    has_code = text.startswith(code) and phonenumbers.is_possible_number(
        parsed(f"+{text}")
    )
    is_of_country = not has_code and phonenumbers.is_valid_number(number)
    return digits_of(number) if is_of_country else text


def national_spellings(digits: str, country: str) -> tuple[str, ...]:
    """
    Spell a number as it is dialled in its country: digits alone, and in groups.

    :param digits: E.164, without ``+``.
    :return: Nothing for a number of another country.
    """
    if not digits.startswith(str(phonenumbers.country_code_for_region(country))):
        return ()
    number = parsed(f"+{digits}")
    shown = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    bare = "".join(filter(str.isdecimal, shown))
    return tuple(dict.fromkeys((bare, shown)))


def parsed(text: str, country: str | None = None) -> phonenumbers.PhoneNumber:
    """
    Parse a number.

    :raise IllegalNumber: If it is none, or too long for one.
    """
    if len(text) > NUMBER_MAX_LENGTH:
        raise IllegalNumber(f"a phone number has at most {NUMBER_MAX_LENGTH} signs")
    try:
        return phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException as error:
        raise IllegalNumber("not a phone number") from error


def digits_of(number: phonenumbers.PhoneNumber) -> str:
    """
    Write a number as digits.

    :raise IllegalNumber: If there are too few, or too many.
    """
    e164 = phonenumbers.PhoneNumberFormat.E164
    digits = phonenumbers.format_number(number, e164)[1:]
    if not is_international(digits):
        raise IllegalNumber("not a phone number")
    return digits


# --- Without parsing ------------------------------------------------------------------


def _is_plain(digits: str) -> bool:
    """Whether parsing would give the same digits again."""
    if not is_international(digits):
        return False
    for length in _COUNTRY_CODE_LENGTHS:
        code = int(digits[:length])
        if code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            trunk = _trunk(code)
            return trunk is None or trunk.match(digits[length:]) is None
    return False


@cache
def _trunk(code: int) -> re.Pattern[str] | None:
    """What may stand before a national number, and is dropped: the 0 in +49 (0) 171."""
    region = phonenumbers.region_code_for_country_code(code)
    metadata = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(
        code, region
    )
    pattern = metadata and metadata.national_prefix_for_parsing
    return re.compile(pattern) if pattern else None
