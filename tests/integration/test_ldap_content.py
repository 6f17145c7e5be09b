"""Directories with content that nobody would wish for, and with very much of it."""

import atexit
import gc
import resource
from collections.abc import Sequence
from functools import cache

from mxisd.model.identifiers import UserId
from mxisd.model.login import NoSuchUser, Refused
from mxisd.model.threepids import EMAIL, ThreePid
from tests.integration.ldap_stores import EMPLOYEE, LdapCase
from tests.integration.organisation import stranger
from tests.integration.slapd import Member, Organisation, Slapd

CROWD = 100_000
MEGABYTE = 1024  # ru_maxrss counts kilobytes


class ContentTests(LdapCase):
    """Exact match or no match, whatever is in the directory."""

    async def test_very_long_values(self) -> None:
        """Ten thousand characters are found by nobody, and disturb nobody."""
        slapd = self.slapd(
            Member(uid="ann", name="Ann", employee_number="x" * 10_000),
            Member(uid="bea", name="B" * 10_000, employee_number="E1"),
        )
        store = self.store(slapd)
        found = await self.found(store, EMPLOYEE, ["x" * 500, "E1"])
        self.assertEqual(found, {"E1": "bea"})
        listed = [(t.address, user.localpart) for t, user in await self.listed(store)]
        self.assertEqual(listed, [("E1", "bea")])

    async def test_very_long_user_ids(self) -> None:
        """A user ID of more than 255 bytes is none; asking for one finds nobody."""
        store = self.store(self.slapd(extra_ldif=stranger("long", "a" * 300)))
        self.assertEqual(await self.found(store, EMAIL, ["long@x"]), {})
        self.assertEqual(await self.verdict(store, "a" * 300, "pw"), NoSuchUser())
        self.assertEqual(await self.verdict(store, "a" * 10_000, "pw"), NoSuchUser())

    async def test_very_long_passwords(self) -> None:
        """They are judged like any other."""
        slapd = self.slapd(Member(uid="ann", name="Ann", password="p" * 10_000))
        store = self.store(slapd)
        self.assertEqual(await self.verdict(store, "ann", "q" * 10_000), Refused())
        verdict = await self.verdict(store, "ann", "p" * 10_000)
        self.assertEqual(verdict.user_id.localpart, "ann")

    async def test_a_thousand_values(self) -> None:
        """Each of the values of one attribute leads to its owner."""
        mails = [f"alias.{number}@example.org" for number in range(1000)]
        store = self.store(self.slapd(Member(uid="ann", name="Ann", mails=mails)))
        everything = dict.fromkeys(mails, "ann")
        self.assertEqual(await self.found(store, EMAIL, mails), everything)
        listed = await self.listed(store)
        self.assertEqual({t.address for t, _ in listed}, set(mails))

    async def test_bytes_that_are_no_text(self) -> None:
        """They are no address; the other values of the entry count."""
        badge = "badge"
        attribute = {
            "uid": {"type": "uid", "value": "uid"},
            "threepid": {badge: ["jpegPhoto", "employeeNumber"]},
        }
        more = "employeeNumber: E1\njpegPhoto:: //79AIA=\n"
        slapd = self.slapd(extra_ldif=stranger("ann", "ann") + more)
        store = self.store(slapd, attribute=attribute)
        listed = {t.address for t, _ in await self.listed(store) if t.medium == badge}
        self.assertEqual(listed, {"E1"})
        self.assertEqual(await self.found(store, badge, ["E1"]), {"E1": "ann"})

    async def test_two_entries_of_one_user(self) -> None:
        """Both lead to the user; only for a login they are one too many."""
        ann = Member(uid="ann", name="Ann", mails=["ann@x"], password="pw")
        slapd = self.slapd(ann, extra_ldif=stranger("double", "Ann"))
        store, lines = self.store(slapd), self.log_lines()
        found = await self.found(store, EMAIL, ["ann@x", "double@x"])
        self.assertEqual(found, {"ann@x": "ann", "double@x": "ann"})
        self.assertEqual(await self.verdict(store, "ann", "pw"), Refused())
        self.assertTrue(any("2 entries of staff" in line for line in lines))


@cache
def crowded() -> Slapd:
    """A running directory with very many people, cut at 500 entries, hard at 1000."""
    slapd = Slapd(Organisation(people=CROWD), size_limit=500, hard_limit=1000)
    atexit.register(slapd.remove)
    slapd.start()
    return slapd


class CrowdTests(LdapCase):
    """A hundred thousand people behind a server that answers 500 at once."""

    timeout = 240

    async def test_everybody_is_listed_in_little_memory(self) -> None:
        """The list is complete, and only a page of it is ever here."""
        store = self.store(crowded())
        assert store.associations is not None
        seen: set[int] = set()

        async def put(batch: Sequence[tuple[ThreePid, UserId]]) -> None:
            for threepid, user_id in batch:
                if threepid.medium == EMPLOYEE:
                    seen.add(int(user_id.localpart.removeprefix("person.")))

        gc.collect()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        await store.associations.associations(put)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        self.assertEqual(seen, set(range(CROWD)))
        # The set of numbers is a part of this.
        self.assertLess(grown, 40 * MEGABYTE)

    async def test_lookups_among_many(self) -> None:
        """A thousand addresses are found at once, more than the server's limit."""
        store = self.store(crowded())
        people = crowded().organisation.members[50_000:51_000]
        mails = {person.mails[0].casefold(): person.uid for person in people}
        self.assertEqual(await self.found(store, EMAIL, mails), mails)
