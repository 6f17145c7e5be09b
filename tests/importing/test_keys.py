"""Sydent's signing key in our key store."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mxisd.importing.keys import must_write_key, parse_key, write_key
from mxisd.importing.refusing import ImportRefused
from mxisd.model.signing import SigningKey
from mxisd.randomness import SystemRandom
from mxisd.records.key_files import open_key_ring

KEY = SigningKey("0", b"k" * 32)
OTHER = SigningKey("0", b"o" * 32)


class KeyTests(SynchronousTestCase):
    def setUp(self) -> None:
        """A place for a key store."""
        self.path = self.mktemp()

    def is_due(self, key: SigningKey = KEY, *, is_replacing: bool = False) -> bool:
        """Whether a key has yet to be written."""
        return must_write_key(self.path, key, is_replacing=is_replacing)

    def test_the_server_signs_with_it(self) -> None:
        """A key that was written is the current one of the key ring."""
        self.assertTrue(self.is_due())
        write_key(self.path, KEY)
        self.assertFalse(self.is_due())
        ring = open_key_ring(self.path, "id.example.org", SystemRandom(), 0)
        self.assertEqual(ring.signed({"a": 1}), KEY.signed({"a": 1}, "id.example.org"))

    def test_its_files_are_closed_to_others(self) -> None:
        """The folder has mode 0700, and the key 0600."""
        write_key(self.path, KEY)
        file = Path(self.path, "regular/ed25519/0")
        self.assertEqual(Path(self.path).stat().st_mode & 0o777, 0o700)
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)

    def test_an_empty_file_of_mxisd_makes_room(self) -> None:
        """mxisd left one where it made a first key."""
        Path(self.path).touch()
        self.assertTrue(self.is_due())
        write_key(self.path, KEY)
        self.assertFalse(self.is_due())

    def test_a_key_is_never_overwritten(self) -> None:
        """Two keys of one name are refused even if the current one may be replaced."""
        write_key(self.path, KEY)
        for is_replacing in (False, True):
            with self.assertRaisesRegex(ImportRefused, "another key that is called"):
                self.is_due(OTHER, is_replacing=is_replacing)

    def test_stores_that_cannot_take_it_are_refused(self) -> None:
        """One in memory, and an old mxisd's single file."""
        Path(self.path).write_text("seed")
        self.assertRaises(ImportRefused, self.is_due)
        self.path = ":memory:"
        self.assertRaises(ImportRefused, self.is_due)

    def test_a_broken_store_is_refused(self) -> None:
        """Nothing is written over what cannot be understood."""
        write_key(self.path, KEY)
        for name in ("current", "regular/ed25519/0"):
            file = Path(self.path, name)
            good = file.read_text()
            for bad in ("no JSON", "[]", "{}"):
                file.write_text(bad)
                self.assertRaises(ImportRefused, self.is_due)
            file.write_text(good)

    def test_only_ed25519_keys_are_keys(self) -> None:
        """Another algorithm, a short seed, or no seed at all are none."""
        seed = "5GIniY6QkwfYUD12uHDRw9PhlYHEeQjqInGrk22zTZY"
        found = parse_key(f" ed25519 a_1 {seed}\n")
        assert found is not None
        self.assertEqual(found.key_id, "ed25519:a_1")
        for line in ("", f"rsa 0 {seed}", "ed25519 0 AAAA", "ed25519 0 !", "ed25519 0"):
            self.assertIsNone(parse_key(line), line)
