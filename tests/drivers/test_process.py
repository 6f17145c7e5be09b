"""Tests of programs that are run, with real ones."""

import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mxisd.drivers.process import Finished, NotExecutable, Processes, Program, running
from mxisd.errors import StoreUnavailable
from tests.clocks import HeldReactor

PATIENCE = 60.0


def alive(pid: int) -> bool:
    """Whether a process is there; a zombie is."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def runs(pid: int) -> bool:
    """Whether a process is there and no zombie: nobody hurries to bury an orphan."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


class ProcessCase(TestCase):
    """
    Runs small scripts of sh.

    Their time passes when a test says so: they may take as long as the machine needs.
    """

    timeout = 120

    def setUp(self) -> None:
        """Make a folder."""
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.time = HeldReactor(reactor)
        self.processes = self.made(4)

    def made(self, limit: int) -> Processes:
        """Processes that end with the test."""
        made = Processes(self.time, limit)
        self.addCleanup(self.close, made)
        return made

    async def close(self, processes: Processes) -> None:
        """End everything, also what will not go."""
        closing = Deferred.fromCoroutine(processes.close())
        self.time.advance(running.GRACE)
        await closing

    def sh(self, script: str, *args: str, **more: Any) -> Program:
        """A program that is a script."""
        more.setdefault("seconds", PATIENCE)
        return Program(argv=["sh", "-c", script, "sh", *args], **more)

    async def run_sh(self, script: str, *args: str, **more: Any) -> Finished:
        """Run a script."""
        return await self.processes.run(self.sh(script, *args, **more))

    def start_sh(self, script: str, **more: Any) -> "Deferred[Finished]":
        """Run a script; goes on at once."""
        return Deferred.fromCoroutine(self.run_sh(script, **more))

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until something is so."""
        end = reactor.seconds() + PATIENCE
        while not condition():
            self.assertLess(reactor.seconds(), end, what)
            await deferLater(reactor, 0.02)

    async def pid_in(self, name: str) -> int:
        """The number that a script has written into a file."""
        path = self.folder / name
        await self.until(
            lambda: path.exists() and path.read_text().endswith("\n"), name
        )
        return int(path.read_text())


class RunTests(ProcessCase):
    async def test_output_and_exit_code(self) -> None:
        """Both outputs come apart, with the exit code."""
        finished = await self.run_sh("echo out; echo err >&2; exit 7")
        self.assertEqual(finished, Finished(code=7, stdout=b"out\n", stderr=b"err\n"))

    async def test_arguments_are_literal(self) -> None:
        """No shell sees them, and any Unicode arrives as UTF-8."""
        odd = ["$(id)", "a b", "'", '"', "*", "", "\n", "ü☃", "-n", "`id`;"]
        finished = await self.run_sh("printf '%s\\0' \"$@\"", *odd)
        self.assertEqual(finished.stdout.decode().split("\0")[:-1], odd)

    async def test_environment(self) -> None:
        """The server's own, and what joins it."""
        finished = await self.run_sh(
            'printf %s "$MINE|$HOME"', env={"MINE": "ü", "HOME": "/else"}
        )
        self.assertEqual(finished.stdout.decode(), "ü|/else")
        path = await self.run_sh('printf %s "$PATH"')
        self.assertEqual(path.stdout.decode(), os.environ["PATH"])

    async def test_input(self) -> None:
        """It is written, and closed."""
        many = b"x" * 1_000_000
        finished = await self.run_sh("wc -c", stdin=many)
        self.assertEqual(int(finished.stdout), len(many))
        self.assertEqual((await self.run_sh("cat")).stdout, b"")

    async def test_input_that_nobody_reads(self) -> None:
        """A program may end without reading a megabyte, and answers nevertheless."""
        finished = await self.run_sh("echo done", stdin=b"x" * 1_000_000)
        self.assertEqual((finished.code, finished.stdout), (0, b"done\n"))

    async def test_input_that_is_closed_early(self) -> None:
        """A program that closes stdin and goes on has its answer read."""
        finished = await self.run_sh(
            "exec 0<&-; sleep 0.2; echo done", stdin=b"x" * 1_000_000
        )
        self.assertEqual((finished.code, finished.stdout), (0, b"done\n"))

    async def test_nothing_is_inherited(self) -> None:
        """Open files and sockets of the server stay its own."""
        with open(self.folder / "open", "wb") as kept:
            os.set_inheritable(kept.fileno(), True)
            program = Program(
                argv=[
                    sys.executable,
                    "-c",
                    "import os; print(os.listdir('/proc/self/fd'))",
                ],
                seconds=PATIENCE,
            )
            finished = await self.processes.run(program)
        numbers = eval(finished.stdout)
        # One more is the folder itself, while it is read.
        self.assertEqual(sorted(numbers), ["0", "1", "2", "3"])

    async def test_missing_program(self) -> None:
        """That is told apart from one that fails."""
        not_executable = self.folder / "text"
        not_executable.write_text("echo\n")
        for path, words in (
            (str(self.folder / "missing"), "no such program"),
            (str(not_executable), "may execute"),
            (str(self.folder), "may execute"),
            ("no-such-program-anywhere", "no such program"),
        ):
            with self.assertRaises(NotExecutable) as caught:
                await self.processes.run(Program(argv=[path]))
            self.assertIn(words, str(caught.exception))

    async def test_arguments_that_are_too_long(self) -> None:
        """What the system refuses is an outage, and takes no turn away."""
        processes = self.made(1)
        with self.assertRaises(StoreUnavailable):
            await processes.run(self.sh("true", "x" * 8_000_000))
        self.assertEqual((await processes.run(self.sh("true"))).code, 0)

    async def test_killed_by_a_signal(self) -> None:
        """There is no exit code, and the signal is told."""
        finished = await self.run_sh("kill -9 $$")
        self.assertIsNone(finished.code)
        self.assertIn("signal 9", finished.trouble)

    async def test_nothing_shows_what_it_was_told(self) -> None:
        """A representation has no argument, variable or input."""
        shown = repr(self.sh("true", "secret", env={"A": "secret"}, stdin=b"secret"))
        self.assertNotIn("secret", shown)


class EndTests(ProcessCase):
    async def test_one_that_hangs(self) -> None:
        """It is given up after its time, and ended."""
        script = f"echo $$ > {self.folder}/pid; echo some; sleep 1000"
        hanging = self.start_sh(script, seconds=4)
        pid = await self.pid_in("pid")
        self.time.advance(3.9)
        self.assertNoResult(hanging)
        self.time.advance(0.1)
        finished = self.successResultOf(hanging)
        self.assertIsNone(finished.code)
        self.assertIn("no end after 4 s", finished.trouble)
        await self.until(lambda: not alive(pid), "the process is gone")

    async def test_one_that_will_not_go(self) -> None:
        """Who ignores the first signal gets another one."""
        script = (
            f"trap 'echo > {self.folder}/asked' TERM; echo $$ > {self.folder}/pid; "
            "while :; do sleep 0.1; done"
        )
        stubborn = self.start_sh(script, seconds=4)
        pid = await self.pid_in("pid")
        self.time.advance(4)
        self.assertIsNone(self.successResultOf(stubborn).code)
        await self.until((self.folder / "asked").exists, "the first signal")
        self.assertTrue(alive(pid))
        self.time.advance(running.GRACE)
        await self.until(lambda: not alive(pid), "the process is gone")

    async def test_children_go_too(self) -> None:
        """Also those that ignore the first signal, in the background or not."""
        script = (
            "(trap '' TERM; "
            f'exec sh -c \'trap "" TERM; echo $$ > {self.folder}/child; '
            "while :; do sleep 1; done' >/dev/null 2>&1) & wait"
        )
        hanging = self.start_sh(script, seconds=4)
        pid = await self.pid_in("child")
        self.time.advance(4)
        self.assertIsNone(self.successResultOf(hanging).code)
        await self.until(lambda: not runs(pid), "the child is gone")

    async def test_one_whose_child_keeps_the_pipe(self) -> None:
        """The answer ends when the last one who can add to it has ended."""
        script = (
            f"sleep 1000 & echo $! > {self.folder}/child; echo $$ > {self.folder}/pid"
        )
        answering = self.start_sh(script, seconds=4)
        pid, child = await self.pid_in("pid"), await self.pid_in("child")
        await self.until(lambda: not alive(pid), "the program has ended")
        self.assertNoResult(answering)
        self.time.advance(4)
        self.assertIn("no end", self.successResultOf(answering).trouble)
        await self.until(lambda: not runs(child), "the child is gone")

    async def test_one_whose_child_left_the_group(self) -> None:
        """Nobody waits for a daemon that keeps the pipe, and its turn is free again."""
        processes = self.made(1)
        script = f"setsid sh -c 'echo $$ > {self.folder}/pid; exec sleep 1000' & wait"
        hanging = Deferred.fromCoroutine(processes.run(self.sh(script, seconds=4)))
        pid = await self.pid_in("pid")
        self.time.advance(4)
        self.assertIsNone(self.successResultOf(hanging).code)
        self.time.advance(running.GRACE)
        self.assertEqual((await processes.run(self.sh("true"))).code, 0)
        os.kill(pid, signal.SIGKILL)

    async def test_floods(self) -> None:
        """Too much on either output ends the program, and memory stays small."""
        for redirection in ("", ">&2"):
            finished = await self.run_sh(f"yes {redirection}", output_bytes=100_000)
            self.assertIn("more than 100000 bytes", finished.trouble)
            self.assertLess(len(finished.stdout), 300_000)
            self.assertLessEqual(len(finished.stderr), running.STDERR_KEPT)

    async def test_cancelled(self) -> None:
        """Who does not wait any more ends it."""
        script = f"echo $$ > {self.folder}/pid; exec sleep 1000"
        running = Deferred.fromCoroutine(self.run_sh(script))
        pid = await self.pid_in("pid")
        running.cancel()
        await self.assertFailure(running, CancelledError)
        await self.until(lambda: not alive(pid), "the process is gone")

    async def test_cancelled_at_once(self) -> None:
        """Even before it had the time to begin."""
        running = Deferred.fromCoroutine(self.run_sh("exec sleep 1000"))
        running.cancel()
        await self.assertFailure(running, CancelledError)
        await self.processes.close()

    async def test_close(self) -> None:
        """Everything is ended and gone; what waits, and what comes, is refused."""
        processes = self.made(1)
        script = f"echo $$ > {self.folder}/pid; exec sleep 1000"
        first = Deferred.fromCoroutine(processes.run(self.sh(script)))
        second = Deferred.fromCoroutine(processes.run(self.sh("true")))
        pid = await self.pid_in("pid")
        await processes.close()
        self.assertFalse(alive(pid))
        self.assertIn("server stops", (await first).trouble)
        await self.assertFailure(second, StoreUnavailable)
        with self.assertRaises(StoreUnavailable):
            await processes.run(self.sh("true"))

    async def test_close_with_many_waiting(self) -> None:
        """Thousands that wait for their turn are refused."""
        processes = self.made(1)
        waiting = [
            Deferred.fromCoroutine(processes.run(self.sh("exec sleep 1000")))
            for _ in range(3000)
        ]
        await processes.close()
        await waiting.pop(0)
        for each in waiting:
            await self.assertFailure(each, StoreUnavailable)

    async def test_no_more_than_the_limit(self) -> None:
        """Others wait for their turn, and everyone gets one."""
        script = "cd $1; mkdir $$; set -- [0-9]*; echo $#; sleep 0.02; rmdir $$"
        processes = self.made(3)
        waiting = [
            Deferred.fromCoroutine(processes.run(self.sh(script, str(self.folder))))
            for _ in range(60)
        ]
        counts = [int((await each).stdout) for each in waiting]
        self.assertLessEqual(max(counts), 3)

    async def test_no_zombies(self) -> None:
        """After many programs of all kinds no child is left."""
        printed = []
        for script in ("true", "exit 3", "kill -9 $$"):
            for _ in range(5):
                finished = await self.run_sh(f"echo $$; {script}")
                printed.append(int(finished.stdout))
        for number in range(5):
            path = f"{self.folder}/{number}"
            hanging = self.start_sh(f"echo $$ > {path}; sleep 1000", seconds=1)
            printed.append(await self.pid_in(str(number)))
            self.time.advance(1)
            self.assertIn("no end", self.successResultOf(hanging).trouble)
        await self.processes.close()
        self.assertEqual([pid for pid in printed if alive(pid)], [])


class StreamTests(ProcessCase):
    async def test_parts_come_one_by_one(self) -> None:
        """No part comes before the one before it was taken, and none is lost."""
        taken: list[bytes] = []
        busy = 0

        async def take(data: bytes) -> None:
            nonlocal busy
            self.assertEqual(busy, 0)
            busy += 1
            if len(taken) < 20:
                await deferLater(reactor, 0.01)
            taken.append(data)
            busy -= 1

        program = self.sh("seq 100000; echo err >&2; exit 3", seconds=PATIENCE)
        finished = await self.processes.stream(program, take)
        self.assertEqual((finished.code, finished.stdout), (3, b""))
        self.assertEqual(finished.stderr, b"err\n")
        lines = b"".join(taken).split()
        self.assertEqual(lines, [b"%d" % i for i in range(1, 100_001)])

    async def test_the_program_waits(self) -> None:
        """What is not taken is not printed: memory does not grow."""
        gate: Deferred[None] = Deferred()
        parts = 0

        async def take(data: bytes) -> None:
            nonlocal parts
            parts += 1
            await gate

        running = Deferred.fromCoroutine(
            self.processes.stream(self.sh("yes", seconds=3), take)
        )
        await self.until(lambda: parts == 1, "the first part is there")
        await self.time.rest(0.2)
        # Longer than it may be silent: now it is we who are slow.
        self.time.advance(4)
        self.assertEqual(parts, 1)
        self.assertFalse(running.called)
        running.cancel()
        await self.assertFailure(running, CancelledError)

    async def test_a_refusal_ends_it(self) -> None:
        """What the taker raises is raised, and nothing more is handed on."""
        calls = 0

        async def take(data: bytes) -> None:
            nonlocal calls
            calls += 1
            raise ValueError("full")

        with self.assertRaises(ValueError):
            await self.processes.stream(self.sh("yes"), take)
        await self.processes.close()
        self.assertEqual(calls, 1)

    async def test_silence(self) -> None:
        """It may last long, but not be silent for long."""
        parts = 0

        async def take(data: bytes) -> None:
            nonlocal parts
            parts += 1

        def has_taken(count: int) -> bool:
            return parts == count

        script = (
            "for i in 1 2 3; do echo; "
            f"until [ -e {self.folder}/$i ]; do sleep 0.02; done; done; sleep 1000"
        )
        slow = Deferred.fromCoroutine(
            self.processes.stream(self.sh(script, seconds=5), take)
        )
        for number in (1, 2, 3):
            await self.until(partial(has_taken, number), "another part")
            self.time.advance(4)
            self.assertNoResult(slow)
            (self.folder / str(number)).touch()
        self.time.advance(1)
        finished = self.successResultOf(slow)
        self.assertIn("printed nothing for 5 s", finished.trouble)

    async def test_close_while_something_is_taken(self) -> None:
        """The taker is cancelled."""
        gate: Deferred[None] = Deferred()
        began: Deferred[None] = Deferred()
        ended: list[bool] = []

        async def take(data: bytes) -> None:
            began.callback(None)
            try:
                await gate
            except CancelledError:
                ended.append(True)
                raise

        running = Deferred.fromCoroutine(self.processes.stream(self.sh("yes"), take))
        await began
        await self.processes.close()
        self.assertIn("server stops", (await running).trouble)
        self.assertEqual(ended, [True])
