# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""
Domains of e-mail addresses: one identity, whatever the spelling.

The identity is the A-label, the ASCII form that the DNS knows: ``straße.de`` is
``xn--strae-oqa.de``, and not ``strasse.de``, which may be somebody else's. People see
the U-label.

Source: UTS 46, non-transitional processing; RFC 5891 (IDNA 2008).
"""

import re
import unicodedata
from functools import lru_cache

import idna

DOMAIN_MAX_LENGTH = 253

# Underscores, and hyphens where IDNA has none, are in the domains of old directories.
_LABEL = r"(?!xn--)[a-z0-9_-]{1,63}"
PLAIN_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*"
"""A regular expression of domains that need no more than lower case."""

A_LABEL = "xn--"
"""What a label begins with that people read otherwise."""

_PLAIN = re.compile(PLAIN_DOMAIN)
_FULL_STOPS = (".", "\u3002", "\uff0e", "\uff61")
_JOINERS = frozenset("\u200c\u200d")
# These show nothing either: fillers, joiners of graphemes, selectors of variants.
_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)


class IllegalDomain(ValueError):
    """A text is no domain."""


def a_label(domain: str) -> str:
    """
    Bring a domain into its one form: ASCII, lower case, without a dot at the end.

    Persian and Indian domains may have joiners; any other sign that shows nothing is
    refused, since UTS 46 would drop it in silence.

    :raise IllegalDomain: If it is none. Address literals (``[192.0.2.1]``) are none,
        and neither are emoji, which IDNA 2008 does not know.
    """
    name = domain[:-1] if domain.endswith(_FULL_STOPS) else domain
    if len(name) > DOMAIN_MAX_LENGTH:
        raise IllegalDomain(f"a domain has at most {DOMAIN_MAX_LENGTH} characters")
    lowered = name.lower() if name.isascii() else name
    return lowered if _PLAIN.fullmatch(lowered) else _international(lowered)


def u_label(domain: str) -> str:
    """A domain as people read it, in lower case; of an A-label, its Unicode form."""
    return _unicode(domain) if A_LABEL in domain else domain


def both_labels(term: str) -> tuple[str, ...]:
    """A term to search for; if it has a domain in other letters, in either label."""
    local, at, domain = term.rpartition("@")
    try:
        name = a_label(domain) if at else domain
    except IllegalDomain:
        return (term,)
    shown = u_label(name)
    if shown == name:
        return (term,)
    return tuple(dict.fromkeys((term, f"{local}@{name}", f"{local}@{shown}")))


def is_invisible(sign: str) -> bool:
    """Whether a character shows nothing, or changes what those beside it show."""
    is_format = unicodedata.category(sign) in ("Cc", "Cf")
    return is_format or _BLANK.match(sign) is not None


@lru_cache(maxsize=4096)
def _international(name: str) -> str:
    if any(sign not in _JOINERS and is_invisible(sign) for sign in name):
        raise IllegalDomain("a domain has no characters that cannot be seen")
    try:
        found = idna.encode(name, uts46=True, transitional=False).decode("ascii")
    except UnicodeError as error:
        raise IllegalDomain("not a domain") from error
    if found.endswith(".") or len(found) > DOMAIN_MAX_LENGTH:
        raise IllegalDomain("not a domain")
    return found


@lru_cache(maxsize=4096)
def _unicode(domain: str) -> str:
    try:
        shown = idna.decode(domain).lower()
        # Never one that leads elsewhere.
        return shown if a_label(shown) == domain else domain
    except (UnicodeError, IllegalDomain):
        return domain
