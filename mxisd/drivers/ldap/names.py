"""
Distinguished names, as far as we look into them.

Source: RFC 4514, sections 2.4 and 3; RFC 2247 (domains as names).
"""

import re

_RELATIVE = re.compile(r"(?:\\.|[^,\\])+", re.DOTALL)
_FIRST = re.compile(r"\s*([A-Za-z0-9.-]+)\s*=\s*((?:\\.|[^+\\])*)", re.DOTALL)
_ESCAPED = re.compile(r"((?:\\[0-9A-Fa-f]{2})+)|\\(.)", re.DOTALL)


def first_value(dn: str) -> str | None:
    """
    The value that a name starts with: ``Staff`` of ``cn=Staff,ou=groups,dc=x``.

    :return: ``None`` for a text that is no name.
    """
    first = _RELATIVE.match(dn)
    pair = None if first is None else _pair(first[0])
    return pair[1] if pair else None


def domain_of(dn: str) -> str:
    """The DNS domain that a name ends with, lower-cased; empty if there is none."""
    labels: list[str] = []
    for relative in reversed(_RELATIVE.findall(dn)):
        pair = _pair(relative)
        if pair is None or pair[0].lower() != "dc":
            break
        labels.insert(0, pair[1].lower())
    return ".".join(labels)


def _pair(relative: str) -> tuple[str, str] | None:
    match = _FIRST.match(relative)
    if match is None:
        return None
    return match[1], _ESCAPED.sub(_literal, match[2].strip())


def _literal(match: re.Match[str]) -> str:
    if match[2] is not None:
        return match[2]
    return bytes.fromhex(match[1].replace("\\", "")).decode(errors="replace")
