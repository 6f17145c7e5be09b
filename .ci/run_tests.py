"""
Run checks and tests, and count them.

usage: run_tests.py lint | trial | check | all

``check`` is ``lint`` and ``trial``; ``all`` adds the tests that start real servers.
Each lint step counts as one, and so does each test. The last line on the standard
output is ``N passed, M failed``; the exit code is 1 if anything failed.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
PARTS = {
    "lint": ("lint",),
    "trial": ("unit",),
    "check": ("lint", "unit"),
    "all": ("lint", "unit", "integration"),
}
EXAMPLE = ROOT / "contrib" / "example_store"
LINT = {
    "ruff check": [PYTHON, "-m", "ruff", "check", "."],
    "ruff format": [PYTHON, "-m", "ruff", "format", "--check", "."],
    "mypy": [PYTHON, "-m", "mypy", "mxisd", "tests"],
    "mypy of the example": [
        "env",
        f"--chdir={EXAMPLE}",
        f"MYPYPATH={ROOT}",
        *(PYTHON, "-m", "mypy", "--config-file", str(ROOT / "setup.cfg")),
        *("mxisd_csv_store", "tests", "twisted/plugins/mxisd_csv_store.py"),
    ],
    "layers": [str(Path(PYTHON).with_name("lint-imports"))],
    "docs": [PYTHON, "-m", "sphinx", "-qNEW", "docs", "docs/_build/html"],
}
LIMIT_SECONDS = 20 * 60
VERDICT = re.compile(r"(?:PASSED|FAILED) \((?P<counts>[\w=, ]*)\)")
PASSED = ("successes", "expectedFailures")
FAILED = ("failures", "errors", "unexpectedSuccesses")


@dataclass(frozen=True)
class Tally:
    """How many passed, failed, and were skipped."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.passed + other.passed,
            self.failed + other.failed,
            self.skipped + other.skipped,
        )


def tally(lines: Iterable[str], exit_code: int) -> Tally:
    """
    Count the tests of one run of trial.

    A run without a verdict, without a test, or with a bad exit code that no count
    explains, has failed once.

    :param lines: What trial printed.
    """
    counts: dict[str, int] = {}
    for line in lines:
        if match := VERDICT.fullmatch(line.strip()):
            words = (word.split("=") for word in match["counts"].split(", "))
            counts = {name: int(number) for name, number in words}
    passed = sum(counts.get(name, 0) for name in PASSED)
    failed = sum(counts.get(name, 0) for name in FAILED)
    skipped = counts.get("skips", 0)
    if failed == 0 and (exit_code != 0 or passed + skipped == 0):
        failed = 1
    return Tally(passed, failed, skipped)


def lint() -> Tally:
    """Run the lint steps."""
    total = Tally()
    for name, command in LINT.items():
        print(f"== {name}", flush=True)
        code = subprocess.call(command, cwd=ROOT, stdin=subprocess.DEVNULL)
        total += Tally(failed=1) if code else Tally(passed=1)
        if code:
            print(f"== {name} failed", flush=True)
    return total


def trial(*options: str) -> Tally:
    """
    Run trial, and pass its output on.

    A run that hangs is killed, with all the servers it started.
    """
    command = [PYTHON, "-m", "twisted.trial", *options]
    print("==", *command[2:], flush=True)
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        process_group=0,
    )
    timer = Timer(LIMIT_SECONDS, os.killpg, (process.pid, signal.SIGKILL))
    timer.start()
    try:
        return tally(echoed(process.stdout or ()), process.wait())
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    finally:
        timer.cancel()


def echoed(lines: Iterable[str]) -> list[str]:
    """The lines, once each of them has been printed."""
    seen = []
    for line in lines:
        seen.append(line.rstrip("\n"))
        print(seen[-1], flush=True)
    return seen


def unit_tests() -> list[str]:
    """The packages and modules of tests that need no server."""
    found = (*ROOT.glob("tests/*/__init__.py"), *ROOT.glob("tests/test_*.py"))
    names = {
        path.parent.name if path.stem == "__init__" else path.stem for path in found
    }
    return [f"tests.{name}" for name in sorted(names - {"integration"})]


def main(what: str) -> int:
    """Run what was asked for, and tell how it went."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    total = Tally()
    for part in PARTS[what]:
        if part == "lint":
            total += lint()
        elif part == "unit":
            total += trial(*unit_tests())
        else:
            total += trial("tests.integration")
    if total.skipped:
        print(f"== {total.skipped} tests were SKIPPED; the reasons are above.")
        if os.environ.get("CI"):
            print("== With CI set that is a failure each.")
            total += Tally(failed=total.skipped)
    print(f"{total.passed} passed, {total.failed} failed", flush=True)
    return 1 if total.failed else 0


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in PARTS:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
