"""One SQLite file serves one server; everything else works beside it."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from twisted.trial.unittest import SynchronousTestCase

from tests.importing.files import MA1SD, SYDENT, DatabaseFile
from tests.integration.admin_command import AdminCommand
from tests.integration.import_command import ImportCommand
from tests.integration.server import (
    PATIENCE,
    TWISTD,
    MxisdProcess,
    free_port,
    wait_until,
    without_root,
)

OPERATOR = "operators-token-0123456789abcdef"


class OneServerCase(SynchronousTestCase):
    """A folder, and ways to run something in it."""

    def setUp(self) -> None:
        """Make the folder."""
        self.folder = Path(tempfile.mkdtemp(prefix="mxisd-test-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.server = MxisdProcess(self.folder, {"admin": {"token": OPERATOR}})
        self.addCleanup(self.server.stop)

    def other(self, database: Path) -> Path:
        """A configuration of a second server, with a port of its own."""
        config = {
            **self.server.config,
            "server": {"hostname": "127.0.0.1", "port": free_port()},
            "storage": {"provider": {"sqlite": {"database": str(database)}}},
        }
        path = self.folder / "other.yaml"
        path.write_text(yaml.safe_dump(config))
        return path

    def twistd(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run ``twistd`` to the end; a daemon's output goes into a file."""
        place, search = self.folder / "output", os.pathsep.join(filter(None, sys.path))
        with place.open("w") as output:
            ended = subprocess.run(
                [*TWISTD, *words],
                stdout=output,
                stderr=output,
                check=False,
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": search},
                timeout=PATIENCE,
            )
        told = without_root(place.read_text())
        return subprocess.CompletedProcess(words, ended.returncode, told)

    def refusal(self, config: Path) -> str:
        """The one line with which a second server ends, also as a daemon."""
        line = ""
        pid_file = self.folder / "other.pid"
        for words in (("-n", "--pidfile="), (f"--pidfile={pid_file}",)):
            ended = self.twistd(*words, "mxisd", "-c", str(config))
            self.assertEqual(ended.returncode, 1, ended.stdout)
            (line,) = ended.stdout.splitlines()
            self.assertFalse(pid_file.exists())
        return line


class OneServerTests(OneServerCase):
    """Two servers, and commands beside one."""

    def pid(self) -> int:
        """Of the first server."""
        words = (self.folder / "mxisd.db.lock").read_text().split()
        return int(words[1].rstrip(","))

    def test_a_second_server_ends_in_one_line_that_names_the_first(self) -> None:
        """By any name of the file; the first goes on."""
        self.server.start()
        link = self.folder / "link.db"
        link.symlink_to(self.folder / "mxisd.db")
        for database in (self.folder / "mxisd.db", link):
            line = self.refusal(self.other(database))
            self.assertIn(f"{database} is in use by another mxisd server", line)
            self.assertIn(f"process {self.pid()} on {os.uname().nodename}, since", line)
        self.assertEqual(self.server.get("/status")[0], 200)

    def test_a_server_that_was_killed_leaves_nothing_in_the_way(self) -> None:
        """Neither ``kill -9`` nor a stop keep the next start from going on at once."""
        self.server.start()
        for how in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
            before = self.pid()
            self.server.restart(how)
            self.assertNotEqual(self.pid(), before)

    def test_a_daemon_holds_the_file(self) -> None:
        """What names it is the process that lives on, not the one that started it."""
        pid_file = self.folder / "first.pid"
        (self.folder / "mxisd.yaml").write_text(yaml.safe_dump(self.server.config))
        ended = self.twistd(
            f"--pidfile={pid_file}", "--logfile=first.log", "mxisd", "-c", "mxisd.yaml"
        )
        self.assertEqual(ended.returncode, 0, ended.stdout)
        wait_until(self.is_up, "the daemon answers")
        pid = int(pid_file.read_text())
        try:
            line = self.refusal(self.other(self.folder / "mxisd.db"))
            self.assertIn(f"process {pid} on", line)
        finally:
            os.kill(pid, signal.SIGTERM)
            wait_until(lambda: not pid_file.exists(), "the daemon ends")

    def is_up(self) -> bool:
        """Whether the server answers."""
        try:
            return bool(self.server.get("/status")[0] == 200)
        except OSError:
            return False

    def test_checks_and_commands_work_beside_it(self) -> None:
        """None of them is a server."""
        self.server.start()
        config = str(self.folder / "mxisd.yaml")
        checked = self.twistd("-n", "mxisd", "-c", config, "--check-config")
        self.assertEqual((checked.returncode, checked.stdout), (0, f"{config}: good\n"))
        code, _, errors = AdminCommand(self.folder).run("status", "-c", config)
        self.assertEqual((code, errors), (0, ""))
        file = DatabaseFile(self.folder / "sydent.db", SYDENT)
        file.bind("alice@example.org", "@alice:example.org")
        command = ImportCommand(self.folder, self.server.config)
        code, output, errors = command.run(str(file.path))
        self.assertEqual(code, 0, errors)
        self.assertIn("bindings", output)


class ForeignFileTests(OneServerCase):
    """A file of another identity server."""

    def test_it_is_not_mixed_into(self) -> None:
        """One line says what it is, and how to take it over; nothing is written."""
        file = DatabaseFile(self.folder / "ma1sd.db", MA1SD)
        before = file.path.read_bytes()
        line = self.refusal(self.other(file.path))
        self.assertIn("is the database of ma1sd", line)
        self.assertIn("mxisd import", line)
        self.assert_import_refuses(file)
        self.assertEqual(file.path.read_bytes(), before)
        left = [path.name for path in self.folder.glob("ma1sd.db*")]
        self.assertEqual(left, ["ma1sd.db"])

    def assert_import_refuses(self, target: DatabaseFile) -> None:
        """It is no target either, also for a dry run."""
        source = DatabaseFile(self.folder / "sydent.db", SYDENT)
        config: Any = yaml.safe_load((self.folder / "other.yaml").read_text())
        command = ImportCommand(self.folder, config)
        for options in ((), ("--dry-run",)):
            code, _, errors = command.run(str(source.path), *options)
            self.assertEqual(code, 1, errors)
            (line,) = errors.splitlines()
            self.assertIn(f"{target.path} is the database of ma1sd", line)
