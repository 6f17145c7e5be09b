"""
What every engine behind our records must do.

A test case mixes in a contract and provides ``database``; the engine's own thread or
socket is real, so the tests are asynchronous.
"""

from collections.abc import Iterable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from zope.interface.verify import verifyObject

from mxisd.errors import RecordsUnavailable
from mxisd.model.associations import Association
from mxisd.model.hashing import Generation, lookup_digest
from mxisd.model.identifiers import UserId
from mxisd.model.threepids import ThreePid, canonical
from mxisd.ports import (
    AccountRecord,
    IAccountRecords,
    IBindingRecords,
    IPepperRecords,
    IRecordsHealth,
    ITermsRecords,
)
from mxisd.records.accounts import AccountRecords, TermsRecords
from mxisd.records.bindings import CHUNK, BindingRecords, PepperRecords
from mxisd.records.database import Database
from mxisd.records.health import RecordsHealth

ALICE = UserId.parse("@alice:example.org")
BOB = UserId.parse("@bob:example.org")
MAIL = canonical("email", "Strauß@example.org")
PHONE = canonical("msisdn", "+4917112345")


def association(threepid: ThreePid, user_id: UserId, ts_ms: int = 1) -> Association:
    """An association for ever."""
    return Association(threepid, user_id, ts_ms, ts_ms, 2**50)


def made_up(number: int) -> ThreePid:
    """A 3PID that nobody has."""
    return canonical("employee", f"E-{number}")


class AccountsContract:
    """Account tokens."""

    database: Database
    assertEqual: Any
    assertIsNone: Any
    assertIsNotNone: Any
    assertLess: Any
    assertTrue: Any
    assertFalse: Any

    def test_it_provides_the_interface(self) -> None:
        """The record classes are what the ports say."""
        verifyObject(IAccountRecords, AccountRecords(self.database))
        verifyObject(ITermsRecords, TermsRecords(self.database))
        verifyObject(IRecordsHealth, RecordsHealth(self.database, Clock()))

    async def test_a_token_is_found_until_it_is_removed(self) -> None:
        """A row is there after it was added, at once, and gone after its removal."""
        records = AccountRecords(self.database)
        record = AccountRecord(b"\0hash\xff", ALICE, 2**50)
        self.assertIsNone(records.account(record.token_hash))
        await records.add_account(record, 9)
        self.assertEqual(records.account(record.token_hash), record)
        self.assertTrue(await records.remove_account(record.token_hash))
        self.assertFalse(await records.remove_account(record.token_hash))
        self.assertIsNone(records.account(record.token_hash))

    async def test_purging_removes_what_has_expired(self) -> None:
        """A token is over at its expiry, not a millisecond earlier."""
        records = AccountRecords(self.database)
        for number in range(5):
            await records.add_account(AccountRecord(bytes([number]), ALICE, number), 9)
        self.assertEqual(await records.purge_accounts(2), 3)
        self.assertIsNone(records.account(b"\2"))
        self.assertEqual(records.account(b"\3"), AccountRecord(b"\3", ALICE, 3))

    async def test_only_the_newest_tokens_of_a_user_are_kept(self) -> None:
        """The oldest go, nobody else's; the one that came is there in any case."""
        records = AccountRecords(self.database)
        await records.add_account(AccountRecord(b"bob", BOB, 1), 3)
        for number, expires_ms in enumerate([10, 30, 20, 40, 40, 40, 5]):
            record = AccountRecord(bytes([number]), ALICE, expires_ms)
            await records.add_account(record, 3)
            self.assertEqual(records.account(record.token_hash), record)
        kept = [n for n in range(7) if records.account(bytes([n])) is not None]
        self.assertEqual(len(kept), 3)
        self.assertLess({*kept}, {3, 4, 5, 6})
        self.assertIsNotNone(records.account(b"bob"))

    async def test_terms_add_up_per_user(self) -> None:
        """Acceptance accumulates, is repeatable, and belongs to one user."""
        records = TermsRecords(self.database)
        await records.accept_urls(ALICE, {"https://a", "https://b"}, 1)
        await records.accept_urls(ALICE, {"https://b", "https://c"}, 2)
        expected = frozenset(["https://a", "https://b", "https://c"])
        self.assertEqual(records.accepted_urls(ALICE), expected)
        self.assertEqual(records.accepted_urls(BOB), frozenset())

    async def test_healthy_records_pass_the_check(self) -> None:
        """A database that works is well."""
        await RecordsHealth(self.database, Clock()).check()


class BindingsContract:
    """Bindings and peppers."""

    database: Database
    assertEqual: Any
    assertTrue: Any
    assertFalse: Any
    assertFailure: Any

    def bindings(self) -> BindingRecords:
        """The records under test."""
        return BindingRecords(self.database)

    def peppers(self) -> PepperRecords:
        """The records under test."""
        return PepperRecords(self.database)

    async def served(self, pepper: str, now_ms: int) -> None:
        """A pepper that serves."""
        await self.peppers().prepare_pepper(pepper)
        await self.peppers().promote_pepper(pepper, now_ms, 600)

    def by_hash(self, pepper: str, address: str, medium: str = "email") -> Any:
        """Who is found under an address's hash."""
        digest = lookup_digest(address, medium, pepper)
        return self.bindings().bound_by_digest(pepper, [digest]).get(digest)

    async def bind_all(self, numbers: Iterable[int]) -> None:
        """Bind made-up addresses, many at a time."""
        binding = [
            Deferred.fromCoroutine(
                self.bindings().bind(association(made_up(number), BOB))
            )
            for number in numbers
        ]
        for each in binding:
            await each

    def test_they_provide_the_interfaces(self) -> None:
        """The record classes are what the ports say."""
        verifyObject(IBindingRecords, self.bindings())
        verifyObject(IPepperRecords, self.peppers())

    async def test_what_is_bound_is_found(self) -> None:
        """Bound ones only, and only as long as they are bound."""
        await self.bindings().bind(association(MAIL, ALICE))
        found = await self.bindings().bound({MAIL, PHONE})
        self.assertEqual(found, {MAIL: ALICE})
        self.assertTrue(await self.bindings().unbind(MAIL, ALICE))
        self.assertEqual(await self.bindings().bound({MAIL, PHONE}), {})

    async def test_what_was_published_is_told_as_it_was(self) -> None:
        """With its own times, and the spelling that was bound."""
        mail = canonical("email", "bob@bücher.example")
        stated = Association(mail, ALICE, 3, 1, 7)
        self.assertEqual(await self.bindings().association(mail), None)
        await self.bindings().bind(stated)
        for asked in (mail, ThreePid(mail.medium, mail.address)):
            found = await self.bindings().association(asked)
            assert found is not None
            self.assertEqual(found, stated)
            self.assertEqual(found.content(), stated.content())
            self.assertEqual(found.content()["address"], "bob@bücher.example")
        self.assertEqual(await self.bindings().association(PHONE), None)
        await self.bindings().unbind(mail, ALICE)
        self.assertEqual(await self.bindings().association(mail), None)

    async def test_only_the_owner_is_unbound(self) -> None:
        """Withdrawing somebody else's binding, or none, changes nothing."""
        await self.bindings().bind(association(MAIL, ALICE))
        self.assertFalse(await self.bindings().unbind(MAIL, BOB))
        self.assertFalse(await self.bindings().unbind(PHONE, ALICE))
        self.assertEqual(await self.bindings().bound({MAIL}), {MAIL: ALICE})

    async def test_rebinding_moves(self) -> None:
        """A 3PID has one owner: the newest, by address and by hash."""
        await self.served("pepper", 1)
        await self.bindings().bind(association(MAIL, ALICE))
        await self.bindings().bind(association(MAIL, BOB, 2))
        self.assertEqual(await self.bindings().bound({MAIL}), {MAIL: BOB})
        self.assertEqual(self.by_hash("pepper", MAIL.address), str(BOB))

    async def test_every_spelling_is_hashed_with_every_pepper(self) -> None:
        """A bind is visible at once, whatever pepper and spelling a client uses."""
        await self.served("one", 1)
        await self.served("two", 2)
        await self.peppers().prepare_pepper("three")
        await self.bindings().bind(association(MAIL, ALICE))
        for pepper in ("one", "two", "three"):
            for spelling in ("strauss@example.org", "strauß@example.org"):
                self.assertEqual(self.by_hash(pepper, spelling), str(ALICE))
        await self.bindings().unbind(MAIL, ALICE)
        for pepper in ("one", "two", "three"):
            for spelling in MAIL.spellings:
                self.assertEqual(self.by_hash(pepper, spelling), None)

    async def test_a_spelling_goes_with_its_binding(self) -> None:
        """Whoever binds anew is found by the new spelling, and the folded one."""
        await self.served("pepper", 1)
        await self.bindings().bind(association(MAIL, ALICE))
        plain = canonical("email", "strauss@example.org")
        await self.bindings().bind(association(plain, BOB, 2))
        self.assertEqual(self.by_hash("pepper", "strauss@example.org"), str(BOB))
        self.assertEqual(self.by_hash("pepper", "strauß@example.org"), None)

    async def test_many_threepids_at_once(self) -> None:
        """Long lists of several mediums find what is there, and no namesakes."""
        await self.bind_all(range(600))
        await self.bindings().bind(association(MAIL, ALICE))
        namesake = ThreePid("badge", "E-1")
        wanted = {made_up(number) for number in range(300, 1200)}
        found = await self.bindings().bound({MAIL, PHONE, namesake, *wanted})
        owned = {made_up(number): BOB for number in range(300, 600)}
        self.assertEqual(found, {MAIL: ALICE, **owned})

    async def test_a_new_pepper_hashes_what_was_bound_before(self) -> None:
        """Older bindings are found under a pepper from its preparation on."""
        await self.bindings().bind(association(MAIL, ALICE))
        await self.peppers().prepare_pepper("late")
        self.assertEqual(self.by_hash("late", "strauß@example.org"), str(ALICE))

    async def test_a_new_pepper_misses_nothing(self) -> None:
        """However many are bound, and whatever changes while they are hashed."""
        await self.bind_all(range(2 * CHUNK + 1))
        preparing = Deferred.fromCoroutine(self.peppers().prepare_pepper("busy"))
        await self.bind_all(range(9000, 9010))
        moved, gone = made_up(CHUNK + 500), made_up(CHUNK + 501)
        await self.bindings().bind(association(moved, ALICE, 2))
        await self.bindings().unbind(gone, BOB)
        await preparing
        for number in (*range(2 * CHUNK + 1), *range(9000, 9010)):
            owner = self.by_hash("busy", made_up(number).address, "employee")
            expected = {moved: str(ALICE), gone: None}.get(made_up(number), str(BOB))
            self.assertEqual(owner, expected, number)

    async def test_only_a_prepared_pepper_is_promoted(self) -> None:
        """An unknown or a serving pepper is refused, and the current one goes on."""
        await self.served("first", 1)
        await self.served("second", 100)
        before = await self.peppers().generations()
        for pepper in ("unknown", "first", "second"):
            promoting = self.peppers().promote_pepper(pepper, 200, 600)
            await self.assertFailure(
                Deferred.fromCoroutine(promoting), RecordsUnavailable
            )
        self.assertEqual(await self.peppers().generations(), before)

    async def test_a_pepper_with_many_hashes_is_purged(self) -> None:
        """All of its hashes go; the others stay, and so do the bindings."""
        await self.bind_all(range(CHUNK + 1))
        await self.served("first", 1)
        await self.served("second", 100)
        self.assertEqual(list(await self.peppers().purge_peppers(700)), ["first"])
        for pepper, expected in (("first", None), ("second", str(BOB))):
            for number in (0, CHUNK // 2, CHUNK):
                owner = self.by_hash(pepper, made_up(number).address, "employee")
                self.assertEqual(owner, expected)
        self.assertEqual(list(await self.peppers().purge_peppers(700)), [])

    async def test_many_digests_at_once(self) -> None:
        """Long lists find the same as short ones."""
        await self.served("pepper", 1)
        digest = lookup_digest(PHONE.address, "msisdn", "pepper")
        others = [number.to_bytes(32, "big") for number in range(500)]
        find = self.bindings().bound_by_digest
        self.assertEqual(find("pepper", others), {})
        await self.bindings().bind(association(PHONE, BOB))
        self.assertEqual(find("pepper", [*others, digest]), {digest: str(BOB)})
        self.assertEqual(find("other", [*others, digest]), {})

    async def test_generations_in_order(self) -> None:
        """The current pepper comes first, prepared ones are not served."""
        await self.served("first", 1)
        await self.served("second", 100)
        await self.peppers().prepare_pepper("third")
        self.assertEqual(
            list(await self.peppers().generations()),
            [Generation("second", 100), Generation("first", 1, 700)],
        )

    async def test_purging_peppers(self) -> None:
        """A pepper goes with its grace, an unfinished one at once, hashes included."""
        await self.bindings().bind(association(PHONE, BOB))
        await self.served("first", 1)
        await self.served("second", 100)
        await self.peppers().prepare_pepper("third")
        self.assertEqual(list(await self.peppers().purge_peppers(699)), ["third"])
        self.assertEqual(list(await self.peppers().purge_peppers(700)), ["first"])
        self.assertEqual(self.by_hash("first", PHONE.address, "msisdn"), None)
        self.assertEqual(self.by_hash("second", PHONE.address, "msisdn"), str(BOB))
