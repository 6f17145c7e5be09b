"""
A server that is killed at a commit of an invitation's life.

usage: python -m tests.integration.dying before|after NUMBER CONFIG

The process kills itself right before or right after that commit, counted from one, of
those that changed something about invites.
"""

import os
import re
import signal
import sqlite3
import subprocess
import sys
from functools import partial
from typing import Any

import yaml
from twisted.scripts.twistd import run

from tests.integration.server import MxisdProcess, wait_until

CHANGE = re.compile(r"(INSERT INTO|UPDATE|DELETE FROM) (invites|deliveries|invite_m)")


class DyingConnection(sqlite3.Connection):
    """Counts commits."""

    moment = ""
    number = 0
    count = 0
    _has_changed = False

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        """Run a statement, or die."""
        self._has_changed |= CHANGE.match(sql) is not None
        if sql != "COMMIT" or not self._has_changed:
            return super().execute(sql, *parameters)
        self._has_changed = False
        DyingConnection.count += 1
        self._die("before")
        cursor = super().execute(sql)
        self._die("after")
        return cursor

    def _die(self, moment: str) -> None:
        if (self.moment, self.number) == (moment, self.count):
            os.kill(os.getpid(), signal.SIGKILL)


class DyingProcess(MxisdProcess):
    """
    A server that is killed at a commit, and lives on after it has been revived.

    :ivar deaths: How often it was found dead.
    """

    deaths = 0

    def start_dying(self, moment: str, number: int) -> None:
        """Start the one that is to die."""
        path = self.folder / "mxisd.yaml"
        path.write_text(yaml.safe_dump(self.config))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, moment, str(number), str(path)],
                stdout=log,
                stderr=log,
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                },
            )
        wait_until(lambda: self.is_dead or self._is_up(), "mxisd answers, or died")

    @property
    def is_dead(self) -> bool:
        """Whether it was killed."""
        assert self._process is not None
        return self._process.poll() is not None

    def revive(self) -> None:
        """Start it again if it is dead; it does not die any more."""
        if self.is_dead:
            assert self._process is not None
            assert self._process.returncode == -signal.SIGKILL, self.log.read_text()
            self.deaths += 1
            self.start()


def main(moment: str, number: str, config: str) -> None:
    """Serve until killed."""
    DyingConnection.moment, DyingConnection.number = moment, int(number)
    connect: Any = partial(sqlite3.connect, factory=DyingConnection)
    sqlite3.connect = connect
    sys.argv = ["twistd", "-n", "--pidfile=", "mxisd", "-c", config]
    run()


if __name__ == "__main__":
    main(*sys.argv[1:])
