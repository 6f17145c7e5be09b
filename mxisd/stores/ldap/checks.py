"""What single values of an LDAP section must look like; an empty text is no value."""

import re
from collections.abc import Mapping

from mxisd.drivers.ldap import filters

_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]*|[0-9]+(\.[0-9]+)+")
_SPECIAL = re.compile(r"[()*\\\x00]")


def port(value: int | None) -> None:
    """A port of TCP."""
    if value is not None and not 1 <= value <= 65535:
        raise ValueError("a port is a number from 1 to 65535")


def positive(value: float) -> None:
    """More than nothing."""
    if value <= 0:
        raise ValueError("must be more than 0")


def page_size(value: int) -> None:
    """As many entries as a server may want to answer at once; 0 for all of them."""
    if not 0 <= value <= 10_000:
        raise ValueError("a page has 1 to 10000 entries; 0 is for no pages")


def attribute(value: str) -> None:
    """A name, or an object identifier."""
    if value and _ATTRIBUTE.fullmatch(value) is None:
        raise ValueError("is no attribute name: letters, digits and dashes")


def attributes(value: tuple[str, ...]) -> None:
    """Names, none of them empty."""
    for name in value:
        if not name:
            raise ValueError("an attribute's name must not be empty")
        attribute(name)


def attributes_by_medium(value: Mapping[str, tuple[str, ...]]) -> None:
    """Names for each medium."""
    for names in value.values():
        attributes(names)


def filter_text(value: str) -> None:
    """A filter as in RFC 4515."""
    if value.strip():
        filters.parse(value)


def queries(value: Mapping[str, str]) -> None:
    """A filter for each medium."""
    for medium, query in value.items():
        try:
            filters.parse(query)
        except ValueError as error:
            raise ValueError(f"the query of {medium} {error}") from error


def token(value: str) -> None:
    """Something that can be found in a filter again."""
    if not value.strip():
        raise ValueError("must not be empty")
    if _SPECIAL.search(value):
        raise ValueError("must not hold any of ( ) * \\")
