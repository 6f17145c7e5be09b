"""What test servers for databases have in common."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import weakref
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SkipTest

from mxisd.drivers.sql.address import DatabaseAddress
from tests.integration.server import free_port
from tests.tls import CertificateAuthority

START_SECONDS = 60.0


class DatabaseServer:
    """
    A server on a free loopback port, in a folder of its own.

    It runs under an ordinary account, also where the tests are run by root.

    :ivar host: Where it listens.
    :ivar ca_file: Who has signed its certificate.
    """

    title = ""
    accounts: Sequence[str] = ("nobody",)
    quiet_end = signal.SIGINT
    crash = signal.SIGQUIT

    def __init__(self) -> None:
        """
        Prepare a server; nothing is started yet.

        :raise SkipTest: If it is not installed; a failure where ``CI`` is set.
        """
        self.folder = Path(tempfile.mkdtemp(prefix="mxisd-db-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._removal = weakref.finalize(self, shutil.rmtree, self.folder, True)
        self.host, self.port = "127.0.0.1", free_port()
        self.data = self.folder / "data"
        authority = CertificateAuthority(self.folder / "tls")
        issued = authority.issue("127.0.0.1", "localhost")
        self.ca_file = str(authority.ca_file)
        self.certificate = shutil.copy(issued.cert_file, self.folder / "server.pem")
        self.key = shutil.copy(issued.key_file, self.folder / "server.key")
        Path(self.key).chmod(0o600)
        self._how = self._ordinary()
        self._names = count(1)
        self.initialise()

    # --- What differs -----------------------------------------------------------------

    def initialise(self) -> None:
        """Make what the server finds when it starts."""
        raise NotImplementedError

    def command(self) -> Sequence[str]:
        """How it is started."""
        raise NotImplementedError

    def execute(
        self, sql: str, parameters: Any = None, database: str = ""
    ) -> Sequence[tuple[Any, ...]]:
        """Run a statement as administrator, and commit; gives its rows."""
        raise NotImplementedError

    def fill(self, sql: str, rows: Sequence[Any], database: str = "") -> None:
        """Run a statement for each row of parameters."""
        raise NotImplementedError

    def address(self, database: str = "", **more: Any) -> DatabaseAddress:
        """Where a database of this server is."""
        raise NotImplementedError

    # --- What does not ----------------------------------------------------------------

    def new_database(self) -> str:
        """Make an empty database; gives its name."""
        name = f"test{next(self._names)}"
        self.execute(f"CREATE DATABASE {name}")
        return name

    def start(self) -> None:
        """Start, and return when it answers."""
        with open(self.folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                self.command(), stdout=log, stderr=log, **self._how
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            has_ended = self._process.poll() is not None
            if has_ended or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"{self.title} did not start: {self.log()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End it in good order, also when paused; data and port stay."""
        self._end(self.quiet_end)

    def kill(self) -> None:
        """End it as a crash does."""
        self._end(self.crash)

    def restart(self) -> None:
        """Stop and start again."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Let it hang: connections are accepted, nothing is answered."""
        self._signal(signal.SIGSTOP)
        deadline = time.monotonic() + START_SECONDS
        while not all(map(_is_stopped, self._pids())):
            assert time.monotonic() < deadline, f"{self.title} does not stop"
            time.sleep(0.01)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def remove(self) -> None:
        """Stop and delete everything."""
        self.stop()
        self._removal()

    def log(self) -> str:
        """What it has logged."""
        return (self.folder / "log").read_text(errors="replace")

    def run(self, *command: str) -> None:
        """Run a program under the server's account."""
        done = subprocess.run(command, capture_output=True, check=False, **self._how)
        assert done.returncode == 0, done.stderr.decode(errors="replace")

    def _answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except Exception:
            return False
        return True

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self.resume()
            self._process.send_signal(number)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _signal(self, number: signal.Signals) -> None:
        for pid in self._pids():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _pids(self) -> list[int]:
        """The server and its children."""
        assert self._process is not None, f"{self.title} is not running"
        first = self._process.pid
        tasks = Path(f"/proc/{first}/task").glob("*/children")
        children = [int(pid) for task in tasks for pid in task.read_text().split()]
        return [first, *children]

    def _ordinary(self) -> dict[str, Any]:
        how: dict[str, Any] = {"cwd": self.folder}
        if os.geteuid() != 0:
            return how
        account = next(filter(None, map(_account, self.accounts)))
        for path in (self.folder, *self.folder.rglob("*")):
            os.chown(path, account.pw_uid, account.pw_gid)
        who = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        return {**how, **who}


def program(name: str, package: str, folders: str = "") -> str:
    """
    Where a program is.

    :raise SkipTest: If it is not installed; a failure where ``CI`` is set.
    """
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:{folders}"
    found = shutil.which(name, path=path)
    if found is not None:
        return found
    if os.environ.get("CI"):
        raise AssertionError(f"{name} is missing: apt-get install {package}")
    raise SkipTest(f"{name} IS MISSING: apt-get install {package}")


def _account(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _is_stopped(pid: int) -> bool:
    # On a busy machine a signal takes its time to reach every thread.
    try:
        stats = [s.read_text() for s in Path(f"/proc/{pid}/task").glob("*/stat")]
    except OSError:
        return True
    return all(stat.rpartition(")")[2].split()[0] in "TZ" for stat in stats)
