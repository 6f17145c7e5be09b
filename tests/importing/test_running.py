"""The import as a whole."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from mxisd.errors import RecordsUnavailable
from mxisd.importing.refusing import ImportRefused
from mxisd.importing.transfer import BATCH, TELL_EVERY
from mxisd.records.migrations import migrations
from tests.importing.files import (
    FOR_EVER_MS,
    MANY_BINDINGS,
    SYDENT,
    DatabaseFile,
    rows_of,
)
from tests.importing.world import ImportTestCase, config_of

SEED = "5GIniY6QkwfYUD12uHDRw9PhlYHEeQjqInGrk22zTZY"
OTHER_SEED = "6GIniY6QkwfYUD12uHDRw9PhlYHEeQjqInGrk22zTZY"


def content(path: Path) -> "list[str]":
    """Everything in a database, as SQL."""
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


class RunningTests(ImportTestCase):
    def setUp(self) -> None:
        """A file of sydent with more than a batch of bindings, and its settings."""
        super().setUp()
        self.source = DatabaseFile(self.folder / "sydent.db", SYDENT)
        self.count = 2 * BATCH + 1
        self.source.run(MANY_BINDINGS, self.count, FOR_EVER_MS)
        self.ini = self.folder / "sydent.conf"
        self.write_ini(SEED)

    def write_ini(self, seed: str) -> None:
        """Write sydent's configuration with a key."""
        self.ini.write_text(
            "[general]\nserver.name = id.example.org\n[db]\ndb.file = sydent.db\n"
            f"[crypto]\ned25519.signingkey = ed25519 0 {seed}\n"
        )

    async def refusal(self, file: Path, **wishes: bool) -> str:
        """Why a file is not imported."""
        with self.assertRaises(ImportRefused) as caught:
            await self.take(file, **wishes)
        return str(caught.exception)

    async def test_the_second_time_changes_nothing(self) -> None:
        """The database is the same after it, and so is the file."""
        before = content(self.source.path)
        await self.take(self.ini)
        once = content(self.target)
        report = await self.take(self.ini)
        self.assertEqual(content(self.target), once)
        self.assertEqual(content(self.source.path), before)
        self.assertIn(f"bindings: 0 taken, {self.count} dealt with earlier", report)
        self.assertIn("ed25519:0: is the current one already", report)

    async def test_what_a_broken_import_did_is_not_done_again(self) -> None:
        """After a failure in a later part, the next run begins where it stopped."""
        self.source.run("ALTER TABLE threepid_token_auths RENAME COLUMN token TO t")
        self.assertIn("no such column", await self.refusal(self.source.path))
        self.assertEqual(self.found("SELECT count(*) FROM bindings"), [(self.count,)])
        self.source.run("ALTER TABLE threepid_token_auths RENAME COLUMN t TO token")
        report = await self.take(self.source.path)
        self.assertIn(f"bindings: 0 taken, {self.count} dealt with earlier", report)

    async def test_the_report_for_programs(self) -> None:
        """It says the same as the one for people, as JSON."""
        self.source.run("UPDATE global_threepid_associations SET mxid='x' WHERE id=1")
        report = await self.report(self.ini, is_dry_run=True)
        content = json.loads(json.dumps(report.content()))
        self.assertEqual(content["kind"], "sydent")
        self.assertEqual(content["file"], str(self.source.path))
        part = content["parts"]["bindings"]
        self.assertEqual((part["taken"], part["earlier"]), (self.count - 1, 0))
        self.assertEqual(list(part["left_out"].values()), [1])
        self.assertEqual(content["key"], {"key_id": "ed25519:0", "is_new": True})
        self.assertEqual(content["settings"]["server"]["name"], "id.example.org")
        self.assertTrue(content["dry_run"])

    async def test_the_operator_hears_how_far_it_is(self) -> None:
        """With numbers, and nothing else of the content."""
        total = TELL_EVERY * BATCH + 5
        self.source.run("DELETE FROM global_threepid_associations")
        self.source.run(MANY_BINDINGS, total, FOR_EVER_MS)
        await self.take(self.source.path)
        self.assertEqual(self.progress, [f"bindings: {TELL_EVERY * BATCH} of {total}"])

    async def test_a_dry_run_makes_nothing(self) -> None:
        """It reports the same, and neither database nor key store are there."""
        report = await self.take(self.ini, is_dry_run=True)
        self.assertIn(f"bindings: {self.count} taken", report)
        self.assertIn("dry run", report)
        self.assertFalse(self.target.exists())
        self.assertFalse((self.folder / "keys").exists())

    async def test_a_dry_run_knows_what_is_here(self) -> None:
        """It works on a copy, so that the original stays what it is."""
        await self.take(self.source.path)
        before = content(self.target)
        self.source.bind("new@example.org", "@new:example.org")
        report = await self.take(self.source.path, is_dry_run=True)
        self.assertIn(f"bindings: 1 taken, {self.count} dealt with", report)
        self.assertEqual(content(self.target), before)

    async def test_another_key_is_replaced_only_on_demand(self) -> None:
        """Without the wish nothing is taken; with it, the old key stays valid."""
        await self.take(self.ini)
        self.target.unlink()
        self.ini.write_text(
            self.ini.read_text().replace(f"0 {SEED}", f"a_1 {OTHER_SEED}")
        )
        self.assertIn("--replace-key", await self.refusal(self.ini))
        self.assertFalse(self.target.exists())
        report = await self.take(self.ini, is_replacing_key=True)
        self.assertIn("ed25519:a_1: becomes the current one", report)
        kept = sorted(p.name for p in (self.folder / "keys/regular/ed25519").iterdir())
        self.assertEqual(kept, ["0", "a_1"])

    async def test_what_cannot_be_imported_is_one_line(self) -> None:
        """Missing, a folder, text, another database, or an .ini of others."""
        text, other, ini = (self.folder / n for n in ("text", "other.db", "other.ini"))
        text.write_bytes(b"\xffsome text")
        DatabaseFile(other, "CREATE TABLE t (a)")
        ini.write_text("[general]\nname = value\n")
        for file in (self.folder / "none", self.folder, text, other, ini):
            line = await self.refusal(file)
            self.assertIn(str(file), line)
            self.assertNotIn("\n", line)

    async def test_a_signing_key_that_cannot_be_read_is_an_error(self) -> None:
        """In the configuration and in a file of its own; nothing is imported."""
        key = self.folder / "signing.key"
        key.write_text(f"ed25519 0 {SEED[:-5]}\n")
        self.write_ini(SEED[:-5])
        for file in (key, self.ini):
            line = await self.refusal(file)
            self.assertIn("signing key that cannot be read", line)
            self.assertNotIn(SEED[:20], line)
        self.assertFalse(self.target.exists())

    async def test_what_is_not_taken_is_in_the_report(self) -> None:
        """For people and for programs."""
        with self.ini.open("a") as ini:
            ini.write("[email]\nemail.subject = Hi\nemail.invite.subject_space =\n")
            ini.write("email.smtppassword = hunter2\n")
            ini.write("email.third_party_invite_domain_obfuscate_characters = 3\n")
        report = await self.take(self.ini, is_dry_run=True)
        self.assertIn("\nNot taken: email.email.subject: subjects stand in te", report)
        self.assertIn("\nMind: email.email.smtppassword: it is not printed", report)
        key = "email.email.third_party_invite_domain_obfuscate_characters"
        self.assertIn(f"\nNot taken, since sydent writes it by itself: {key}\n", report)
        content = (await self.report(self.ini, is_dry_run=True)).content()
        told = json.dumps([report, content])
        self.assertNotIn("hunter2", told)
        self.assertEqual(content["by_itself"], [key])
        self.assertEqual(len(content["not_taken"]), 1)
        self.assertEqual(len(content["notes"]), 1)

    async def test_a_missing_database_is_named(self) -> None:
        """Sydent's configuration may name one that is elsewhere."""
        self.source.path.unlink()
        self.assertIn("sydent.db", await self.refusal(self.ini))

    async def test_a_broken_file_is_one_line(self) -> None:
        """A head of SQLite is no database yet."""
        broken = self.folder / "broken.db"
        broken.write_bytes(b"SQLite format 3\0" + b"x" * 5000)
        self.assertIn("cannot be read", await self.refusal(broken))

    async def test_a_target_in_memory_is_refused(self) -> None:
        """Nothing would be kept."""
        self.config = config_of(
            "matrix: {domain: a.org}\nkey: {path: ':memory:'}\n"
            "storage: {provider: {sqlite: {database: ':memory:'}}}"
        )
        self.assertIn(":memory:", await self.refusal(self.source.path))

    async def test_a_newer_target_is_refused(self) -> None:
        """Its version is kept, and so is what it has."""
        newer = migrations()[-1].number + 1
        DatabaseFile(self.target, f"PRAGMA user_version={newer}")
        with self.assertRaisesRegex(RecordsUnavailable, "newer mxisd"):
            await self.take(self.source.path)
        self.assertEqual(rows_of(self.target, "PRAGMA user_version"), [(newer,)])

    async def test_a_second_file_of_the_same_kind_is_another(self) -> None:
        """What was taken is remembered by file."""
        await self.take(self.source.path)
        copy = self.folder / "copy.db"
        shutil.copy(self.source.path, copy)
        report = await self.take(copy)
        self.assertIn("bindings: 0 taken\n", report)
        self.assertIn(f"{self.count} left out: a binding of the same", report)
