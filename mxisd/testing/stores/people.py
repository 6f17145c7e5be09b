# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""The people whom the suites have a store know."""

from collections.abc import Sequence

from attrs import frozen

from mxisd.model.identifiers import UserId
from mxisd.model.threepids import EMAIL, MSISDN, canonical

DOMAIN = "example.org"


@frozen(kw_only=True)
class Person:
    """
    Somebody whom a store shall know.

    :ivar username: The localpart, perhaps with capitals.
    :ivar threepids: Mediums and addresses, spelled as a back end may hold them.
    :ivar roles: A store that has no roles may forget them.
    """

    username: str
    password: str | None = None
    display_name: str | None = None
    threepids: Sequence[tuple[str, str]] = ()
    roles: Sequence[str] = ()

    @property
    def user_id(self) -> UserId:
        """The canonical user ID."""
        return UserId.of(self.username, DOMAIN)


ALICE = Person(
    username="alice",
    password="wonderland",
    display_name="Alice Liddell",
    threepids=[
        (EMAIL, "Alice@Example.ORG"),
        (EMAIL, "second@example.org"),
        (MSISDN, "+49 171 1234567"),
    ],
    roles=["staff"],
)
BOB = Person(
    username="Bob",
    password="bücher (*)\\",
    display_name="Bob Ünal",
    threepids=[(EMAIL, "bob@example.org"), (MSISDN, "+493012345678")],
)
SILENT = Person(username="silent", display_name="Silent One")
ODD = Person(
    username="Jörg (ünal)",
    password="hush",
    display_name="Jörg Ünal",
    threepids=[(EMAIL, "joerg@example.org")],
)
"""Somebody whose name cannot be a localpart as it stands."""
PEOPLE = (ALICE, BOB, SILENT)

ALICE_MAIL = canonical(EMAIL, "alice@example.org")
ALICE_PHONE = canonical(MSISDN, "491711234567")
BOB_MAIL = canonical(EMAIL, "bob@example.org")
NOBODY_MAIL = canonical(EMAIL, "nobody@example.org")
