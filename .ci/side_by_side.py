"""Programs that run side by side, each with its output kept for itself."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

MARK = f"MXISD_TESTS_{os.getpid()}"
"""A variable that whatever a job starts finds in its environment, and is known by."""

LOOK_SECONDS = 0.1
ABORT_SECONDS = 5.0


@dataclass(frozen=True)
class Job:
    """
    A program to run.

    :ivar name: What people call it; no two have the same.
    """

    name: str
    command: Sequence[str]
    folder: Path


@dataclass(frozen=True)
class Ended:
    """
    A job that has come to its end.

    :ivar exit_code: Negative if a signal ended it.
    :ivar was_silent: Whether it was ended since nothing was heard of it for too long.
    """

    job: Job
    exit_code: int
    was_silent: bool
    seconds: float
    output: str


def side_by_side(
    jobs: Sequence[Job], at_once: int, silence_seconds: float
) -> Iterator[Ended]:
    """
    Run jobs, the first ones first, and give each when it has ended.

    Nothing that a job has started outlives it; nothing at all outlives the iterator,
    which is to be closed.

    :param silence_seconds: How long a job may print nothing. One that hangs is aborted:
        with Python's fault handler, its output ends with where it stood.
    """
    waiting, running = list(jobs), list[_Running]()
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                running.append(_Running(waiting.pop(0)))
            for each in list(running):
                if each.is_over() or each.is_silent_for(silence_seconds):
                    ended = each.end()
                    running.remove(each)
                    yield ended
            time.sleep(LOOK_SECONDS)
    finally:
        for each in running:
            each.kill()


class _Running:
    def __init__(self, job: Job) -> None:
        self._job = job
        self._began = self._heard_at = time.monotonic()
        self._heard_bytes = 0
        self._was_silent = False
        self._output = TemporaryFile("ab+")  # noqa: SIM115
        self._process = subprocess.Popen(
            job.command,
            cwd=job.folder,
            env={**os.environ, MARK: job.name},
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            process_group=0,
        )

    def is_over(self) -> bool:
        return self._process.poll() is not None

    def is_silent_for(self, seconds: float) -> bool:
        size = os.fstat(self._output.fileno()).st_size
        if size != self._heard_bytes:
            self._heard_bytes, self._heard_at = size, time.monotonic()
        self._was_silent = time.monotonic() - self._heard_at > seconds
        return self._was_silent

    def end(self) -> Ended:
        if self._was_silent:
            self._abort()
        self.kill()
        seconds = time.monotonic() - self._began
        with self._output:
            self._output.seek(0)
            output = self._output.read().decode(errors="replace")
        code = self._process.returncode
        return Ended(self._job, code, self._was_silent, seconds, output)

    def kill(self) -> None:
        """End whatever is left of it."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for pid in self._strays():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def _abort(self) -> None:
        self._process.send_signal(signal.SIGABRT)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(ABORT_SECONDS)

    def _strays(self) -> Iterator[int]:
        """Processes of the job in groups of their own."""
        mark = f"{MARK}={self._job.name}".encode()
        for path in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                if mark in path.read_bytes().split(b"\0"):
                    yield int(path.parent.name)
