"""
LDAP filters as objects: a value never becomes part of a filter's text.

Source: RFC 4515 (the text form that operators write), RFC 4511, section 4.5.1.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from ldaptor import ldapfilter
from ldaptor.protocols import pureldap

Filter = Any
"""One of ldaptor's ``LDAPFilter_…`` objects."""

_HIGH_ESCAPES = re.compile(r"(?:\\[89A-Fa-f][0-9A-Fa-f])+")
_BLANK_AFTER = re.compile(r"(\)|\([&|!])\s+(?=[()])")


def parse(text: str) -> Filter:
    """
    Read a filter as an operator wrote it; blanks between its parts are allowed.

    :raise ValueError: If it is none; the message says where.
    """
    # ldaptor reads \c3\9c as two Latin-1 characters: give it the character itself.
    readable = _HIGH_ESCAPES.sub(_characters, _BLANK_AFTER.sub(r"\1", text.strip()))
    try:
        return ldapfilter.parseFilter(readable)
    except ldapfilter.InvalidLDAPFilter as error:
        raise ValueError(
            f"is no LDAP filter such as (objectClass=person): {error.msg}, "
            f"at character {error.loc + 1}"
        ) from error
    except RecursionError as error:
        raise ValueError("is no LDAP filter: nested too deeply") from error


def _characters(match: re.Match[str]) -> str:
    raw = bytes.fromhex(match[0].replace("\\", ""))
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise ValueError(
            "is no LDAP filter: escaped bytes that are no UTF-8"
        ) from error


def equal(attribute: str, value: str) -> Filter:
    """The attribute has this value, as the server's schema compares."""
    return pureldap.LDAPFilter_equalityMatch(
        attributeDesc=pureldap.LDAPAttributeDescription(attribute),
        assertionValue=pureldap.LDAPAssertionValue(value),
    )


def contains(attribute: str, text: str) -> Filter:
    """A value of the attribute has this text somewhere in it; not an empty one."""
    return pureldap.LDAPFilter_substrings(
        type=attribute,
        substrings=[pureldap.LDAPFilter_substrings_any(text)],
    )


def present(attribute: str) -> Filter:
    """The attribute has a value."""
    return pureldap.LDAPFilter_present(attribute)


def any_of(filters: Sequence[Filter]) -> Filter:
    """One of these holds; there must be one at least."""
    return filters[0] if len(filters) == 1 else pureldap.LDAPFilter_or(filters)


def all_of(filters: Sequence[Filter]) -> Filter:
    """All of these hold; there must be one at least."""
    return filters[0] if len(filters) == 1 else pureldap.LDAPFilter_and(filters)


def with_value(template: Filter, token: str, value: str) -> Filter:
    """A copy of a filter with the token replaced in each of its values."""
    return _mapped(template, lambda text: text.replace(token, value))


def text_of(node: Filter) -> str:
    """The filter as an operator would write it."""
    text: str = node.asText()
    return text


def mentions(template: Filter, token: str) -> bool:
    """Whether a value of the filter holds the token."""
    seen: list[str] = []

    def look(text: str) -> str:
        seen.append(text)
        return text

    _mapped(template, look)
    return any(token in text for text in seen)


def _mapped(node: Filter, change: Callable[[str], str]) -> Filter:
    if isinstance(node, pureldap.LDAPFilterSet):
        return type(node)([_mapped(child, change) for child in node])
    if isinstance(node, pureldap.LDAPFilter_not):
        return pureldap.LDAPFilter_not(_mapped(node.value, change))
    if isinstance(node, pureldap.LDAPFilter_substrings):
        parts = [type(part)(change(part.value)) for part in node.substrings]
        return pureldap.LDAPFilter_substrings(type=node.type, substrings=parts)
    if isinstance(node, pureldap.LDAPFilter_extensibleMatch):
        return pureldap.LDAPFilter_extensibleMatch(
            matchingRule=node.matchingRule,
            type=node.type,
            matchValue=change(node.matchValue.value),
            dnAttributes=node.dnAttributes,
        )
    if isinstance(node, pureldap.LDAPAttributeValueAssertion):
        return type(node)(
            attributeDesc=node.attributeDesc,
            assertionValue=pureldap.LDAPAssertionValue(
                change(node.assertionValue.value)
            ),
        )
    return node  # presence has no value
