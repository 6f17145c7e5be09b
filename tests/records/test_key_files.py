"""The key store."""

import json
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from unpaddedbase64 import encode_base64
from zope.interface.verify import verifyObject

from mxisd.errors import ConfigError
from mxisd.model.signing import SigningKey
from mxisd.ports import IKeyRing
from mxisd.records.key_files import KeyRing, open_key_ring
from tests.features.doubles import CountingRandom

SEED = "YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1"
PUBLIC = "XGX0JRS2Af3be3knz2fBiRbApjm2Dh61gXDJA8kcJNI"
EMPTY_SIGNED = (
    "K8280/U9SSy9IVtjBuVeLr+HpOB4BQFWbg+UZaADMtTdGYI7Geitb76LTrr5QV/"
    "7Xg4ahLwYGYZzuHGZKM5ZAQ"
)
NOW_MS = 1_800_000_000_000


def b64(data: bytes) -> str:
    """URL-safe base64 without padding."""
    return urlsafe_b64encode(data).decode().rstrip("=")


class KeyStoreCase(SynchronousTestCase):
    """A place for a key store."""

    def setUp(self) -> None:
        """Nothing is there yet."""
        self.path = Path(self.mktemp(), "keys")

    def open(self) -> KeyRing:
        """Open the key store."""
        return open_key_ring(str(self.path), "domain", CountingRandom(), NOW_MS)

    def write(self, place: str, content: Any) -> None:
        """Write a JSON file into it."""
        file = self.path / place
        file.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str | bytes) else json.dumps(content)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())

    def key(self, place: str, seed: str = SEED, is_valid: bool = True) -> None:
        """Write a key in mxisd's format."""
        self.write(place, {"version": "0", "is_valid": is_valid, "key": seed})

    def current(self, serial: str) -> None:
        """Name the current key in mxisd's format."""
        content = {"type": "Regular", "algo": "ed25519", "serial": serial}
        self.write("current", content)


class KeyRingTests(KeyStoreCase):
    """A key store made by mxisd, and by us."""

    def test_it_provides_the_interface(self) -> None:
        """A key ring is what the port says."""
        verifyObject(IKeyRing, self.open())

    def test_mxisds_folder_is_read_as_it_is(self) -> None:
        """The key signs with its own serial and the signature that it must give."""
        self.key("regular/ed25519/1")
        self.current("1")
        ring = self.open()
        signed = ring.signed({})
        self.assertEqual(
            signed, {"signatures": {"domain": {"ed25519:1": EMPTY_SIGNED}}}
        )
        self.assertEqual(ring.public_key("ed25519:1"), PUBLIC)

    def test_a_key_of_former_days_signs(self) -> None:
        """If it is asked for, here, and valid; otherwise the current one does."""
        for serial, is_valid in (("1", True), ("2", True), ("3", False)):
            self.key(f"regular/ed25519/{serial}", is_valid=is_valid)
        self.current("2")
        ring = self.open()
        self.assertEqual(ring.current_key_id(), "ed25519:2")
        for asked, used in (
            (None, "2"),
            ("ed25519:1", "1"),
            ("ed25519:2", "2"),
            ("ed25519:3", "2"),
            ("ed25519:4", "2"),
            ("", "2"),
        ):
            (signatures,) = ring.signed({}, asked)["signatures"].values()
            self.assertEqual(list(signatures), [f"ed25519:{used}"], asked)

    def test_a_first_start_makes_a_key(self) -> None:
        """It is in mxisd's format, for us alone, and the same at the next start."""
        first = self.open().signed({"a": 1})
        self.assertEqual(self.open().signed({"a": 1}), first)
        current = json.loads((self.path / "current").read_text())
        self.assertEqual((current["type"], current["algo"]), ("Regular", "ed25519"))
        serial = current["serial"]
        self.assertEqual(len(serial), 12)
        key = json.loads((self.path / "regular" / "ed25519" / serial).read_text())
        self.assertEqual(set(key), {"version", "is_valid", "key"})
        for path in (self.path, *self.path.rglob("*")):
            self.assertEqual(path.stat().st_mode & 0o077, 0, path)

    def test_a_valid_key_becomes_the_current_one(self) -> None:
        """Without ``current`` an existing valid key is taken, not a new one made."""
        self.key("regular/ed25519/old", is_valid=False)
        self.key("regular/ed25519/used")
        self.assertIn("ed25519:used", str(self.open().signed({})))

    def test_validity(self) -> None:
        """Valid keys of the right kind are valid, in every spelling."""
        self.key("regular/ed25519/1")
        self.key("ephemeral/ed25519/2", encode_base64(bytes(32)))
        self.key("ephemeral/ed25519/3", encode_base64(b"3" * 32), is_valid=False)
        ring = self.open()
        slashed = PUBLIC.replace("+", "-").replace("/", "_")
        for spelling in (PUBLIC, PUBLIC + "=", slashed):
            self.assertTrue(ring.is_valid(spelling), spelling)
            self.assertFalse(ring.is_ephemeral_valid(spelling))
        for nonsense in ("", "x", "é", "A" * 43, "\0", "a" * 100_000):
            self.assertFalse(ring.is_valid(nonsense))
            self.assertFalse(ring.is_ephemeral_valid(nonsense))

    def test_an_ephemeral_key_is_valid_until_it_is_not(self) -> None:
        """The stored flag decides, and blanks stand for plus signs."""
        seed = next(
            bytes([n]) * 32
            for n in range(256)
            if "+" in SigningKey("0", bytes([n]) * 32).public_key
        )
        public = SigningKey("0", seed).public_key
        self.key("ephemeral/ed25519/1", encode_base64(seed))
        self.assertTrue(self.open().is_ephemeral_valid(public.replace("+", " ")))
        self.key("ephemeral/ed25519/1", encode_base64(seed), is_valid=False)
        self.assertFalse(self.open().is_ephemeral_valid(public))

    def test_a_key_id_is_never_a_path(self) -> None:
        """What a client asks for is looked up in memory only."""
        self.key("regular/ed25519/1")
        self.key("ephemeral/ed25519/2")
        ring = self.open()
        for key_id in (
            "ed25519:../../current",
            "ed25519:../../ephemeral/ed25519/2",
            "ed25519:./1",
            "ed25519:2",
            "ed25519:",
            "",
            "1",
            "..:x",
            "rsa:1",
            "\0",
        ):
            self.assertIsNone(ring.public_key(key_id), key_id)
        self.assertEqual(ring.public_key("ed25519:1"), PUBLIC)

    def test_invalid_keys_are_still_shown(self) -> None:
        """Old signatures can be checked with a key that signs nothing any more."""
        self.key("regular/ed25519/1", is_valid=False)
        ring = self.open()
        self.assertEqual(ring.public_key("ed25519:1"), PUBLIC)
        self.assertFalse(ring.is_valid(PUBLIC))
        self.assertNotIn("ed25519:1", str(ring.signed({})))

    def test_a_new_serial_is_its_time(self) -> None:
        """It is the one that mxisd would give, and another where that is taken."""
        stamp = NOW_MS - 1546297200000
        first = "AAAA" + b64(stamp.to_bytes(8, "big")[3:]) + "1"
        self.assertIn(f"ed25519:{first}", str(self.open().signed({})))
        self.path = Path(self.mktemp())
        self.key(f"regular/ed25519/{first}", is_valid=False)
        second = first[:-1] + "2"
        self.assertIn(f"ed25519:{second}", str(self.open().signed({})))

    def test_what_a_crash_left_behind_is_no_key(self) -> None:
        """A file that was not finished is passed over, as is any other stranger."""
        self.key("regular/ed25519/1")
        self.current("1")
        self.write("regular/ed25519/.tmp0a1b2c", "")
        self.write("regular/ed25519/notes.txt", "not ours")
        self.assertEqual(self.open().public_key("ed25519:1"), PUBLIC)

    def test_what_is_in_the_way_is_named(self) -> None:
        """A folder where a file should be, and the reverse, are not touched."""
        (self.path / "current" / "full").mkdir(parents=True)
        error = self.assertRaises(ConfigError, self.open)
        self.assertIn(str(self.path / "current"), str(error))
        self.path = Path(self.mktemp())
        self.write("regular", "a file")
        error = self.assertRaises(ConfigError, self.open)
        self.assertIn(str(self.path / "regular"), str(error))
        self.assertEqual([p.name for p in self.path.iterdir()], ["regular"])

    def test_an_open_folder_is_closed(self) -> None:
        """Private keys are not for others to read."""
        self.key("regular/ed25519/1")
        self.path.chmod(0o755)
        self.open()
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o700)

    def test_memory_leaves_nothing_behind(self) -> None:
        """``:memory:`` keys live as long as the server."""
        ring = open_key_ring(":memory:", "domain", CountingRandom(), NOW_MS)
        self.assertIn("signatures", ring.signed({}))
        self.assertFalse(Path(":memory:").exists())

    def test_what_is_no_key_store_is_refused(self) -> None:
        """The file is named, and what is in it is not."""
        for place, content in (
            ("current", "secret nonsense"),
            ("current", {"serial": "gone"}),
            ("current", ["secret"]),
            ("current", "[" * 100_000),
            ("current", b"secret \xff"),
            ("regular/ed25519/1", {"version": "9", "is_valid": True, "key": "secret"}),
            ("regular/ed25519/1", {"version": "0", "is_valid": True, "key": "secret"}),
            ("regular/ed25519/1", {"version": "0", "is_valid": True}),
            ("regular/ed25519/1", ""),
            ("regular/ed25519/1", {"version": "0", "is_valid": True, "key": "é"}),
            ("ephemeral/ed25519/1", {"version": "0", "key": "secret"}),
        ):
            self.path = Path(self.mktemp())
            self.write(place, content)
            error = self.assertRaises(ConfigError, self.open)
            self.assertIn(str(self.path / place), str(error))
            self.assertNotIn("secret", str(error))


class MigrationTests(KeyStoreCase):
    """The single file of an old mxisd."""

    def test_the_key_is_kept_as_serial_0(self) -> None:
        """Signatures of old stay valid; the file is kept under another name."""
        self.path.parent.mkdir(parents=True)
        self.path.write_text(f"\n  {SEED}\n")
        for _ in range(2):
            ring = self.open()
            self.assertEqual(ring.public_key("ed25519:0"), PUBLIC)
            self.assertIn("ed25519:0", str(ring.signed({})))
        backup = self.path.with_name("keys.backup-before-migration")
        self.assertIn(SEED, backup.read_text())
        for path in (backup, self.path):
            self.assertEqual(path.stat().st_mode & 0o077, 0)

    def test_a_migration_that_broke_off_makes_no_new_key(self) -> None:
        """The old key is only out of place; the operator is told where it is."""
        self.path.parent.mkdir(parents=True)
        backup = self.path.with_name("keys.backup-before-migration")
        backup.write_text(SEED)
        error = self.assertRaises(ConfigError, self.open)
        self.assertIn(str(backup), str(error))
        self.assertFalse(self.path.exists())
        backup.rename(self.path)
        self.assertEqual(self.open().public_key("ed25519:0"), PUBLIC)

    def test_an_empty_backup_is_in_nobodys_way(self) -> None:
        """mxisd leaves one beside every store that it made."""
        self.path.parent.mkdir(parents=True)
        self.path.with_name("keys.backup-before-migration").touch()
        self.assertIn("signatures", self.open().signed({}))

    def test_an_empty_file_holds_no_key(self) -> None:
        """What a fresh old mxisd left is no obstacle."""
        self.path.parent.mkdir(parents=True)
        self.path.write_text("")
        self.assertIn("signatures", self.open().signed({}))

    def test_a_second_migration_is_refused(self) -> None:
        """No backup is ever overwritten."""
        self.path.parent.mkdir(parents=True)
        self.path.write_text(SEED)
        self.path.with_name("keys.backup-before-migration").write_text("older")
        error = self.assertRaises(ConfigError, self.open)
        self.assertIn("backup-before-migration", str(error))
        self.assertEqual(self.path.read_text(), SEED)

    def test_a_file_of_nonsense_is_left_alone(self) -> None:
        """What is no key is neither moved nor printed."""
        self.path.parent.mkdir(parents=True)
        for content in (b"no key at all", b"no key \xff", b"YWJj"):
            self.path.write_bytes(content)
            error = self.assertRaises(ConfigError, self.open)
            self.assertIn(str(self.path), str(error))
            self.assertNotIn("no key at", str(error))
            self.assertEqual(self.path.read_bytes(), content)
