# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""
Third-party identifiers (3PIDs) in canonical form.

Source: Matrix specification v1.19, appendices, "3PID types"; MSC2265 (case folding),
of which the local part is left: the identity of a domain is its A-label.
"""

import re

from attrs import field, frozen

from mxisd.model.domains import (
    DOMAIN_MAX_LENGTH,
    PLAIN_DOMAIN,
    IllegalDomain,
    a_label,
    is_invisible,
    u_label,
)
from mxisd.model.phones import IllegalNumber, international

EMAIL = "email"
MSISDN = "msisdn"

ADDRESS_MAX_LENGTH = 500

_MEDIUM = re.compile(r"[A-Za-z0-9._-]{1,64}")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_PLAIN_EMAIL = re.compile(
    rf"[^\x00-\x20\x7f@]+@(?=.{{1,{DOMAIN_MAX_LENGTH}}}\Z){PLAIN_DOMAIN}"
)
_NO_EMAIL = "an e-mail address looks like user@domain"


class IllegalThreePid(ValueError):
    """A text is no address of its medium; the message says why, without the text."""


@frozen
class ThreePid:
    """
    A third-party identifier; build it with :func:`canonical`.

    :ivar medium: ``email``, ``msisdn`` or a medium of the operator's own.
    :ivar address: The canonical address. E-mail: a case-folded local part, and the
        A-label of the domain, which is where messages go. Phone: E.164 digits without
        ``+``. Any other medium: exact, case kept.
    :ivar lowered: The lower-cased spelling of an e-mail address where it differs: its
        local part is not folded (``strauß@…``), its domain may be the U-label. No part
        of the identity.
    """

    medium: str
    address: str
    lowered: str | None = field(default=None, eq=False)

    @property
    def spellings(self) -> tuple[str, ...]:
        """
        Every spelling under which this 3PID is searched and hashed.

        Of an e-mail address: the local part folded, and as it was written; the domain
        as A-label and as U-label. None has the A-label of another domain.
        """
        if self.medium != EMAIL:
            return (self.address,)
        domain = _domain(self.address)
        domains = dict.fromkeys((domain, u_label(domain)))
        if self.lowered is None and len(domains) == 1:
            return (self.address,)
        written = self.lowered or self.address
        local_parts = dict.fromkeys((_local(self.address), _local(written)))
        return tuple(f"{one}@{each}" for one in local_parts for each in domains)

    @property
    def readable(self) -> str:
        """The address as people read it: a domain is its U-label."""
        return self._with_domain(u_label(_domain(self.address)))

    @property
    def written(self) -> str:
        """The address with the label of the domain, U or A, that was given."""
        return self._with_domain(_domain(self.lowered or self.address))

    def _with_domain(self, domain: str) -> str:
        if self.medium != EMAIL:
            return self.address
        return f"{_local(self.address)}@{domain}"


def _local(address: str) -> str:
    return address.rpartition("@")[0]


def _domain(address: str) -> str:
    return address.rpartition("@")[2]


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
        return _canonical_phone(text)
    if _MEDIUM.fullmatch(medium) is None:
        raise IllegalThreePid("not a medium: letters, digits, dot, dash, underscore")
    return ThreePid(medium, text)


def _canonical_email(text: str) -> ThreePid:
    lowered = text.lower()
    if _PLAIN_EMAIL.fullmatch(lowered) and text.isascii():
        return ThreePid(EMAIL, lowered)
    local, _at, domain = text.partition("@")
    if not local or any(sign.isspace() or is_invisible(sign) for sign in local):
        raise IllegalThreePid(_NO_EMAIL)
    try:
        name = a_label(domain)
    except IllegalDomain as error:
        raise IllegalThreePid(_NO_EMAIL) from error
    folded = f"{local.casefold()}@{name}"
    lowered = f"{local.lower()}@{name if domain.isascii() else u_label(name)}"
    if max(len(folded), len(lowered)) > ADDRESS_MAX_LENGTH:
        raise IllegalThreePid(f"not an address: 1 to {ADDRESS_MAX_LENGTH} characters")
    return ThreePid(EMAIL, folded, None if folded == lowered else lowered)


def _canonical_phone(text: str) -> ThreePid:
    try:
        return ThreePid(MSISDN, international(text))
    except IllegalNumber as error:
        raise IllegalThreePid(str(error)) from error
