"""Judging files and folders of ours without a trace."""

import os
import shutil
import signal
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from twisted.internet import reactor
from twisted.trial.unittest import SynchronousTestCase

from mxisd.errors import ConfigError, RecordsUnavailable
from mxisd.records.key_files import (
    current_public_key,
    look_at_key_store,
    open_key_ring,
)
from mxisd.records.migrations import migrations
from mxisd.records.places import (
    file_obstacle,
    folder_obstacle,
    look_at_hash_folder,
)
from mxisd.records.sqlite import SqliteRecords, look_at_records
from tests.features.doubles import CountingRandom
from tests.records.test_key_files import SEED
from tests.records.test_sqlite import running

NOBODY = 65534
CRASHING = "records.startService(); print(1, flush=True); os._exit(0)"
SERVING = "records.startService(); print(1, flush=True); reactor.run()"


@contextmanager
def powerless() -> Iterator[None]:
    """Root may write anywhere: be somebody else for a moment, if we are root."""
    former = os.geteuid()
    if former == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(former)


class PlaceCase(SynchronousTestCase):
    """A folder in which nothing may change."""

    def setUp(self) -> None:
        """Make it."""
        # Below trial's own folder, only we may look.
        self.folder = Path(tempfile.mkdtemp(prefix="mxisd-test-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.folder.chmod(0o755)

    def assert_no_trace(self, look: Callable[[], object]) -> None:
        """Files, modes, times of change and content stay."""
        before = self.snapshot()
        try:
            look()
        finally:
            self.assertEqual(self.snapshot(), before)

    def snapshot(self) -> "dict[Path, tuple[int, int, bytes]]":
        """All of it."""
        found = {}
        for each in (self.folder, *self.folder.rglob("*")):
            status = each.lstat()
            content = each.read_bytes() if each.is_file() else b""
            # A reader may take notes in the index of a log that is there.
            content = b"" if each.name.endswith("-shm") else content
            changed = 0 if each.name.endswith("-shm") else status.st_mtime_ns
            found[each] = (status.st_mode, changed, content)
        return found


class ObstacleTests(PlaceCase):
    """What is in the way of writing."""

    def test_nothing_is_in_the_way(self) -> None:
        """Neither of what is there, nor of what can be made."""
        file = self.folder / "file"
        self.assertIsNone(file_obstacle(file))
        file.touch()
        self.assertIsNone(file_obstacle(file))
        self.assertIsNone(folder_obstacle(self.folder))
        self.assertIsNone(folder_obstacle(self.folder / "a" / "b"))

    def test_something_else_is_there(self) -> None:
        """A file for a folder, a folder for a file, a link to nowhere, nothing."""
        file = self.folder / "file"
        file.touch()
        link = self.folder / "link"
        link.symlink_to("nowhere")
        for found, words in (
            (folder_obstacle(file), f"{file} is no folder"),
            (folder_obstacle(file / "a" / "b"), f"{file} is no folder"),
            (folder_obstacle(link), f"{link} is no folder"),
            (file_obstacle(self.folder), f"{self.folder} is a folder"),
            (file_obstacle(self.folder / "a" / "b"), f"{self.folder}/a is not there"),
        ):
            self.assertIn(words, str(found))

    def test_names_that_are_none(self) -> None:
        """Not even the system may be asked about them."""
        for found in (
            folder_obstacle(self.folder / "a\0b" / "c"),
            file_obstacle(self.folder / "a\0b"),
        ):
            self.assertIn("not allowed in names", str(found))

    def test_no_permission(self) -> None:
        """Where we may not write, and where we may not even look."""
        file = self.folder / "file"
        file.touch(mode=0o400)
        for mode in (0o500, 0o000):
            self.folder.chmod(mode)
            with powerless():
                found = folder_obstacle(self.folder / "a"), file_obstacle(file)
            self.folder.chmod(0o700)
            for each in found:
                self.assertIn("no permission", str(each))


class KeyStoreTests(PlaceCase):
    """Key stores, as the start would find them."""

    def look(self, path: Path) -> str:
        """What is wrong; empty if nothing is."""
        try:
            self.assert_no_trace(lambda: look_at_key_store(str(path)))
        except ConfigError as error:
            (problem,) = error.problems
            self.assertEqual(problem.path, "key.path")
            return problem.text
        return ""

    def test_good_ones(self) -> None:
        """One that is there, one that will be made, one that will be migrated."""
        keys = self.folder / "keys"
        look_at_key_store(":memory:")
        self.assertEqual(self.look(keys), "")
        self.assertEqual(self.look(self.folder / "a" / "keys"), "")
        open_key_ring(str(keys), "domain", CountingRandom(), 1)
        self.assertEqual(self.look(keys), "")
        old = self.folder / "old"
        old.write_text(SEED)
        self.assertEqual(self.look(old), "")

    def test_bad_ones(self) -> None:
        """Whatever is wrong is what the start would say."""
        file = self.folder / "file"
        file.write_text("nonsense")
        synapse = self.folder / "signing.key"
        synapse.write_text(f"ed25519 a_x {SEED}\n")
        broken = self.folder / "broken"
        broken.mkdir()
        (broken / "current").write_text("{")
        lost = self.folder / "lost"
        lost.mkdir()
        (lost / "current").write_text('{"serial": "1"}')
        gone = self.folder / "gone"
        (self.folder / "gone.backup-before-migration").write_text(SEED)
        for path, words in (
            (file, "holds no key"),
            (synapse, f"mxisd import {synapse}"),
            (broken, "not JSON"),
            (lost, "names a key that is not there"),
            (gone, "its migration broke off"),
            (file / "keys", f"{file} is no folder"),
        ):
            text = self.look(path)
            self.assertIn(words, text)
            self.assertNotIn(SEED, text)

    def test_permissions(self) -> None:
        """Only a store that is complete need not be written to."""
        keys, empty = self.folder / "keys", self.folder / "empty"
        open_key_ring(str(keys), "domain", CountingRandom(), 1)
        empty.mkdir()
        for each in (keys, *keys.rglob("*")):
            each.chmod(0o555 if each.is_dir() else 0o444)
        empty.chmod(0o555)
        self.folder.chmod(0o755)
        with powerless():
            found = self.look(keys), self.look(empty)
        self.assertEqual(found[0], "")
        self.assertIn("no permission", found[1])
        (keys / "current").chmod(0o000)
        with powerless():
            self.assertIn("Permission denied", self.try_to_look(keys))

    def try_to_look(self, keys: Path) -> str:
        """What is wrong, where we may not look ourselves."""
        error = self.assertRaises(ConfigError, look_at_key_store, str(keys))
        return str(error)

    def test_the_public_half(self) -> None:
        """Of the key that signs; of a store that is not there, none."""
        keys = self.folder / "keys"
        for path in (":memory:", str(keys)):
            self.assertIsNone(current_public_key(path))
        ring = open_key_ring(str(keys), "domain", CountingRandom(), 1)
        expected = ring.public_key(ring.current_key_id())
        self.assertEqual(current_public_key(str(keys)), expected)


class RecordsTests(PlaceCase):
    """Databases, as the start would find them."""

    def setUp(self) -> None:
        """Name one."""
        super().setUp()
        self.file = self.folder / "mxisd.db"

    def look(self, path: Path | None = None) -> "list[str]":
        """The warnings."""
        found: list[str] = []
        name = str(path or self.file)
        self.assert_no_trace(lambda: found.extend(look_at_records(name)))
        return found

    def refused(self, path: Path | None = None) -> str:
        """What is wrong."""
        return str(self.assertRaises(RecordsUnavailable, self.look, path))

    def make(self) -> None:
        """Make one of ours."""
        SqliteRecords(str(self.file), reactor.callFromThread)  # type: ignore[attr-defined]

    def test_good_ones(self) -> None:
        """One that will be made, one that is empty, one that is ours."""
        self.assertEqual(list(look_at_records(":memory:")), [])
        self.assertEqual(self.look(), [])
        self.assertEqual(self.look(self.folder / "a" / "b" / "mxisd.db"), [])
        self.file.touch(0o600)
        self.assertEqual(self.look(), [])
        self.make()
        self.assertEqual(self.look(), [])

    def test_one_of_a_server_that_runs(self) -> None:
        """It is read as it is now, and nobody is disturbed."""
        with running(SERVING, self.file) as server:
            assert server.stdout is not None
            server.stdout.readline()
            self.assertTrue(Path(f"{self.file}-wal").exists())
            self.assertEqual(self.look(), [])
            server.send_signal(signal.SIGKILL)

    def test_one_of_a_server_that_crashed(self) -> None:
        """What it left stays for the start, which needs it."""
        with running(CRASHING, self.file) as server:
            server.wait(30)
        self.assertTrue(Path(f"{self.file}-wal").exists())
        self.assertEqual(self.look(), [])
        self.set("user_version", migrations()[-1].number + 1)
        Path(f"{self.file}-shm").unlink(missing_ok=True)
        self.refused()

    def set(self, pragma: str, value: int) -> None:
        """Change a number in the file."""
        with closing(sqlite3.connect(self.file)) as connection:
            connection.execute(f"PRAGMA {pragma}={value}")

    def test_a_newer_version(self) -> None:
        """It is not for us."""
        self.make()
        self.set("user_version", 9999)
        self.assertIn("made by a newer mxisd (schema 9999", self.refused())

    def test_what_is_not_ours(self) -> None:
        """Another program's tables, and what is no database at all."""
        self.set("user_version", 1)
        with closing(sqlite3.connect(self.file)) as connection:
            connection.execute("CREATE TABLE bookmarks (url)")
        self.assertIn("another program", self.refused())
        self.file.write_text("no database")
        self.assertIn("is no SQLite database", self.refused())
        self.file.write_bytes(b"SQLite format 3\0" + b"\xff" * 200)
        self.refused()

    def test_what_is_in_the_way(self) -> None:
        """Folders, files, permissions."""
        self.assertIn("is a folder", self.refused(self.folder))
        self.make()
        self.assertIn("is no folder", self.refused(self.file / "mxisd.db"))
        self.file.chmod(0o444)
        for mode, words in ((0o555, str(self.folder)), (0o777, str(self.file))):
            self.folder.chmod(mode)
            with powerless():
                found = self.refused()
            self.folder.chmod(0o700)
            self.assertIn(f"{words}: no permission", found)

    def test_a_file_that_others_may_read(self) -> None:
        """It holds sessions and invites: a warning, with what to do."""
        self.make()
        self.assertEqual(self.look(), [])
        for mode in (0o644, 0o640, 0o602):
            self.file.chmod(mode)
            (warning,) = self.look()
            self.assertIn(f"chmod 600 {self.file}", warning)


class HashFolderTests(PlaceCase):
    """The folder of the hash index."""

    def test_warnings(self) -> None:
        """Of one that others may write into."""
        place = self.folder / "hashes"
        self.assertEqual(list(look_at_hash_folder(place)), [])
        place.mkdir()
        for mode, is_open in ((0o700, 0), (0o755, 0), (0o777, 1), (0o770, 1)):
            place.chmod(mode)
            found = self.warnings(place)
            self.assertEqual(len(found), is_open, oct(mode))
        self.assertIn(f"chmod 700 {place}", found[0])

    def warnings(self, place: Path) -> "list[str]":
        """What is told of a folder."""
        found: list[str] = []
        self.assert_no_trace(lambda: found.extend(look_at_hash_folder(place)))
        return found

    def test_problems(self) -> None:
        """A file is there."""
        file = self.folder / "file"
        file.touch()
        for path in (file, file / "hashes"):
            looking = look_at_hash_folder(path)
            error = self.assertRaises(RecordsUnavailable, list, looking)
            self.assertIn(f"{file} is no folder", str(error))
