"""``--check-config`` and the start: they read the same, and say the same of it."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from twisted.trial.unittest import SynchronousTestCase

from tests.integration.server import PATIENCE, TWISTD, MxisdProcess, without_root

SYNAPSE_KEY = "ed25519 a_abcd zHXwTGCzGKdAXKLOYxPGy4F5vHGYJBTNiRGWIFZpGZ8\n"

Snapshot = dict[str, tuple[int, int, bytes]]


def snapshot(folder: Path) -> Snapshot:
    """Everything in a folder: modes, times of change, content."""
    found = {}
    for each in (folder, *folder.rglob("*")):
        status = each.lstat()
        content = each.read_bytes() if each.is_file() else b""
        found[str(each)] = (status.st_mode, status.st_mtime_ns, content)
    return found


class CheckCase(SynchronousTestCase):
    """Runs the check, and the start."""

    def setUp(self) -> None:
        """A folder with a configuration that is good."""
        self.folder = Path(tempfile.mkdtemp(prefix="mxisd-check-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = self.folder / "mxisd.yaml"
        self.config: dict[str, Any] = {
            "matrix": {"domain": "example.org"},
            "server": {"hostname": "127.0.0.1", "port": 0},
            "key": {"path": str(self.folder / "keys")},
            "storage": {
                "provider": {"sqlite": {"database": str(self.folder / "mxisd.db")}}
            },
        }

    def run_mxisd(self, *options: str) -> "tuple[int, str, list[str]]":
        """Exit code, output and lines of errors; what is said of root is left out."""
        done = self.twistd("mxisd", *options)
        errors = without_root(done.stderr).splitlines()
        return done.returncode, done.stdout, errors

    def twistd(self, *options: str) -> "subprocess.CompletedProcess[str]":
        """Run to the end."""
        search = os.pathsep.join(filter(None, sys.path))
        return subprocess.run(
            [*TWISTD, "-n", "--pidfile=", *options],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            cwd=self.folder,
            check=False,
            env={**os.environ, "PYTHONPATH": search},
        )

    def checked(self, *more: str) -> "tuple[int, str, list[str]]":
        """Judge the configuration."""
        self.path.write_text(yaml.safe_dump(self.config, sort_keys=False))
        return self.run_mxisd("-c", str(self.path), "--check-config", *more)

    def assert_refused(self, *keys: str) -> list[str]:
        """Check and start say the same lines, one for each key, and change nothing."""
        before = snapshot(self.folder)
        code, output, lines = self.checked()
        self.assertEqual((code, output), (1, ""), lines)
        self.assertEqual(len(lines), len(keys), lines)
        for line, key in zip(lines, keys, strict=True):
            self.assertRegex(line, rf"^{self.path}:[0-9]+: {key}: ")
        after = snapshot(self.folder)
        for each in (str(self.folder), str(self.path)):
            # The configuration was written in between.
            after.pop(each), before.pop(each, None)
        self.assertEqual(after, before)
        self.assertEqual(self.run_mxisd("-c", str(self.path)), (1, "", lines))
        return lines


class FilesTests(CheckCase):
    """Files that the configuration names."""

    def test_the_check_refuses_what_the_start_refuses(self) -> None:
        """A template and a page that are not there: both are named at once."""
        template = {"invite": "/nonexistent/invite.eml"}
        self.config["threepid"] = {
            "medium": {
                "email": {
                    "identity": {"from": "a@example.org"},
                    "connectors": {"smtp": {"host": "localhost"}},
                    "generators": {"template": template},
                }
            }
        }
        self.config["view"] = {
            "session": {"onTokenSubmit": {"success": "/nonexistent.html"}}
        }
        lines = self.assert_refused(
            "threepid.medium.email.generators.template.invite",
            "view.session.onTokenSubmit.success",
        )
        self.assertIn("/nonexistent/invite.eml", lines[0])
        self.assertIn("/nonexistent.html", lines[1])

    def test_a_key_of_synapse(self) -> None:
        """It is no key store of ours; the line says what to do."""
        key = self.folder / "signing.key"
        key.write_text(SYNAPSE_KEY)
        self.config["key"]["path"] = str(key)
        (line,) = self.assert_refused("key.path")
        self.assertIn("mxisd import", line)
        self.assertNotIn(SYNAPSE_KEY.split()[2], line)

    def test_the_key_that_a_line_is_about(self) -> None:
        """In a list, and in a connector; all in the order of the file."""
        self.config["stores"] = [
            {"type": "memory"},
            {"type": "rest", "host": "https://localhost", "caFile": "/nonexistent"},
        ]
        self.config["logging"] = {"access": "/nonexistent/access.log"}
        for line, words in zip(
            self.assert_refused("stores.1.caFile", "logging.access"),
            ("caFile", "access"),
            strict=True,
        ):
            number = int(line.split(":")[1])
            self.assertIn(words, self.path.read_text().splitlines()[number - 1])


class WarningTests(CheckCase):
    """What is good, and still worth a word."""

    def test_what_the_start_would_log(self) -> None:
        """The check prints it, and finds the configuration good."""
        database = self.folder / "mxisd.db"
        database.touch()
        database.chmod(0o644)
        template = self.folder / "invite.txt"
        template.write_text("Hi\n%TEAM%\n")
        self.config["stores"] = [{"type": "rest", "host": "http://rest.invalid"}]
        self.config["threepid"] = {
            "medium": {
                "irc": {
                    "connector": "none",
                    "generators": {"template": {"invite": str(template)}},
                }
            }
        }
        code, output, lines = self.checked()
        self.assertEqual((code, output), (0, f"{self.path}: good\n"))
        patterns = (
            "warning: rest sends what it asks, passwords too, through the network",
            ":[0-9]+: warning: storage.provider.sqlite.database: .* is open to others",
            ":[0-9]+: warning: threepid.*invite: .*invite.txt, line 2: %TEAM% is not",
        )
        self.assertEqual(len(lines), len(patterns), lines)
        for line, pattern in zip(lines, patterns, strict=True):
            self.assertRegex(line, pattern)

    def test_warnings_are_in_order(self) -> None:
        """Whoever has found them: of templates or of keys."""
        template = self.folder / "mail.eml"
        template.write_text("Subject: x\n\n%VALIDATION_LINK% %DISPLAYNAME%\n")
        self.config["threepid"] = {
            "medium": {
                "email": {
                    "identity": {"from": "id@example.org"},
                    "generators": {
                        "template": {"session": {"validation": str(template)}}
                    },
                }
            }
        }
        self.config["hashing"] = {"hashStorageType": "sql"}
        code, _, lines = self.checked()
        self.assertEqual(code, 0, lines)
        numbers = [
            int(each.removeprefix(f"{self.path}:").split(":")[0]) for each in lines
        ]
        self.assertEqual(len(numbers), 2, lines)
        self.assertEqual(numbers, sorted(numbers), lines)

    def test_root(self) -> None:
        """It is told once, unless twistd is to become another user."""
        self.path.write_text(yaml.safe_dump(self.config))
        options = ("mxisd", "-c", str(self.path), "--check-config")
        is_root = os.geteuid() == 0
        for more, count in (((), int(is_root)), (("--uid", "65534"), 0)):
            ended = self.twistd(*more, *options)
            self.assertEqual(ended.returncode, 0)
            self.assertEqual(ended.stderr.count("runs as root"), count)

    def test_a_log_that_cannot_be_opened(self) -> None:
        """The start ends with one line."""
        self.path.write_text(yaml.safe_dump(self.config))
        log = str(self.folder / "nowhere" / "mxisd.log")
        ended = self.twistd("--logfile", log, "mxisd", "-c", str(self.path))
        self.assertEqual(ended.returncode, 1)
        (line,) = ended.stderr.splitlines()
        self.assertIn(f"--logfile: cannot be written: {log}: No such file", line)


class BesideTests(CheckCase):
    """Beside the server that is about to be restarted."""

    def test_nothing_is_disturbed(self) -> None:
        """Its files stay as they are, and its port is nobody's problem."""
        del self.config["server"]
        server = MxisdProcess(self.folder, self.config)
        self.config = server.config
        self.addCleanup(server.stop)
        server.start()
        for stop in (False, True):
            before = sorted(each.name for each in self.folder.iterdir())
            code, output, lines = self.checked()
            self.assertEqual((code, lines), (0, []), output)
            after = sorted(each.name for each in self.folder.iterdir())
            self.assertEqual(after, before)
            if not stop:
                server.stop()
