"""A disk that is full, for a while."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from twisted.trial.unittest import SynchronousTestCase

from tests.integration.server import PATIENCE, TWISTD, MxisdProcess, wait_until

FRESH_SECONDS = 5
"""A write that succeeded is believed for so long."""


class _Piped(MxisdProcess):
    """A server whose log is on another disk."""

    def start(self) -> "_Piped":
        """Start, and wait for the first answer."""
        path = self.folder / "mxisd.yaml"
        path.write_text(yaml.safe_dump(self.config))
        search = os.pathsep.join(filter(None, sys.path))
        self._process = subprocess.Popen(
            [*TWISTD, "-n", "--pidfile=", "mxisd", "-c", str(path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": search},
        )
        wait_until(self._is_up, "mxisd answers")
        return self

    def limit(self, limit_bytes: int) -> None:
        """Let no file of the server grow beyond this."""
        assert self._process is not None
        hard = resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE)[1]
        limits = (limit_bytes, hard)
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, limits)

    def ended(self) -> list[str]:
        """Stop it; the lines of its log."""
        assert self._process is not None
        process, self._process = self._process, None
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=PATIENCE)
        return output.decode().splitlines()


class FullDiskTests(SynchronousTestCase):
    """What is said, and what goes on."""

    def setUp(self) -> None:
        """A server with an access log."""
        self.folder = Path(tempfile.mkdtemp(prefix="mxisd-test-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.access_log = self.folder / "access.log"
        config: dict[str, Any] = {"logging": {"access": str(self.access_log)}}
        self.server = _Piped(self.folder, config)
        self.addCleanup(self.server.stop)
        self.server.start()

    def fill(self) -> None:
        """Leave no room: neither in the write-ahead log nor in the access log."""
        for _ in range(2):
            self.server.get("/status")
        wait_until(self.access_log.exists, "the access log is written")
        self.server.limit((self.folder / "mxisd.db-wal").stat().st_size)
        # What comes next would be beyond it.
        os.truncate(self.access_log, (self.folder / "mxisd.db-wal").stat().st_size)

    def test_it_is_told_while_it_is_so_and_no_longer(self) -> None:
        """503 and one line; 200 and one line; and requests are answered throughout."""
        self.fill()
        wait_until(self.is_down, "the status tells", FRESH_SECONDS + PATIENCE)
        for _ in range(5):
            self.assertTrue(self.is_down())
            self.assertEqual(self.server.get("/version")[0], 200)
            signal.sigtimedwait([], 1.1)
        self.server.limit(resource.RLIM_INFINITY)
        wait_until(lambda: not self.is_down(), "the status tells that it is over")
        for _ in range(3):
            self.assertEqual(self.server.get("/status")[0], 200)
        lines = self.server.ended()
        for words in ("cannot be written:", "database can be written again"):
            found = [line for line in lines if words in line and "database" in line]
            self.assertEqual(len(found), 1, "\n".join(lines))
        self.assertFalse([line for line in lines if "Traceback" in line])

    def is_down(self) -> bool:
        """Whether the status is 503."""
        return bool(self.server.get("/status")[0] == 503)
