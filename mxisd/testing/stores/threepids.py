# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""The suites for finding users by their 3PIDs."""

from collections.abc import Sequence

from mxisd.interfaces import BATCH_LIMIT, IAssociationSource
from mxisd.model.identifiers import UserId
from mxisd.model.threepids import EMAIL, ThreePid, canonical
from mxisd.testing.stores.contract import StoreContract
from mxisd.testing.stores.people import (
    ALICE,
    ALICE_MAIL,
    ALICE_PHONE,
    BOB,
    BOB_MAIL,
    NOBODY_MAIL,
    ODD,
    PEOPLE,
    Person,
)


class ThreePidLookupContract(StoreContract):
    """For :class:`IThreePidLookup`."""

    async def test_lookup_finds_who_is_there(self) -> None:
        """Several 3PIDs, of one person or many, are found at once."""
        lookup = await self._lookup()
        found = await lookup.lookup(frozenset([ALICE_MAIL, ALICE_PHONE, BOB_MAIL]))
        self.assertEqual(
            dict(found),
            {
                ALICE_MAIL: ALICE.user_id,
                ALICE_PHONE: ALICE.user_id,
                BOB_MAIL: BOB.user_id,
            },
        )

    async def test_lookup_finds_every_address_of_a_person(self) -> None:
        """A second address is as good as the first."""
        lookup = await self._lookup()
        second = canonical(EMAIL, "second@example.org")
        found = await lookup.lookup(frozenset([second]))
        self.assertEqual(dict(found), {second: ALICE.user_id})

    async def test_lookup_leaves_out_who_is_absent(self) -> None:
        """An unknown 3PID is left out and does not disturb the others."""
        lookup = await self._lookup()
        found = await lookup.lookup(frozenset([NOBODY_MAIL, BOB_MAIL]))
        self.assertEqual(dict(found), {BOB_MAIL: BOB.user_id})

    async def test_lookup_keeps_mediums_apart(self) -> None:
        """An address counts only in its medium, and an unknown medium is no error."""
        lookup = await self._lookup()
        strange = frozenset(
            [ThreePid("strange", "alice@example.org"), ThreePid("strange", "alice")]
        )
        self.assertEqual(dict(await lookup.lookup(strange)), {})

    async def test_lookup_takes_metacharacters_literally(self) -> None:
        """Wildcards and quotes of any query language find nobody."""
        lookup = await self._lookup()
        hostile = ["*@example.org", "*@x", "%@example.org", "a'or'1'='1@x", ")(|@x"]
        asked = frozenset(canonical(EMAIL, text) for text in hostile)
        self.assertEqual(dict(await lookup.lookup(asked)), {})

    async def test_lookup_of_many_finds_the_few(self) -> None:
        """A thousand addresses in one question are no trouble."""
        lookup = await self._lookup()
        many = [canonical(EMAIL, f"nobody{i}@example.org") for i in range(1000)]
        found = await lookup.lookup(frozenset([*many, ALICE_MAIL]))
        self.assertEqual(dict(found), {ALICE_MAIL: ALICE.user_id})

    async def test_lookup_of_nothing_finds_nothing(self) -> None:
        """No question, no answer."""
        lookup = await self._lookup()
        self.assertEqual(dict(await lookup.lookup(frozenset())), {})

    async def test_lookup_escapes_names(self) -> None:
        """A name that cannot be a localpart is escaped in the user ID."""
        if self.takes_any_name:
            lookup = await self._lookup([ODD])
            mail = canonical(EMAIL, "joerg@example.org")
            found = await lookup.lookup(frozenset([mail]))
            self.assertEqual(dict(found), {mail: ODD.user_id})


class AssociationSourceContract(StoreContract):
    """For :class:`IAssociationSource`."""

    async def test_listing_is_complete(self) -> None:
        """Every address of everybody is listed in canonical form, and no other."""
        listed = await self._listed(PEOPLE)
        expected = [
            (canonical(medium, address), person.user_id)
            for person in PEOPLE
            for medium, address in person.threepids
        ]
        self.assertEqual(sorted(listed, key=str), sorted(expected, key=str))

    async def test_listing_comes_in_batches(self) -> None:
        """No batch is over the limit, and a long list is complete."""
        crowd = [
            Person(
                username=f"p{index}",
                threepids=[
                    (EMAIL, f"p{index}@example.org"),
                    (EMAIL, f"q{index}@x.org"),
                ],
            )
            for index in range(BATCH_LIMIT)
        ]
        listed = await self._listed(crowd)
        self.assertEqual(len({threepid for threepid, _ in listed}), 2 * BATCH_LIMIT)

    async def test_failing_receiver_ends_the_listing(self) -> None:
        """What the receiver raises reaches the caller; no further batch is put."""
        source: IAssociationSource = self._capability(
            await self.store_with(PEOPLE), "associations"
        )
        calls = []

        async def put(batch: Sequence[tuple[ThreePid, UserId]]) -> None:
            calls.append(batch)
            raise RuntimeError("the receiver is full")

        with self.assertRaises(Exception):  # noqa: B017
            await source.associations(put)
        self.assertEqual(len(calls), 1)

    async def _listed(self, people: Sequence[Person]) -> list[tuple[ThreePid, UserId]]:
        source: IAssociationSource = self._capability(
            await self.store_with(people), "associations"
        )
        listed: list[tuple[ThreePid, UserId]] = []

        async def put(batch: Sequence[tuple[ThreePid, UserId]]) -> None:
            self.assertLessEqual(len(batch), BATCH_LIMIT)
            listed.extend(batch)

        await source.associations(put)
        return listed
