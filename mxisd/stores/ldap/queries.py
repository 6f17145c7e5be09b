"""
How the users behind 3PIDs of one medium are asked for.

A query makes one filter for many 3PIDs, and tells from the entries whose they are.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from attrs import frozen

from mxisd.drivers.ldap import filters
from mxisd.drivers.ldap.decoder import Entry
from mxisd.drivers.ldap.filters import Filter
from mxisd.model.identifiers import UserId
from mxisd.model.stored import PROXY_PREFIX, StoredAddresses
from mxisd.model.threepids import MSISDN, ThreePid
from mxisd.stores.ldap.entries import Reader

PREFIXED = frozenset({"proxyaddresses", "targetaddress", "msexchshadowproxyaddresses"})
"""Attributes of an Active Directory whose e-mail addresses are ``smtp:ann@…``."""


@frozen
class Owners:
    """
    Whose the 3PIDs are.

    :ivar ambiguous: How many of them have several owners; the first by DN is taken.
    """

    found: Mapping[ThreePid, UserId]
    ambiguous: int = 0


class Query(Protocol):
    """Asks for one medium."""

    attributes: Sequence[str]

    def filter(self, wanted: Sequence[ThreePid]) -> Filter:
        """Every entry that may own one of these."""

    def owners(
        self, entries: Sequence[Entry], wanted: Sequence[ThreePid]
    ) -> Owners | None:
        """Whose these are; ``None`` if it cannot be told without asking for fewer."""


@frozen
class AttributeQuery:
    """
    Looks for values of attributes.

    Servers compare as their schema says, mostly loosely; here the canonical forms must
    be equal, or it is no match.
    """

    reader: Reader
    medium: str

    @property
    def attributes(self) -> Sequence[str]:
        """What the answer must hold."""
        return [*self.reader.user_attributes, *self.reader.by_medium[self.medium]]

    def filter(self, wanted: Sequence[ThreePid]) -> Filter:
        """Each attribute may hold each spelling."""
        names = self.reader.by_medium[self.medium]
        return filters.any_of(
            [
                filters.equal(name, _value(name, spelling))
                for threepid in wanted
                for spelling in spellings(threepid, self.reader.addresses)
                for name in names
            ]
        )

    def owners(self, entries: Sequence[Entry], wanted: Sequence[ThreePid]) -> Owners:
        """Find the wanted ones among the values of the entries."""
        keys = frozenset(wanted)
        return _first_owners(
            (threepid, user_id)
            for entry, user_id in self.reader.users(entries)
            for threepid in self.reader.threepids(entry, self.medium)
            if threepid in keys
        )


@frozen
class TemplateQuery:
    """
    Looks for what the operator's own filter finds.

    Nothing in an entry tells which 3PID brought it, so that several are asked for at
    once only to learn that there is nobody.
    """

    reader: Reader
    template: Filter
    token: str

    @property
    def attributes(self) -> Sequence[str]:
        """What the answer must hold."""
        return self.reader.user_attributes

    def filter(self, wanted: Sequence[ThreePid]) -> Filter:
        """The template, once for each spelling."""
        return filters.any_of([one for each in wanted for one in self._filled(each)])

    def owners(
        self, entries: Sequence[Entry], wanted: Sequence[ThreePid]
    ) -> Owners | None:
        """The first of the entries, if only one 3PID was asked for."""
        users = self.reader.users(entries)
        if users and len(wanted) > 1:
            return None
        return _first_owners((wanted[0], user_id) for _entry, user_id in users)

    def _filled(self, threepid: ThreePid) -> Iterator[Filter]:
        # In mxisd's queries for phones the plus stands before the token.
        has_plus = filters.mentions(self.template, f"+{self.token}")
        bare = threepid.medium == MSISDN and has_plus
        known = self.reader.addresses
        for text in threepid.spellings if bare else spellings(threepid, known):
            yield filters.with_value(self.template, self.token, text)


def spellings(threepid: ThreePid, known: StoredAddresses) -> tuple[str, ...]:
    """The ways in which a directory may hold a 3PID, as far as can be guessed."""
    found = known.spellings(threepid)
    return (f"+{threepid.address}", *found) if threepid.medium == MSISDN else found


def _value(attribute: str, spelling: str) -> str:
    # Servers compare whatever the case: SMTP: stands before the main address.
    is_prefixed = attribute.lower() in PREFIXED
    return f"{PROXY_PREFIX}{spelling}" if is_prefixed else spelling


def _first_owners(pairs: Iterable[tuple[ThreePid, UserId]]) -> Owners:
    found: dict[ThreePid, UserId] = {}
    ambiguous: set[ThreePid] = set()
    for threepid, user_id in pairs:
        if found.setdefault(threepid, user_id) != user_id:
            ambiguous.add(threepid)
    return Owners(found, len(ambiguous))
