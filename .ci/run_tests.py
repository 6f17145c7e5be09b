"""
Run checks and tests side by side, and count them.

usage: run_tests.py lint | trial | check | all [AT_ONCE]

``check`` is ``lint`` and ``trial``; ``all`` adds the tests that start real servers.
So many programs run at a time: twice as many as there are processors, since most tests
wait most of the time, unless the second argument says otherwise. What one of them has
printed is shown when it has ended. It may last as long as it likes, but is ended where
nothing is heard of it for some minutes.

Each lint step counts as one, and so does each test. The last lines on the standard
output name what failed, and the very last is ``N passed, M failed``; the exit code is 1
if anything failed.
"""

import os
import re
import signal
import sys
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from side_by_side import Ended, Job, side_by_side

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
PARTS = {
    "lint": ("lint",),
    "trial": ("unit",),
    "check": ("lint", "unit"),
    "all": ("lint", "integration", "unit"),
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
TRIAL = [PYTHON, "-uXfaulthandler", "-m", "twisted.trial", "--reporter=bwverbose"]
AT_ONCE = 2 * max(1, min(os.cpu_count() or 1, 4))
SILENCE_SECONDS = 10 * 60
LONG = (
    *("synapse", "sql", "invitations", "wordpress", "import", "admin"),
    *("strangers", "ldap", "firebase", "active"),
)
"""Topics that take longest; they begin, so that at the end nobody waits for one."""
VERDICT = re.compile(r"(?:PASSED|FAILED) \((?P<counts>[\w=, ]*)\)")
PASSED = ("successes", "expectedFailures")
FAILED = ("failures", "errors", "unexpectedSuccesses")
STARTED = re.compile(r"(\S+) \.\.\. ")
GOOD, BAD = re.compile(r"\[(OK|SKIPPED|TODO)\]"), re.compile(r"\[(FAIL|ERR|SUCCESS!)")


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


# --- What there is to run -------------------------------------------------------------


def jobs(what: str, at_once: int) -> list[Job]:
    """The programs of some parts, in the order in which they begin."""
    found = {
        "lint": lint_jobs,
        "unit": lambda: unit_jobs(at_once),
        "integration": integration_jobs,
    }
    return [job for part in PARTS[what] for job in found[part]()]


def lint_jobs() -> list[Job]:
    """The lint steps."""
    return [Job(name, command, ROOT) for name, command in LINT.items()]


def unit_jobs(count: int) -> list[Job]:
    """
    The tests that need no server, dealt out.

    They are many small modules; a program for each would be busy with its imports.
    """
    names = unit_tests()
    count = min(count, len(names))
    return [
        trial_job(f"unit tests {n + 1} of {count}", names[n::count])
        for n in range(count)
    ]


def integration_jobs() -> list[Job]:
    """The tests that start servers, by what they are about; the longest ones begin."""
    topics: dict[str, list[str]] = {}
    for name in modules("integration/test_*.py"):
        topics.setdefault(topic(name), []).append(name)
    first = sorted(topics, key=lambda name: (name not in LONG, name))
    return [trial_job(f"{name} with servers", topics[name]) for name in first]


def topic(module: str) -> str:
    """The first word of a module's name; modules that share it share servers."""
    return module.rpartition(".test_")[2].partition("_")[0]


def unit_tests() -> list[str]:
    """The modules of tests that need no server."""
    found = modules("**/test_*.py")
    return [name for name in found if not name.startswith("tests.integration.")]


def modules(pattern: str) -> list[str]:
    """Modules of tests by their place in the folder, in order."""
    paths = sorted((ROOT / "tests").glob(pattern))
    return [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths]


def trial_job(name: str, tests: Sequence[str]) -> Job:
    """A run of trial."""
    folder = f"--temp-directory=_trial_temp_{name.replace(' ', '_')}"
    return Job(name, [*TRIAL, folder, *tests], ROOT)


# --- How it went ----------------------------------------------------------------------


def judged(ended: Ended) -> Tally:
    """Count what a job has done."""
    if ended.job.name in LINT:
        return Tally(failed=1) if ended.exit_code else Tally(passed=1)
    return tally(ended.output.splitlines(), ended.exit_code)


def show(ended: Ended, result: Tally) -> None:
    """Print a job's output, and what became of it."""
    print(f"== {ended.job.name}", ended.output.rstrip(), sep="\n")
    if ended.was_silent:
        print(f"== Nothing was heard of it for {SILENCE_SECONDS} s; it was killed.")
    print(
        f"== {ended.job.name}: {result.passed} passed, {result.failed} failed,"
        f" {result.skipped} skipped, {ended.seconds:.0f} s\n",
        flush=True,
    )


def failures(ended: Ended) -> list[str]:
    """The tests that failed, hung or crashed; the job's own name if there are none."""
    names, test = list[str](), ""
    for line in ended.output.splitlines():
        if started := STARTED.match(line):
            test = started[1]
        if test and BAD.search(line):
            names.append(test)
        if GOOD.search(line) or BAD.search(line):
            test = ""
    return [*names, test] if test else names or [ended.job.name]


def run(what: str, at_once: int) -> Tally:
    """Run what was asked for, and tell how it goes."""
    total, failed = Tally(), list[str]()
    todo = jobs(what, at_once)
    with closing(side_by_side(todo, at_once, SILENCE_SECONDS)) as results:
        for ended in results:
            result = judged(ended)
            show(ended, result)
            total += result
            failed += failures(ended) if result.failed else []
    for name in failed:
        print(f"== FAILED: {name}")
    return total


def main(what: str, at_once: int = AT_ONCE) -> int:
    """Run what was asked for; the exit code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit("terminated"))
    total = run(what, at_once)
    if total.skipped:
        print(f"== {total.skipped} tests were SKIPPED; the reasons are above.")
        if os.environ.get("CI"):
            print("== With CI set that is a failure each.")
            total += Tally(failed=total.skipped)
    print(f"{total.passed} passed, {total.failed} failed", flush=True)
    return 1 if total.failed else 0


if __name__ == "__main__":
    what, *more = sys.argv[1:] or ["help"]
    if what not in PARTS or len(more) > 1 or not all(map(str.isdecimal, more)):
        sys.exit(__doc__)
    sys.exit(main(what, *map(int, more)))
