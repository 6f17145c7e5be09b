"""``mxisd import`` as an operator meets it."""

import re
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mxisd import __version__
from mxisd.model.hashing import lookup_hash
from tests.importing.files import (
    FOR_EVER_MS,
    MANY_BINDINGS,
    SYDENT,
    DatabaseFile,
    rows_of,
)
from tests.integration.homeserver import HomeserverProcess
from tests.integration.import_command import ImportCommand
from tests.integration.server import IDENTITY, PATIENCE, MxisdProcess, wait_until
from tests.integration.sydent import SECRET, Sydent

V2 = f"{IDENTITY}/v2"
MEASURED = (
    sys.executable,
    "-c",
    "import atexit, resource, sys\n"
    "usage = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
    "atexit.register(lambda: print('peak', usage(), file=sys.stderr))\n"
    "from mxisd.command import main; main()",
)
MANY = 1_000_000
MANY_SECONDS = 600
PEAK_KIB = 200 * 1024


def configuration(folder: Path) -> Any:
    """Of a server that is to have it all."""
    return {
        "matrix": {"domain": "example.org"},
        "key": {"path": str(folder / "keys")},
        "storage": {"provider": {"sqlite": {"database": str(folder / "mxisd.db")}}},
    }


class SydentImportTests(SynchronousTestCase):
    """From a real sydent to a running mxisd."""

    def setUp(self) -> None:
        """A homeserver, a sydent with data, and a server that is to have it."""
        self.folder = Path(tempfile.mkdtemp(prefix="mxisd-test-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.sydent = Sydent(self.folder)
        self.homeserver = HomeserverProcess(self.folder / "hs", "alice")
        self.addCleanup(self.homeserver.stop)
        self.sydent.start()
        self.addCleanup(self.sydent.stop)
        self.alice = f"@alice:{self.homeserver.server_name}"
        config = {
            "server": {"hostname": "127.0.0.1", "name": "id.example.org"},
            "matrix": {"domain": self.homeserver.server_name},
        }
        self.mxisd = MxisdProcess(self.folder, config)
        self.mxisd.config["server"]["port"] = self.mxisd.port
        self.command = ImportCommand(self.folder, self.mxisd.config)

    def pepper(self, token: str) -> str:
        """The pepper, as soon as the index is there."""

        def ask() -> Any:
            return self.mxisd.get(f"{V2}/hash_details", token)[1].get("lookup_pepper")

        return str(wait_until(ask, "the index is there"))

    def test_users_notice_nothing(self) -> None:
        """Tokens, bindings, open sessions and signatures go on after the move."""
        token = self.sydent.register("alice", self.homeserver.server_name)
        self.sydent.bind("Alice@Example.org", self.alice, token)
        sid, mailed = self.sydent.request_token("second@example.org", token)
        status, key = self.sydent.ask("/_matrix/identity/api/v1/pubkey/ed25519:0")
        self.assertEqual(status, 200)
        self.sydent.stop()

        code, report, errors = self.command.run(str(self.sydent.ini))
        self.assertEqual((code, errors), (0, ""))
        self.assertIn("bindings: 1 taken", report)
        self.mxisd.start()
        self.addCleanup(self.mxisd.stop)

        pepper = self.pepper(token)
        question = {
            "addresses": [lookup_hash("alice@example.org", "email", pepper)],
            "algorithm": "sha256",
            "pepper": pepper,
        }
        answer = self.mxisd.post(f"{V2}/lookup", question, token)[1]
        self.assertEqual(list(answer["mappings"].values()), [self.alice])
        proof = {"client_secret": SECRET, "sid": sid, "token": mailed}
        path = f"{V2}/validate/email/submitToken"
        self.assertEqual(self.mxisd.post(path, proof, token), (200, {"success": True}))
        self.assertEqual(self.mxisd.get(f"{V2}/pubkey/ed25519:0"), (200, key))

    def test_a_server_that_runs_may_be_imported_into(self) -> None:
        """What was bound at sydent is found at once, both servers being up."""
        self.mxisd.start()
        self.addCleanup(self.mxisd.stop)
        token = self.sydent.register("alice", self.homeserver.server_name)
        self.sydent.bind("alice@example.org", self.alice, token)
        code, report, errors = self.command.run(str(self.sydent.folder / "sydent.db"))
        self.assertEqual((code, errors), (0, ""), report)
        question = {
            "addresses": ["alice@example.org email"],
            "algorithm": "none",
            "pepper": self.pepper(token),
        }
        answer = self.mxisd.post(f"{V2}/lookup", question, token)[1]
        self.assertEqual(list(answer["mappings"].values()), [self.alice])
        code, _, errors = self.command.run(str(self.sydent.ini))
        self.assertEqual(code, 1)
        self.assertRegex(errors, r"\Amxisd: .*--replace-key.*\n\Z")


class ManyBindingsTests(SynchronousTestCase):
    """A million bindings."""

    def test_an_import_that_was_killed_is_finished_by_the_next(self) -> None:
        """Each binding is taken once, and memory does not grow with their number."""
        folder = Path(tempfile.mkdtemp(prefix="mxisd-test-"))
        self.addCleanup(shutil.rmtree, folder)
        source = DatabaseFile(folder / "sydent.db", SYDENT)
        source.run(MANY_BINDINGS, MANY, FOR_EVER_MS)
        target = folder / "mxisd.db"
        command = ImportCommand(folder, configuration(folder))
        with command.start(str(source.path)) as process:
            assert process.stderr is not None
            self.assertRegex(process.stderr.readline(), r"bindings: \d+ of 1000000")
            process.send_signal(signal.SIGKILL)
            process.wait(PATIENCE)
        ((before,),) = rows_of(target, "SELECT count(*) FROM bindings")
        self.assertTrue(0 < before < MANY, before)
        code, report, errors = command.run(
            str(source.path), command=MEASURED, seconds=MANY_SECONDS
        )
        self.assertEqual(code, 0, errors)
        self.assertIn(
            f"bindings: {MANY - before} taken, {before} dealt with earlier", report
        )
        ((after,),) = rows_of(target, "SELECT count(*) FROM bindings")
        self.assertEqual(after, MANY)
        peak = re.search(r"peak (\d+)", errors)
        assert peak is not None
        self.assertLess(int(peak[1]), PEAK_KIB)


class InterruptedTests(SynchronousTestCase):
    """An operator's second thoughts."""

    def test_an_interrupted_import_says_so(self) -> None:
        """By Ctrl-C, or by the end of the machine: one line, and exit code 1."""
        folder = Path(tempfile.mkdtemp(prefix="mxisd-test-"))
        self.addCleanup(shutil.rmtree, folder)
        source = DatabaseFile(folder / "sydent.db", SYDENT)
        source.run(MANY_BINDINGS, MANY // 2, FOR_EVER_MS)
        command = ImportCommand(folder, configuration(folder))
        # What runs in the background of a script ignores Ctrl-C; so would its child.
        usual = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGINT, usual)
        for number in (signal.SIGINT, signal.SIGTERM):
            process = command.start(str(source.path))
            assert process.stderr is not None
            self.assertIn("bindings: ", process.stderr.readline())
            process.send_signal(number)
            output, errors = process.communicate(timeout=PATIENCE)
            self.assertEqual((process.returncode, output), (1, ""))
            self.assertIn("mxisd: interrupted; start it again to go on\n", errors)


class ArgumentTests(SynchronousTestCase):
    """What an operator may get wrong."""

    def setUp(self) -> None:
        """A folder with a configuration."""
        self.folder = Path(tempfile.mkdtemp(prefix="mxisd-test-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.command = ImportCommand(self.folder, {"matrix": {"domain": "a.org"}})

    def test_wrong_arguments_are_one_line(self) -> None:
        """No file, two files, or an option that is none: exit code 2."""
        for options in ((), ("a", "b"), ("--frob", "a")):
            code, output, errors = self.command.run(*options)
            self.assertEqual((code, output), (2, ""), options)
            self.assertRegex(errors, r"\Amxisd: .*\n\Z")

    def test_the_help_is_printed(self) -> None:
        """On the standard output, with exit code 0."""
        code, output, errors = self.command.run("--help")
        self.assertEqual((code, errors), (0, ""))
        self.assertIn("usage: mxisd import ", output)
        self.assertIn("[-c CONFIG]", output)

    def test_the_version_is_ours(self) -> None:
        """Not that of Twisted, which reads the options."""
        code, output, _ = self.command.run("--version")
        self.assertEqual((code, output), (0, f"mxisd {__version__}\n"))

    def test_a_bad_configuration_is_refused(self) -> None:
        """As the server does it: a line for each problem, exit code 1."""
        code, output, errors = self.command.run("file.db")
        self.assertEqual((code, output), (1, ""))
        self.assertIn("key.path", errors)
        self.assertNotIn("Traceback", errors)
