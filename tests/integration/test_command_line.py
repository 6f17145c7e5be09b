"""``twistd mxisd`` as an operator meets it."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.server import PATIENCE, TWISTD, MxisdProcess, without_root

GOOD = """\
matrix:
  domain: example.org
key:
  path: {folder}/keys
storage:
  provider:
    sqlite:
      database: {folder}/mxisd.db
memory:
  enabled: true
  identities:
    - username: alice
      password: ${{SECRET}}
      threepids:
        - medium: email
          address: alice@example.org
"""


class CommandLineTests(SynchronousTestCase):
    """What is printed, and with which exit code it ends."""

    def setUp(self) -> None:
        """A folder with a good configuration."""
        self.folder = Path(tempfile.mkdtemp(prefix="mxisd-test-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = self.folder / "mxisd.yaml"
        self.path.write_text(GOOD.format(folder=self.folder))

    def run_mxisd(self, *options: str, path: str = "") -> "tuple[int, str, str]":
        """Run to the end; exit code, output, errors."""
        search = os.pathsep.join(filter(None, [path, *sys.path]))
        done = subprocess.run(
            [*TWISTD, "-n", "--pidfile=", "mxisd", *options],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            cwd=self.folder,
            check=False,
            env={**os.environ, "PYTHONPATH": search, "SECRET": "s3cret"},
        )
        return done.returncode, done.stdout, without_root(done.stderr)

    def check(self, text: str) -> "tuple[int, str, str]":
        """Judge another configuration."""
        self.path.write_text(text)
        return self.run_mxisd("-c", str(self.path), "--check-config")

    def test_a_good_configuration_is_good(self) -> None:
        """It says so, and ends with 0."""
        code, output, errors = self.run_mxisd("-c", str(self.path), "--check-config")
        self.assertEqual((code, errors), (0, ""))
        self.assertIn("good", output)

    def test_the_default_file_is_found(self) -> None:
        """``mxisd.yaml`` in the working directory needs no naming."""
        self.assertEqual(self.run_mxisd("--check-config")[0], 0)

    def test_each_problem_is_one_line(self) -> None:
        """Key path, file line, a suggestion; no traceback, and nothing else."""
        code, output, errors = self.check(
            "matrix:\n  domian: example.org\n"
            "key:\n  path: keys\n"
            "server:\n  port: many\n"
            "ldap.enabled: true\n"
            "stores:\n  - type: carrier-pigeon\n"
        )
        lines = errors.splitlines()
        self.assertEqual((code, output), (1, ""))
        self.assertEqual(len(lines), 5, errors)
        for line, number, words in (
            (lines[0], 1, ["matrix.domain", "required"]),
            (lines[1], 2, ["matrix.domian", "domain`?"]),
            (lines[2], 6, ["server.port", "number"]),
            (lines[3], 7, ["ldap.enabled", "nested"]),
            (lines[4], 9, ["stores.0.type", "ldap", "memory"]),
        ):
            self.assertTrue(line.startswith(f"{self.path}:{number}: "), line)
            for word in words:
                self.assertIn(word, line)

    def test_a_broken_file_is_one_line(self) -> None:
        """Neither YAML errors nor a missing file give a traceback."""
        for text in ("a: [", "\t- x", "- list", "a: &x [*x, *x]\nb: *y"):
            code, _, errors = self.check(text)
            self.assertEqual((code, len(errors.splitlines())), (1, 1), errors)
        code, _, errors = self.run_mxisd("-c", "not-there.yaml", "--check-config")
        self.assertEqual((code, len(errors.splitlines())), (1, 1), errors)

    def test_the_dump_masks_secrets(self) -> None:
        """The effective configuration has every default and no password."""
        code, output, _ = self.run_mxisd("-c", str(self.path), "--dump-config")
        self.assertEqual(code, 0)
        self.assertIn("port: 8090", output)
        self.assertIn("alice@example.org", output)
        self.assertNotIn("s3cret", output)
        self.assertIn("********", output)

    def test_what_fails_at_the_start_is_one_line(self) -> None:
        """A key store that cannot be used ends the start with one clean line."""
        (self.folder / "keys").mkdir()
        (self.folder / "keys" / "current").write_text("nonsense")
        code, _, errors = self.run_mxisd("-c", str(self.path))
        self.assertEqual(code, 1)
        self.assertIn("key.path", errors)
        self.assertNotIn("Traceback", errors)
        self.assertNotIn("nonsense", errors)

    def test_a_port_that_is_taken_is_one_line(self) -> None:
        """Two servers on one port: the second says what is wrong, and ends."""
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            more = f"server:\n  hostname: 127.0.0.1\n  port: {port}\n"
            self.path.write_text(self.path.read_text() + more)
            code, output, errors = self.run_mxisd("-c", str(self.path))
        self.assertEqual(code, 1)
        self.assertIn("server.port", output + errors)
        self.assertNotIn("Traceback", output + errors)

    def plugin(self, name: str, text: str) -> str:
        """A folder with a third party's plug-in, to be put on the path."""
        place = self.folder / "site" / "twisted" / "plugins"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{name}.py").write_text(text)
        return str(self.folder / "site")

    def test_a_broken_plugin_is_named(self) -> None:
        """One that cannot be imported is logged, and does not disturb the others."""
        path = self.plugin("broken_store", "import not_there\n")
        code, output, errors = self.run_mxisd(
            "-c", str(self.path), "--check-config", path=path
        )
        self.assertEqual(code, 0)
        self.assertIn("broken_store", output + errors)

    def test_a_third_party_is_found(self) -> None:
        """A store type that a plug-in brings can be configured at once."""
        path = self.plugin(
            "example_store",
            "from mxisd.stores.factories import StoreMaker\n"
            "example = StoreMaker('example', 'mxisd.stores.memory', 'An example')\n",
        )
        self.path.write_text(self.path.read_text().replace("memory:", "example:"))
        code, _, errors = self.run_mxisd("-c", str(self.path), "--check-config")
        self.assertEqual(code, 1, errors)
        code, _, errors = self.run_mxisd(
            "-c", str(self.path), "--check-config", path=path
        )
        self.assertEqual(code, 0, errors)


class StartTests(SynchronousTestCase):
    """The running process."""

    def test_it_starts_and_stops(self) -> None:
        """It answers, ends by SIGTERM, and its log has no surprise in it."""
        folder = Path(tempfile.mkdtemp(prefix="mxisd-test-"))
        self.addCleanup(shutil.rmtree, folder)
        server = MxisdProcess(folder, {"logging": {"access": ""}})
        server.start()
        self.addCleanup(server.stop)
        status, reply = server.get("/version")
        self.assertEqual((status, reply["server"]["name"]), (200, "mxisd"))
        server.stop()
        log = without_root(server.log.read_text())
        for word in ("Traceback", "Unhandled", "warn", "error", "factory", "Factory"):
            self.assertNotIn(word, log)
