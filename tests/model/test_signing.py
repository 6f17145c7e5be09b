"""Signed JSON, against the vectors of the specification and of mxisd."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from unpaddedbase64 import decode_base64

from mxisd.model.associations import Association
from mxisd.model.identifiers import UserId
from mxisd.model.signing import (
    SigningKey,
    is_signed_by,
    key_bytes,
    serial_of,
    signers,
)
from mxisd.model.threepids import ThreePid

SEED = "YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1"
OTHER_SEED = "1QblgjFeL3IxoY4DKOR7p5mL5sQTC0ChmeMJlqb4d5M"

VECTORS: "list[tuple[str, str, dict[str, Any], str]]" = [
    (
        SEED,
        "1",
        {},
        "K8280/U9SSy9IVtjBuVeLr+HpOB4BQFWbg+UZaADMtTdGYI7Geitb76LTrr5QV/"
        "7Xg4ahLwYGYZzuHGZKM5ZAQ",
    ),
    (
        SEED,
        "1",
        {"one": 1, "two": "Two"},
        "KqmLSbO39/Bzb0QIYE82zqLwsA+PDzYIpIRA2sRQ4sL53+sN6/fpNSoqE7BP7vBZhG6kYdD13EIM"
        "JpvhJI+6Bw",
    ),
    (
        SEED,
        "0",
        {"mxid": "@alice:example.org", "token": "sometoken"},
        "xhinFdC2CBzQlV/L90N9sJ/Dnx5r0H7bQZ5c4jno2NDm0DJOsC8CSN5XyVPh3Hlt8ritQRZ8vDpK"
        "s9yHE890Ag",
    ),
    (
        SEED,
        "0",
        {
            "mxid": "@alice:example.org",
            "sender": "@bob:example.com",
            "token": "sometoken",
        },
        "UxTHsSE1kv6THLf6M3OaFUNDNRzNLwGI+UMQjaEmEOfnxBEMXyyNoKC2tvp4kNxi6YpP2BYP4Xjh"
        "IqnYBdjRAA",
    ),
    (
        OTHER_SEED,
        "0",
        {
            "method": "GET",
            "uri": "/_matrix/federation/v1/query/directory"
            "?room_alias=%23a%3Amxhsd.local.kamax.io%3A8447",
            "origin": "synapse.local.kamax.io",
            "destination": "mxhsd.local.kamax.io:8447",
        },
        "SEMGSOJEsoalrBfHqPO2QrSlbLaUYLHLk4e3q4IJ2JbgvCynT1onp7QF1U4Sl3G3NzybrgdnVvpq"
        "caEgV0WPCw",
    ),
]


def key(seed: str = SEED, serial: str = "0") -> SigningKey:
    """A key from a seed in base64."""
    return SigningKey(serial, decode_base64(seed))


class Read(dict[str, Any]):
    """An object that remembers what of it was read."""

    def __init__(self, content: dict[str, Any]) -> None:
        super().__init__(content)
        self.read: list[str] = []

    def __getitem__(self, key: str) -> Any:
        """Read."""
        self.read.append(key)
        return super().__getitem__(key)


class SigningTests(SynchronousTestCase):
    """Signatures."""

    def test_vectors(self) -> None:
        """Each object gets the signature that other implementations give it."""
        for seed, serial, content, signature in VECTORS:
            signed = key(seed, serial).signed(content, "domain")
            self.assertEqual(
                signed["signatures"], {"domain": {f"ed25519:{serial}": signature}}
            )

    def test_an_association(self) -> None:
        """A signed association is the one that clients expect, byte for byte."""
        association = Association(
            ThreePid("email", "alice@example.com"),
            UserId.parse("@alice:example.org"),
            1428825849161,
            1428825849161,
            4582425849161,
        )
        signed = key().signed(association.content(), "id.example.org")
        self.assertEqual(
            signed["signatures"]["id.example.org"]["ed25519:0"],
            "lXUYBxNbXyyEOzfVHGtNV+6s3JoslmQnq5cXyBpxz9vpF5HAhN1mHB8UZJqWgkXUZVG/HNgXa79Y"
            "DwUGqvNtDQ",
        )

    def test_an_old_lookup_answer(self) -> None:
        """An answer that mxisd once signed gets the same signature from us."""
        association = Association(
            ThreePid("email", "mxisd-federation-test@kamax.io"),
            UserId.parse("@mxisd-lookup-test:kamax.io"),
            1523482030147,
            0,
            253402300799000,
        )
        signed = key().signed(association.content(), "localhost")
        self.assertEqual(
            signed["signatures"]["localhost"]["ed25519:0"],
            "ObKA4PNQh2g6c7Yo2QcTcuDgIwhknG7ZfqmNYzbhrbLBOqZomU22xX9raufN2Y3ke1FXsDqsGs7W"
            "BDodmzZJCg",
        )

    def test_the_content_is_left_alone(self) -> None:
        """Signing makes a copy; signatures of others are kept."""
        content = {"a": 1, "signatures": {"other": {"ed25519:9": "x"}}}
        signed = key().signed(content, "domain")
        self.assertEqual(set(signed["signatures"]), {"other", "domain"})
        self.assertEqual(content["signatures"], {"other": {"ed25519:9": "x"}})

    def test_the_seed_is_not_shown(self) -> None:
        """A key in a log line gives nothing away."""
        self.assertNotIn("seed", repr(key()))
        self.assertEqual(repr(key(serial="7")), "SigningKey(serial='7')")

    def test_public_key(self) -> None:
        """The public half, and its bytes in every spelling."""
        public = key().public_key
        self.assertEqual(public, "XGX0JRS2Af3be3knz2fBiRbApjm2Dh61gXDJA8kcJNI")
        self.assertEqual(key_bytes(public), decode_base64(public))
        self.assertEqual(key_bytes("-_+/ "), key_bytes("+/+/+"))
        self.assertIsNone(key_bytes("é"))

    def test_serials(self) -> None:
        """Only IDs of our algorithm and alphabet have a serial."""
        for key_id, serial in (
            ("ed25519:0", "0"),
            ("ed25519:a_B-9", "a_B-9"),
            ("ed25519:", None),
            ("ed25519:../x", None),
            ("rsa:0", None),
            ("", None),
        ):
            self.assertEqual(serial_of(key_id), serial)


class SignedByTests(SynchronousTestCase):
    """The signatures of others."""

    def test_good_and_bad_ones(self) -> None:
        """By name, key ID and key; what is unsigned may change."""
        key = SigningKey("1", bytes(32))
        public = key_bytes(key.public_key) or b""
        content = key.signed({"a": 1, "unsigned": {"b": 2}}, "example.org")
        good = ("example.org", "ed25519:1", public)
        self.assertTrue(is_signed_by(content, *good))
        self.assertTrue(is_signed_by({**content, "unsigned": 3}, *good))
        self.assertFalse(is_signed_by({**content, "a": 2}, *good))
        for name, key_id, public_key in (
            ("example.com", "ed25519:1", public),
            ("example.org", "ed25519:2", public),
            ("example.org", "ed25519:1", bytes(32)),
            ("example.org", "ed25519:1", b"short"),
        ):
            self.assertFalse(is_signed_by(content, name, key_id, public_key))

    def test_several_keys(self) -> None:
        """Those that signed, and for all of them the object is encoded once."""
        keys = [SigningKey(str(n), bytes([n]) * 32) for n in range(9)]
        content = Read({"a": 1})
        for key in keys[:3]:
            content = Read(key.signed(dict(content), "example.org"))
        public = {key.key_id: key_bytes(key.public_key) or b"" for key in keys}
        found = signers(content, "example.org", public)
        self.assertEqual([*found], [key.key_id for key in keys[:3]])
        self.assertEqual(content.read.count("a"), 1)

    def test_shapes_that_are_none(self) -> None:
        """Nothing raises."""
        shapes: tuple[Any, ...] = (
            None,
            5,
            [],
            {"a": 5},
            {"a": {"ed25519:1": 5}},
            {"a": {"ed25519:1": "é"}},
            {"a": {"ed25519:1": "AAAA"}},
        )
        for signatures in shapes:
            content = {"signatures": signatures}
            self.assertFalse(is_signed_by(content, "a", "ed25519:1", bytes(32)))
