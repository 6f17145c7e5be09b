"""The script behind ``make test``, on small suites of its own, with real processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import mxisd

SCRIPTS = Path(mxisd.__file__).parent.parent / ".ci"
# Longer than trial needs to start on a busy machine.
SILENCE_SECONDS = 10
# The real script, which finds other tests, and no lint.
RUN = """
import signal, sys
from pathlib import Path
# A shell's background jobs are deaf to it, and so is whatever they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, {scripts!r})
import run_tests
run_tests.ROOT = Path.cwd()
run_tests.LINT = {lint!r}
run_tests.SILENCE_SECONDS = {silence}
sys.exit(run_tests.main({what!r}, {at_once}))
"""
SUITE = """
import os, subprocess, sys, time
from twisted.trial.unittest import SynchronousTestCase

class Tests(SynchronousTestCase):
{methods}
"""
GOOD = "    def test_good(self): pass"
BAD = "    def test_bad(self): self.assertEqual('this is', 'my traceback')"
SKIPPED = "    def test_skipped(self): self.skipTest('for want of a server')"
CRASH = f"{GOOD}\n    def test_now(self): os.abort()"
# Processes of its own group and of another one, of an environment of their own.
SERVER = (
    "    def test_{end}(self):\n"
    "        for new in (False, True):\n"
    "            server = [sys.executable, '-c', 'import time; time.sleep(900)']\n"
    "            process = subprocess.Popen(server, start_new_session=new)\n"
    "            open(os.environ['PIDS'], 'a').write(f'{{process.pid}}\\n')\n"
)
HANGING = SERVER.format(end="z_hangs") + "        time.sleep(900)"
LEAVING = SERVER.format(end="z_crashes") + "        os.abort()"


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


class RunnerTests(SynchronousTestCase):
    """Real runs of trial."""

    def setUp(self) -> None:
        """Make a project."""
        self.folder = Path(self.mktemp()).absolute()
        (self.folder / "tests" / "integration").mkdir(parents=True)
        for package in ("", "integration"):
            (self.folder / "tests" / package / "__init__.py").touch()
        self.pids = self.folder / "pids"
        self.lint: dict[str, list[str]] = {}
        self.silence_seconds = 120

    def write(self, name: str, *methods: str) -> None:
        """Add a module of tests."""
        path = self.folder / "tests" / f"{name}.py"
        path.write_text(SUITE.format(methods="\n".join(methods)))

    def start(self, what: str, at_once: int = 4, **more: str) -> subprocess.Popen[str]:
        """Run a part of the project's tests."""
        script = RUN.format(
            scripts=str(SCRIPTS),
            lint=self.lint,
            silence=self.silence_seconds,
            what=what,
            at_once=at_once,
        )
        environment = {key: value for key, value in os.environ.items() if key != "CI"}
        return subprocess.Popen(
            [sys.executable, "-c", script],
            cwd=self.folder,
            env={**environment, "PIDS": str(self.pids), **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )

    def run_tests(self, what: str, code: int, at_once: int = 4, **more: str) -> str:
        """Run a part, check the exit code, and give the output."""
        process = self.start(what, at_once, **more)
        output, _ = process.communicate(timeout=300)
        self.assertEqual(process.returncode, code, output)
        self.output = output
        return output

    def assert_ends(self, *lines: str) -> None:
        """The last lines of the output."""
        self.assertEqual(self.output.splitlines()[-len(lines) :], list(lines))

    def assert_no_servers(self, count: int = 2) -> None:
        """There were so many, and none is left."""
        pids = [int(line) for line in self.pids.read_text().split()]
        self.assertEqual(len(pids), count)
        self.assertEqual([pid for pid in pids if is_alive(pid)], [])

    def test_all_is_well(self) -> None:
        """The counts of all parts are added, and no module is left out."""
        self.lint = {"style": ["true"], "types": ["true"]}
        for number in range(5):
            self.write(f"test_{number}", GOOD)
        self.write("integration/test_ldap", GOOD)
        self.write("integration/test_ldap_people", GOOD)
        self.run_tests("all", 0, at_once=2)
        self.assert_ends("9 passed, 0 failed")
        self.assertIn("tests.integration.test_ldap_people.Tests.test_good", self.output)

    def test_parts(self) -> None:
        """What was not asked for is not run."""
        self.lint = {"style": ["true"]}
        self.write("test_one", GOOD)
        self.write("integration/test_ldap", BAD)
        for what, passed in (("lint", 1), ("check", 2)):
            self.run_tests(what, 0)
            self.assert_ends(f"{passed} passed, 0 failed")

    def test_side_by_side(self) -> None:
        """Two that wait for each other meet, if there may be two at a time."""
        meet = (
            "    def test_meet(self):\n"
            "        open('../{mine}', 'w').close()\n"
            "        while not os.path.exists('../{other}'): time.sleep(0.01)"
        )
        self.write("integration/test_a", meet.format(mine="a", other="b"))
        self.write("integration/test_b", meet.format(mine="b", other="a"))
        self.run_tests("all", 0, at_once=2)
        self.assert_ends("2 passed, 0 failed")

    def test_a_failing_test(self) -> None:
        """It is named once more at the end; its traceback is told where it ran."""
        self.write("test_one", GOOD, BAD)
        self.write("test_two", GOOD)
        self.run_tests("trial", 1)
        name = "tests.test_one.Tests.test_bad"
        self.assert_ends(f"== FAILED: {name}", "2 passed, 1 failed")
        self.assertIn("my traceback", self.output)

    def test_a_failing_step(self) -> None:
        """It is named, too."""
        self.lint = {"style": ["true"], "types": ["sh", "-c", "echo line 7; exit 2"]}
        self.run_tests("lint", 1)
        self.assertIn("== types\nline 7\n", self.output)
        self.assert_ends("== FAILED: types", "1 passed, 1 failed")

    def test_a_module_that_cannot_be_imported(self) -> None:
        """The others are run."""
        self.write("test_one", GOOD)
        (self.folder / "tests" / "test_two.py").write_text("import nothing_of_it")
        self.run_tests("trial", 1, at_once=1)
        self.assert_ends("1 passed, 1 failed")
        self.assertIn("nothing_of_it", self.output)

    def test_a_crash(self) -> None:
        """It is one failure, with its place; what it has left behind is ended."""
        self.write("integration/test_a", CRASH)
        self.write("integration/test_b", LEAVING)
        self.write("integration/test_c", GOOD)
        self.write("test_one", GOOD)
        self.run_tests("all", 1)
        self.assertIn("test_now\n", self.output)
        self.assertIn("== FAILED: tests.integration.test_a.Tests.test_now", self.output)
        self.assertIn("2 passed, ", self.output)
        self.assert_no_servers()

    def test_a_test_that_hangs(self) -> None:
        """It is named and ended, with its servers; the others go on, and longer."""
        self.silence_seconds = SILENCE_SECONDS
        self.write("integration/test_a", HANGING)
        slow = "    def test_{}(self): time.sleep(4)"
        self.write("integration/test_b", *(slow.format(letter) for letter in "xyz"))
        self.run_tests("all", 1)
        self.assertIn("was killed", self.output)
        self.assertIn("in test_z_hangs", self.output)
        name = "tests.integration.test_a.Tests.test_z_hangs"
        self.assertIn(f"== FAILED: {name}\n", self.output)
        self.assertIn("3 passed, ", self.output)
        self.assert_no_servers()

    def test_skips(self) -> None:
        """They are loud, and failures where ``CI`` is set."""
        self.write("test_one", GOOD, SKIPPED)
        self.run_tests("trial", 0)
        self.assertIn("for want of a server", self.output)
        self.assertIn("== 1 tests were SKIPPED", self.output)
        self.assert_ends("1 passed, 0 failed")
        self.run_tests("trial", 1, CI="true")
        self.assert_ends("1 passed, 1 failed")

    def test_interrupted(self) -> None:
        """Everything ends at once, whoever says so."""
        self.write("integration/test_a", HANGING)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self.pids.unlink(missing_ok=True)
            process = self.start("all")
            deadline = time.monotonic() + 120
            while not (self.pids.exists() and self.pids.read_text().count("\n") == 2):
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.02)
            process.send_signal(number)
            process.communicate(timeout=60)
            self.assertNotEqual(process.returncode, 0)
            self.assert_no_servers()
