"""
Put small faults into a copy of the code, and count those that the tests notice.

usage: mutants.py SEED [COUNT]

A sample of ``COUNT`` (300) faults of mutmut is drawn with ``SEED``, so that the same
code gives the same sample. Each is tried against those of the server-free tests that
run the function it is in. Texts of log lines are left alone. What nobody noticed is
printed with its difference.
"""

import ast
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from shutil import copy2, rmtree

ROOT = Path(__file__).resolve().parent.parent
COPY = ROOT / "build" / "mutants"
PATHS = (
    "mxisd/model/*",
    "mxisd/resolver/*",
    "mxisd/features/*",
    "mxisd/web/authorization.py",
)
TESTS = ("tests/model", "tests/resolver", "tests/features", "tests/web")
BESIDE = ("contrib", "docs", "sample.yaml", "setup.py", "README.rst", "twisted")
MARK = "  # pragma: no mutate"
FEW_EXAMPLES = """
settings.register_profile(
    "mutants", settings.get_profile("mxisd"), max_examples=20, database=None
)
settings.load_profile("mutants")
"""
UNNOTICED = {0: "survived", 33: "no test runs it", None: "was not tried"}


def marked(source: str) -> str:
    """A module's text in which lines that log are marked to be left alone."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("log."):
            for number in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                if not lines[number - 1].endswith(MARK):
                    lines[number - 1] += MARK
    return "".join(f"{line}\n" for line in lines)


def make_copy() -> None:
    """Copy the project, as it is now, without what was built."""
    rmtree(COPY, ignore_errors=True)
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.check_output(command, cwd=ROOT, text=True)
    for name in filter(lambda each: (ROOT / each).is_file(), names.splitlines()):
        (COPY / name).parent.mkdir(parents=True, exist_ok=True)
        copy2(ROOT / name, COPY / name)
    for path in COPY.glob("mxisd/**/*.py"):
        path.write_text(marked(path.read_text("utf-8")), "utf-8")
    with (COPY / "tests" / "__init__.py").open("a") as file:
        file.write(FEW_EXAMPLES)
    with (COPY / "setup.cfg").open("a") as file:
        file.write(configuration())


def configuration() -> str:
    """The section of mutmut."""
    keys: Mapping[str, Sequence[str]] = {
        "source_paths": ["mxisd"],
        "only_mutate": PATHS,
        "also_copy": BESIDE,
        "pytest_add_cli_args_test_selection": TESTS,
    }
    lines = [f"{key} =\n    " + "\n    ".join(keys[key]) for key in keys]
    return "\n[mutmut]\n" + "\n".join(lines) + "\n"


def mutmut(*arguments: str) -> str:
    """Run mutmut in the copy; what it printed."""
    command = [sys.executable, "-m", "mutmut", *arguments]
    printed, output = subprocess.PIPE, subprocess.STDOUT
    with subprocess.Popen(command, cwd=COPY, stdout=printed, stderr=output) as process:
        text = process.communicate()[0].decode("utf-8", "replace")
    if process.returncode:
        sys.exit(text[-4000:])
    return text


def outcomes() -> Mapping[str, int | None]:
    """What came of each fault; ``None`` before it is tried."""
    found: dict[str, int | None] = {}
    for path in COPY.glob("mutants/mxisd/**/*.meta"):
        found |= json.loads(path.read_text("utf-8"))["exit_code_by_key"]
    return found


def unnoticed(sample: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The faults that no test noticed, and why not."""
    codes = outcomes()
    for name in sorted(sample):
        if codes[name] in UNNOTICED:
            yield name, UNNOTICED[codes[name]]


def main(seed: int, count: int) -> int:
    """Draw, try and tell."""
    make_copy()
    # Whatever is run first, mutmut makes all faults, and learns which test runs what.
    mutmut("run", "mxisd.model.secret.*")
    known = sorted(outcomes())
    sample = random.Random(seed).sample(known, min(count, len(known)))  # noqa: S311
    print(f"seed {seed}: {len(sample)} of {len(known)} faults", flush=True)
    mutmut("run", "--max-children", str(os.cpu_count() or 1), *sample)
    left = list(unnoticed(sample))
    for name, why in left:
        print(f"== {name}: {why}\n{mutmut('show', name)}")
    killed = len(sample) - len(left)
    print(f"{killed} of {len(sample)} noticed: {killed / len(sample):.1%}")
    return 0


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    sys.exit(main(int(sys.argv[1]), int((*sys.argv, "300")[2])))
