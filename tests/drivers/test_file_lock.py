"""Locks."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mxisd.drivers.file_lock import FileLock, LockHeld

HOLDER = """
import sys, time
from pathlib import Path
from mxisd.drivers.file_lock import FileLock
lock = FileLock.taken(Path(sys.argv[1]), "since noon")
print("held", flush=True)
time.sleep(60)
"""
OUTLIVING = "import time; print('here', flush=True); time.sleep(60)"


class FileLockTests(SynchronousTestCase):
    """One at a time."""

    def setUp(self) -> None:
        """A place for it."""
        self.path = Path(self.mktemp())

    def take(self) -> FileLock:
        """Take it until the test ends."""
        lock = FileLock.taken(self.path, "since noon")
        self.addCleanup(lock.release)
        return lock

    def refusal(self) -> str:
        """What somebody else is told."""
        with self.assertRaises(LockHeld) as caught:
            FileLock.taken(self.path, "")
        return str(caught.exception)

    def test_who_comes_second_is_told_of_the_first(self) -> None:
        """The process, the machine and the note."""
        lock = self.take()
        expected = f"process {os.getpid()} on {os.uname().nodename}, since noon"
        self.assertEqual(self.refusal(), expected)
        lock.release()
        self.take()

    def test_a_lock_without_a_word(self) -> None:
        """What the file holds is not needed, and not trusted."""
        self.take()
        self.path.write_text("\x1b[31m\nred")
        self.assertEqual(self.refusal(), "[31mred")
        self.path.write_bytes(b"")
        self.assertEqual(self.refusal(), "another process")

    def test_a_killed_process_leaves_no_lock(self) -> None:
        """Its file stays, and means nothing."""
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        with subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(self.path)],
            stdout=subprocess.PIPE,
            env=environment,
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            self.assertIn(f"process {process.pid} on", self.refusal())
            process.send_signal(signal.SIGKILL)
            process.wait()
        self.take()

    def test_programs_do_not_inherit_it(self) -> None:
        """A program that outlives the server does not keep its place."""
        lock = self.take()
        with subprocess.Popen(
            [sys.executable, "-c", OUTLIVING], close_fds=False, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            lock.release()
            self.take()
            process.kill()

    def test_a_fork_hands_it_on(self) -> None:
        """A daemon holds what its parent took, and says who it is."""
        lock = self.take()
        read, write = os.pipe()
        child = os.fork()
        if not child:
            lock.sign()
            os.read(read, 1)
            os._exit(0)
        os.close(read)
        lock.release()
        for _ in range(1000):
            if f"process {child} " in self.refusal():
                break
        self.assertIn(f"process {child} on", self.refusal())
        os.close(write)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        self.take()
