"""Lookups."""

from ipaddress import ip_address
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mxisd.errors import (
    InvalidParam,
    InvalidPepper,
    LimitExceeded,
    RecordsUnavailable,
    StoreUnavailable,
    Unavailable,
)
from mxisd.features.limits import Counted, LimitPolicy, Limits
from mxisd.features.lookup import HashDetails, Lookup, LookupPolicy
from mxisd.model.associations import Association
from mxisd.model.buckets import Rate
from mxisd.model.hashing import lookup_digest, lookup_hash
from mxisd.model.identifiers import UserId
from mxisd.model.requesters import Account, Origin, Ourselves, Stranger
from mxisd.model.settings import networks
from mxisd.ports import Resolution
from tests.features.doubles import FixedHashes, MarkingKeyRing, MemoryBindings
from tests.resolver.doubles import BOB, BOB_ID, EVE, RecordingResolver

NEAR = Stranger(Origin(ip_address("10.1.2.3")))
FAR = Stranger(Origin(ip_address("203.0.113.9")))
PEPPER = "matrixrocks"


def account(name: str) -> Account:
    """Somebody with an account."""
    return Account(f"@{name}:example.org", FAR.origin)


class StartingHashes(FixedHashes):
    """An index that is not there yet."""

    def current_pepper(self) -> str:
        """There is none."""
        raise Unavailable("starting")


class LookupTests(SynchronousTestCase):
    """Lookups by hash, in the clear, one by one and in bulk."""

    def setUp(self) -> None:
        """A resolver that knows Bob, and an index that does."""
        self.clock = Clock()
        self.clock.advance(1000)
        self.resolver = RecordingResolver(resolution=Resolution({BOB: BOB_ID}))
        digest = lookup_digest("bob@example.org", "email", PEPPER)
        self.hashes = FixedHashes({digest: str(BOB_ID)})
        self.lookup = self.make()

    def make(self, bindings: MemoryBindings | None = None, **changes: Any) -> Lookup:
        """The feature with other settings."""
        settings: dict[str, Any] = {
            "algorithms": ("sha256", "none"),
            "timeout": 10,
            "recursion_enabled": True,
            "recursion_networks": networks("10.0.0.0/8"),
            "bulk_enabled": True,
        }
        return Lookup(
            LookupPolicy(**(settings | changes)),
            self.resolver,
            self.hashes,
            MarkingKeyRing(),
            self.clock,
            Limits(LimitPolicy({Counted.LOOKUPS: Rate(100, 36)}), self.clock),
            bindings=bindings,
        )

    def in_clear(self, *addresses: str, pepper: str = PEPPER) -> Any:
        """Look up in the clear, from nearby."""
        return Deferred.fromCoroutine(self.lookup.in_clear(pepper, addresses, NEAR))

    def one(self, medium: str, address: str) -> Any:
        """Look up one, from nearby."""
        return Deferred.fromCoroutine(self.lookup.one(medium, address, NEAR))

    def test_known_by_hash(self) -> None:
        """Only in the very spelling, and only where lookups by hash are answered."""
        for spelling, expected in (
            ("bob@example.org", str(BOB_ID)),
            ("Bob@example.org", None),
            ("eve@example.org", None),
        ):
            self.assertEqual(self.lookup.known_by_hash("email", spelling), expected)
        in_clear = self.make(algorithms=("none",))
        self.assertIsNone(in_clear.known_by_hash("email", "bob@example.org"))

    def test_not_known_by_hash_yet(self) -> None:
        """While the server starts, nobody is."""
        self.hashes = StartingHashes({})
        self.assertIsNone(self.make().known_by_hash("email", "bob@example.org"))

    def test_owners(self) -> None:
        """For our own purposes, from afar only if wanted."""
        for recursive in (True, False):
            asking = self.lookup.owners({BOB, EVE}, Ourselves(), recursive)
            found = self.successResultOf(Deferred.fromCoroutine(asking))
            self.assertEqual(found, {BOB: BOB_ID})
            self.assertIs(self.resolver.contexts[-1].recursive, recursive)

    def test_hash_details(self) -> None:
        """Clients learn the current pepper and the algorithms."""
        expected = HashDetails(PEPPER, ("sha256", "none"))
        self.assertEqual(self.lookup.hash_details(), expected)

    def test_only_offered_algorithms_pass(self) -> None:
        """An algorithm that we do not offer is an invalid parameter."""
        self.lookup.require_algorithm("none")
        for name in ("md5", "", "SHA256"):
            with self.assertRaises(InvalidParam) as caught:
                self.lookup.require_algorithm(name)
            sentence = "The algorithm is not one of sha256, none."
            self.assertEqual(str(caught.exception), sentence)

    def test_by_hash(self) -> None:
        """The client's own string is the key of the answer."""
        known = lookup_hash("bob@example.org", "email", PEPPER)
        unknown = lookup_hash("eve@example.org", "email", PEPPER)
        answer = self.lookup.by_hash(PEPPER, [known, unknown], NEAR)
        self.assertEqual(answer, {known: str(BOB_ID)})

    def test_malformed_hashes_match_nothing(self) -> None:
        """Padding, blanks, other alphabets and lengths are no hash."""
        known = lookup_hash("bob@example.org", "email", PEPPER)
        extra_bits = known[:-1] + chr(ord(known[-1]) + 1)
        for text in (
            known + "=",
            known[:-1],
            " " + known[1:],
            "=" + known[1:],
            known[:-1] + "=",
            extra_bits,
            "é" * 43,
            "",
            "\n" * 43,
        ):
            for texts in ([text], [text, known, text]):
                found = self.lookup.by_hash(PEPPER, texts, NEAR)
                self.assertEqual(set(found), set(texts) & {known}, text)

    def test_a_pepper_in_its_grace_is_served(self) -> None:
        """A client that fetched the pepper a moment ago is not turned away."""
        self.assertEqual(self.lookup.by_hash(self.hashes.former, [], NEAR), {})

    def test_an_unknown_pepper_names_the_current_one(self) -> None:
        """The client learns what it needs to hash again."""
        error = self.assertRaises(InvalidPepper, self.lookup.by_hash, "old", [], NEAR)
        self.assertEqual((error.algorithm, error.pepper), ("sha256", PEPPER))
        failure = self.failureResultOf(self.in_clear(pepper="old"), InvalidPepper)
        self.assertEqual(failure.value.algorithm, "none")

    def test_addresses_are_counted_by_account(self) -> None:
        """By hash and in the clear together; what was hashed in vain is not counted."""
        eve, bob = account("eve"), account("bob")
        look_up = self.lookup.by_hash
        self.assertRaises(InvalidPepper, look_up, "old", ["x"] * 100, eve)
        look_up(PEPPER, ["x"] * 60, eve)
        asking = self.lookup.in_clear(PEPPER, ["x"] * 40, eve)
        self.successResultOf(Deferred.fromCoroutine(asking))
        error = self.assertRaises(LimitExceeded, look_up, PEPPER, ["x"] * 10, eve)
        self.assertIn("addresses", str(error))
        asking = self.lookup.in_clear(PEPPER, ["x"], eve)
        self.failureResultOf(Deferred.fromCoroutine(asking), LimitExceeded)
        look_up(PEPPER, ["x"] * 100, bob)
        self.clock.advance(error.retry_after)
        look_up(PEPPER, ["x"] * 10, eve)
        self.assertRaises(LimitExceeded, look_up, PEPPER, ["x"], eve)

    def test_v1_is_not_counted(self) -> None:
        """It is for networks that the operator chose."""
        pairs = [("email", f"{number}@example.org") for number in range(100)]
        for _ in range(3):
            asking = self.lookup.many(pairs, NEAR)
            self.successResultOf(Deferred.fromCoroutine(asking))

    def test_in_clear_answers_with_the_clients_spelling(self) -> None:
        """However an address is written, the key is what the client wrote."""
        spellings = ("bob@example.org email", "Bob@EXAMPLE.org email")
        answer = self.successResultOf(self.in_clear(*spellings))
        self.assertEqual(answer, dict.fromkeys(spellings, str(BOB_ID)))
        self.assertEqual(self.resolver.asked, [frozenset([BOB])])

    def test_in_clear_ignores_what_is_malformed(self) -> None:
        """A line of no sense matches nothing and spoils nothing."""
        answer = self.in_clear("bob@example.org email", "bob", "", " ", "a@b@c email")
        self.assertEqual(len(self.successResultOf(answer)), 1)
        self.assertEqual(self.successResultOf(self.in_clear("x", "email")), {})
        self.assertEqual(len(self.resolver.asked), 1)

    def test_an_outage_does_not_spoil_what_was_found(self) -> None:
        """What is known is answered, although a store could not be asked."""
        self.resolver.resolution = Resolution({BOB: BOB_ID}, frozenset(["ldap"]))
        answer = self.successResultOf(self.in_clear("bob@example.org email"))
        self.assertEqual(len(answer), 1)

    def test_one_is_signed_and_timed(self) -> None:
        """A v1 answer is a signed association with the client's own spelling."""
        self.assertEqual(
            self.successResultOf(self.one("email", "Bob@example.org")),
            {
                "address": "Bob@example.org",
                "medium": "email",
                "mxid": str(BOB_ID),
                "ts": 1_000_000,
                "not_before": 940_000,
                "not_after": 1_300_000,
                "signatures": "signed",
            },
        )

    def test_one_that_was_bound_has_its_own_times(self) -> None:
        """What its owner has published, in the client's spelling."""
        bindings = MemoryBindings()
        self.lookup = self.make(bindings)
        stated = Association(BOB, BOB_ID, 2, 1, 9_999)
        self.successResultOf(Deferred.fromCoroutine(bindings.bind(stated)))
        answer = self.successResultOf(self.one("email", "Bob@example.org"))
        expected = {**stated.content("Bob@example.org"), "signatures": "signed"}
        self.assertEqual(answer, expected)

    def test_one_that_a_store_knows_has_the_times_of_the_lookup(self) -> None:
        """Where nothing is bound, or just was for another, or cannot be read."""
        bindings = MemoryBindings()
        self.lookup = self.make(bindings)
        of_eve = Association(BOB, UserId.parse("@eve:example.org"), 2, 1, 9_999)
        for prepare in (
            lambda: None,
            lambda: self.successResultOf(Deferred.fromCoroutine(bindings.bind(of_eve))),
            lambda: setattr(bindings, "trouble", RecordsUnavailable("locked")),
        ):
            prepare()
            answer = self.successResultOf(self.one("email", "bob@example.org"))
            self.assertEqual((answer["mxid"], answer["ts"]), (str(BOB_ID), 1_000_000))

    def test_one_that_nobody_knows_is_none(self) -> None:
        """Absent is an answer."""
        self.assertIsNone(self.successResultOf(self.one("email", "eve@example.org")))
        self.assertIsNone(self.successResultOf(self.one("email", "no address")))

    def test_one_that_could_not_be_asked_is_unavailable(self) -> None:
        """An outage is not "no such user"."""
        self.resolver.resolution = Resolution({}, frozenset(["ldap"]))
        answer = self.one("email", "eve@example.org")
        error = self.failureResultOf(answer, StoreUnavailable).value
        sentence = "A store could not be asked; try again later."
        self.assertEqual(str(error), sentence)

    def many(self, *pairs: tuple[str, str]) -> Any:
        """Look up in bulk, from nearby."""
        return Deferred.fromCoroutine(self.lookup.many(pairs, NEAR))

    def test_many_answers_in_the_clients_spelling(self) -> None:
        """Found ones only, duplicates and all, in order."""
        pairs = (("email", "BOB@example.org"), ("email", EVE.address), ("x", "\0"))
        answer = self.successResultOf(self.many(*pairs, pairs[0]))
        self.assertEqual(answer, [("email", "BOB@example.org", str(BOB_ID))] * 2)

    def test_many_can_be_switched_off(self) -> None:
        """``lookup.bulk.enabled: false`` finds nobody and asks nobody."""
        self.lookup = self.make(bulk_enabled=False)
        answer = self.successResultOf(self.many(("email", BOB.address)))
        self.assertEqual(list(answer), [])
        self.assertEqual(self.resolver.asked, [])

    def test_only_those_nearby_recurse(self) -> None:
        """The requester's network and the switch decide about other servers."""
        for requester, enabled, recursive in (
            (NEAR, True, True),
            (FAR, True, False),
            (NEAR, False, False),
            (FAR, False, False),
        ):
            lookup = self.make(recursion_enabled=enabled)
            answer = lookup.one("email", BOB.address, requester)
            self.successResultOf(Deferred.fromCoroutine(answer))
            self.assertIs(self.resolver.contexts[-1].recursive, recursive)

    def test_the_deadline_is_set(self) -> None:
        """A lookup has as long as the settings say."""
        self.successResultOf(self.one("email", BOB.address))
        self.assertEqual(self.resolver.contexts[-1].deadline, 1010)
        asking = self.lookup.resolution({BOB}, Ourselves(), True)
        self.successResultOf(Deferred.fromCoroutine(asking))
        self.assertEqual(self.resolver.contexts[-1].deadline, 1010)
