"""How the server starts: when it listens, and what a daemon says if it cannot."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from twisted.trial.unittest import SynchronousTestCase

import mxisd
import twisted
from tests.integration.client import V2, IdentityClient
from tests.integration.homeserver import HomeserverProcess
from tests.integration.server import (
    PATIENCE,
    TWISTD,
    MxisdProcess,
    free_port,
    wait_until,
)

ALICE = "alice@example.org"
BUSY_SECONDS = 1.0

# A third party's store that makes trouble for our own records in the first step of the
# start: after they have been looked at, and before they are opened.
TROUBLESOME = """
import os, sqlite3, threading
from pathlib import Path
from attrs import evolve
from mxisd.stores import memory
from twisted.application.service import Service

parse = memory.parse
database = Path(os.environ["DATABASE"])

def build(settings, tools):
    return evolve(memory.build(settings, tools), service=Troublesome())

class Troublesome(Service):
    def privilegedStartService(self):
        {trouble}

def lock():
    connection = sqlite3.connect(database, check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")
    threading.Timer({seconds}, connection.close).start()
"""
PLUGIN = """
from mxisd.stores.factories import StoreMaker
troublesome = StoreMaker("troublesome", "troublesome", "Makes trouble")
"""
IDENTITIES = [
    {"username": "alice", "threepids": [{"medium": "email", "address": ALICE}]}
]


def troublesome(folder: Path, trouble: str) -> Mapping[str, str]:
    """Write the store; the environment that makes it known."""
    plugins = folder / "site" / "twisted" / "plugins"
    plugins.mkdir(parents=True)
    (plugins / "troublesome_store.py").write_text(PLUGIN)
    text = TROUBLESOME.format(trouble=trouble, seconds=BUSY_SECONDS)
    (folder / "site" / "troublesome.py").write_text(text)
    search = [str(folder / "site"), *filter(None, sys.path)]
    return {
        "PYTHONPATH": os.pathsep.join(search),
        "DATABASE": str(folder / "mxisd.db"),
    }


class FolderTestCase(SynchronousTestCase):
    """A folder of its own."""

    def setUp(self) -> None:
        """Make it."""
        self.folder = Path(tempfile.mkdtemp(prefix="mxisd-test-"))
        self.addCleanup(shutil.rmtree, self.folder)


class FirstAnswerTests(FolderTestCase):
    """Nothing listens before it can answer."""

    def test_the_first_answer_to_a_lookup(self) -> None:
        """It is the right one, however long it takes to open what there is."""
        homeserver = HomeserverProcess(self.folder / "homeserver", "alice")
        self.addCleanup(homeserver.stop)
        config = {
            "matrix": {"domain": homeserver.server_name},
            "outbound": {
                "allowedCidr": ["127.0.0.0/8"],
                "caFile": str(homeserver.ca_file),
            },
            "stores": [{"type": "memory", "identities": IDENTITIES}],
        }
        server = MxisdProcess(self.folder, config).start()
        client = IdentityClient(server, homeserver, "alice")
        wait_until(lambda: client.hashed(ALICE), "the index is built")
        server.stop()
        server.config["stores"][0]["type"] = "troublesome"
        server.environment = troublesome(self.folder, "lock()")
        began = time.monotonic()
        server.spawn()
        self.addCleanup(server.stop)
        status, _ = wait_until(lambda: self.details(server, client.token), "an answer")
        self.assertGreater(time.monotonic() - began, BUSY_SECONDS)
        self.assertEqual(status, 200)
        self.assertIn(ALICE, client.hashed(ALICE))

    def details(self, server: MxisdProcess, token: str) -> Any:
        """The answer, if somebody listens."""
        try:
            return server.get(f"{V2}/hash_details", token)
        except OSError:
            return None


class DaemonTests(FolderTestCase):
    """``twistd mxisd`` without ``-n``."""

    def setUp(self) -> None:
        """Describe it."""
        super().setUp()
        self.port = free_port()
        self.pid_file = self.folder / "twistd.pid"
        self.log = self.folder / "twistd.log"
        self.access = self.folder / "access.log"
        self.environment: Mapping[str, str] = {}
        self.config: dict[str, Any] = {
            "matrix": {"domain": "example.org"},
            "server": {"hostname": "127.0.0.1", "port": self.port},
            "key": {"path": "keys"},
            "storage": {"provider": {"sqlite": {"database": "mxisd.db"}}},
            "logging": {"access": str(self.access)},
            "memory": {"enabled": True, "identities": IDENTITIES},
        }
        self.addCleanup(self.end)

    def run_twistd(self, *options: str) -> tuple[int, str, str]:
        """Run until the shell has its prompt again; exit code, output, errors."""
        path = self.folder / "mxisd.yaml"
        path.write_text(yaml.safe_dump(self.config))
        search = os.pathsep.join(filter(None, sys.path))
        done = subprocess.run(
            [*TWISTD, *options, "mxisd", "-c", str(path)],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            cwd=self.folder,
            check=False,
            env={**os.environ, "PYTHONPATH": search, **self.environment},
        )
        return done.returncode, done.stdout, done.stderr

    def running(self) -> list[int]:
        """The processes that run with our configuration."""
        wanted = str(self.folder / "mxisd.yaml").encode()
        found = []
        for folder in Path("/proc").iterdir():
            try:
                if wanted in (folder / "cmdline").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
            except (OSError, ValueError):
                continue
        return found

    def end(self) -> None:
        """End what still runs."""
        for pid in self.running():
            os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not self.running(), "the daemon ends")

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the daemon."""
        os.kill(int(self.pid_file.read_text()), number)

    def version(self) -> bool:
        """Whether the daemon answers."""
        request = b"GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        try:
            with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as client:
                client.sendall(request)
                return client.recv(64).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    def start(self) -> None:
        """Start it as it should be."""
        self.assertEqual(self.run_twistd(), (0, "", ""))
        wait_until(self.version, "the daemon answers")

    def assert_refused(self, line: str, *options: str) -> None:
        """The start fails with a line on the terminal, and leaves nothing behind."""
        code, output, errors = self.run_twistd(*options)
        self.assertEqual((code, output), (1, ""), errors)
        first = errors.splitlines()[0]
        self.assertTrue(first.startswith(line), errors)
        self.assertNotIn("Traceback", errors + self.log.read_text())
        self.assertIn(first, self.log.read_text())
        self.assertFalse(self.pid_file.exists())
        wait_until(lambda: not self.running(), "nothing runs")

    def test_it_starts_and_stops(self) -> None:
        """The shell has its prompt again; SIGTERM ends what runs behind it."""
        self.start()
        self.send(signal.SIGTERM)
        wait_until(lambda: not self.running(), "the daemon ends")
        self.assertFalse(self.pid_file.exists())
        self.assertIn(f"Listening on 127.0.0.1:{self.port}", self.log.read_text())
        version = f"mxisd {mxisd.__version__}, Twisted {twisted.__version__}, Python 3."
        self.assertEqual(self.log.read_text().count(version), 1)

    def test_a_port_that_is_taken(self) -> None:
        """The daemon says so, and so does the server in the foreground."""
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", self.port))
            taken.listen()
            self.assert_refused("server.port: ")
            self.assert_refused("server.port: ", "-n", "--logfile", str(self.log))
        self.start()

    def test_records_that_do_not_open(self) -> None:
        """They were good when they were looked at, before the fork."""
        self.environment = troublesome(
            self.folder, "database.unlink(); database.mkdir()"
        )
        self.config["stores"] = [{"type": "troublesome", "identities": IDENTITIES}]
        self.assert_refused("storage: ")
        self.assertFalse(self.version())

    def test_a_user_that_it_cannot_become(self) -> None:
        """twistd finds out between the two steps of our start, and just exits."""
        options = ("--gid", str(2**32 - 1))
        code, output, errors = self.run_twistd(*options)
        self.assertEqual((code, output), (1, ""), errors)
        self.assertTrue(errors.startswith("--uid, --gid: "), errors)
        self.assertIn("--uid, --gid: ", self.log.read_text())
        self.assertFalse(self.pid_file.exists())
        wait_until(lambda: not self.running(), "nothing runs")

    def test_what_is_found_before_the_fork(self) -> None:
        """Neither a pid file nor a process is there at any time."""
        (self.folder / "keys").write_text("nonsense")
        code, output, errors = self.run_twistd()
        self.assertEqual((code, output), (1, ""))
        self.assertEqual(len(errors.splitlines()), 1, errors)
        self.assertIn("key.path", errors)
        self.assertFalse(self.pid_file.exists())

    def test_a_daemon_without_a_log(self) -> None:
        """It has no standard output to write it to."""
        code, output, errors = self.run_twistd("--logfile", "-")
        self.assertEqual((code, output), (1, ""))
        self.assertIn("--logfile", errors)

    def test_logs_that_are_moved_away(self) -> None:
        """A signal opens them anew; what came before stays in the old ones."""
        self.start()
        wait_until(lambda: "Indexed" in self.log.read_text(), "the start is over")
        for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
            old = self.log.rename(self.folder / f"{number.name}.log")
            before = old.read_text()
            wait_until(self.access.exists, "the access log is there")
            self.access.rename(self.folder / f"{number.name}.access.log")
            self.send(number)
            wait_until(self.log.exists, "the log is opened anew")
            wait_until(lambda: "opened anew" in self.log.read_text(), "it is used")
            self.assertEqual(old.read_text(), before)
            self.assertTrue(self.version())
        self.assertEqual(len(self.running()), 1)
        self.assertNotIn("Traceback", self.log.read_text())

    def test_signals_where_there_is_no_log_file(self) -> None:
        """They do no harm."""
        server = MxisdProcess(self.folder, {}).start()
        self.addCleanup(server.stop)
        for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE):
            os.kill(server.pid, number)
            self.assertEqual(server.get("/status")[0], 200)
