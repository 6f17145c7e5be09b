"""What third parties do: the example store, installed as theirs, and the tutorial."""

import atexit
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import textwrap
import urllib.request
import venv
import zipfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from tests.integration.server import (
    IDENTITY,
    PATIENCE,
    MxisdProcess,
    free_port,
    wait_until,
)
from tests.test_packaging import PROJECT_FILES, ROOT

EXAMPLE = ROOT / "contrib" / "example_store"
PAGE = ROOT / "docs" / "write_a_store.rst"
LEFTOVERS = shutil.ignore_patterns(
    "__pycache__", "dropin.cache", "build", "*.egg-info", ".*", "_trial_temp*"
)
OFFLINE = ("--no-index", "--no-deps", "--no-build-isolation", "--quiet")
INSTALL_PATIENCE = 120.0

PEOPLE = """\
username,display_name,password,emails,phones,roles
alice,Alice Liddell,,Alice@Example.ORG;second@example.org,+49 171 1234567,staff
"""
SCRIPT = """\
#!{python}
import sys
from {module} import {function}
sys.exit({function}())
"""


class Environment:
    """
    A virtual environment that has everything but mxisd.

    It borrows the packages of the one that runs the tests, by a ``.pth`` file. Such a
    file does not follow those that it leads to: an editable install of mxisd there is
    not one here.
    """

    def __init__(self, folder: Path) -> None:
        venv.create(folder, symlinks=True)
        self.bin = folder / "bin"
        self.python = self.bin / "python"
        (self.packages,) = folder.glob("lib/python*/site-packages")
        borrowed = [
            each
            for each in sys.path
            if Path(each).name in ("site-packages", "dist-packages")
        ]
        (self.packages / "zz_borrowed.pth").write_text("\n".join(borrowed) + "\n")
        self._script("twistd", "twisted.scripts.twistd", "run")
        self._script("pip", "pip._internal.cli.main", "main")

    def install(self, *what: str) -> None:
        """
        Install from files and folders.

        What is said to be there already may be one of the borrowed packages, so that
        it does not count.
        """
        run([str(self.bin / "pip"), "install", *OFFLINE, "--ignore-installed", *what])

    def evaluate(self, code: str) -> str:
        """What a program prints."""
        return run([str(self.python), "-c", code]).strip()

    def _script(self, name: str, module: str, function: str) -> None:
        path = self.bin / name
        python = self.python
        path.write_text(SCRIPT.format(python=python, module=module, function=function))
        path.chmod(0o755)


def surroundings() -> dict[str, str]:
    """The variables of a shell that knows nothing of the checkout."""
    hidden = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    kept = {key: value for key, value in os.environ.items() if key not in hidden}
    return {**kept, "PYTHONNOUSERSITE": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def run(command: Sequence[str], folder: Path | None = None, code: int = 0) -> str:
    """
    Run a command to the end.

    :param folder: By default one that holds nothing to be found by accident.
    :return: Its output and its errors.
    """
    done = subprocess.run(
        command,
        cwd=folder or "/",
        env=surroundings(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=INSTALL_PATIENCE,
        check=False,
    )
    if done.returncode != code:
        raise AssertionError(f"{command} ended with {done.returncode}: {done.stdout}")
    return done.stdout


class InstalledMxisd(MxisdProcess):
    """``twistd mxisd`` of an environment."""

    def __init__(
        self, environment: Environment, folder: Path, config: dict[str, Any]
    ) -> None:
        folder.mkdir()
        super().__init__(folder, config)
        self._twistd = str(environment.bin / "twistd")
        self._path = folder / "mxisd.yaml"
        self._path.write_text(yaml.safe_dump(self.config))

    def command(self, *options: str) -> list[str]:
        """The command line of an operator."""
        path = str(self._path)
        return [self._twistd, "-n", "--pidfile=", "mxisd", "-c", path, *options]

    def start(self) -> "InstalledMxisd":
        """Start, and wait for the first answer."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=surroundings(),
            )
        wait_until(self._is_up, "mxisd answers")
        return self


class Workshop:
    """Copies of the sources, and wheels; they are gone when the tests end."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mxisd-test-"))
        atexit.register(shutil.rmtree, self.folder)
        self.mxisd, self.example = self.folder / "mxisd", self.folder / "example"
        for name in ("mxisd", "twisted", "LICENSES"):
            shutil.copytree(ROOT / name, self.mxisd / name, ignore=LEFTOVERS)
        for name in PROJECT_FILES:
            shutil.copy(ROOT / name, self.mxisd)
        shutil.copytree(EXAMPLE, self.example, ignore=LEFTOVERS)
        wheels = self.folder / "wheels"
        pip = [sys.executable, "-m", "pip", "wheel", *OFFLINE, "-w", str(wheels)]
        run([*pip, str(self.mxisd), str(self.example)])
        self.wheels = sorted(wheels.glob("*.whl"))


@cache
def workshop() -> Workshop:
    """The one workshop of all tests."""
    return Workshop()


@cache
def with_wheels() -> Environment:
    """An environment into which both wheels are installed."""
    environment = Environment(workshop().folder / "with-wheels")
    environment.install(*map(str, workshop().wheels))
    return environment


@cache
def with_editables() -> Environment:
    """An environment into which both sources are installed with ``-e``."""
    sources = workshop()
    environment = Environment(sources.folder / "with-editables")
    environment.install("-e", str(sources.mxisd), "-e", str(sources.example))
    return environment


class ExampleStoreTests(SynchronousTestCase):
    """The example store is installed like anybody's."""

    def assert_from(self, environment: Environment, folder: Path) -> None:
        """Both packages come from a folder, and not from the checkout."""
        for package in ("mxisd", "mxisd_csv_store"):
            path = environment.evaluate(f"import {package}; print({package}.__file__)")
            self.assertTrue(Path(path).is_relative_to(folder), path)

    def assert_works(self, environment: Environment) -> None:
        """The type is known, and somebody in a file is found over HTTP."""
        folder = workshop().folder / f"server-{environment.bin.parent.name}"
        config = {"csv": {"enabled": True, "file": "people.csv"}}
        server = InstalledMxisd(environment, folder, config)
        (folder / "people.csv").write_text(PEOPLE)
        self.addCleanup(server.stop)
        server.start()
        found = server.post(
            f"{IDENTITY}/api/v1/bulk_lookup",
            {"threepids": [["email", "alice@example.org"], ["email", "no@body.org"]]},
        )
        expected = [["email", "alice@example.org", "@alice:example.org"]]
        self.assertEqual(found, (200, {"threepids": expected}))
        self.assertIn("Found by hash: csv", server.log.read_text())

    def test_as_a_wheel(self) -> None:
        """Two wheels in a fresh environment make a server with the new type."""
        environment = with_wheels()
        self.assert_from(environment, environment.packages)
        self.assert_works(environment)

    def test_as_an_editable(self) -> None:
        """Installed with ``-e``, the plug-ins are found as well."""
        environment = with_editables()
        self.assert_from(environment, workshop().folder)
        self.assert_works(environment)

    def test_the_command_line_knows_the_type(self) -> None:
        """It is in the list of types, its settings are judged, and there is help."""
        stores = [{"type": "carrier-pigeon"}, {"type": "csv", "file": " "}]
        folder = workshop().folder / "command-line"
        server = InstalledMxisd(with_wheels(), folder, {"stores": stores})
        printed = run(server.command("--check-config"), folder, code=1)
        self.assertRegex(printed, r"known: .*\bcsv, .*\bldap, .*\bmemory\b")
        self.assertIn("stores.1.file: must not be empty", printed)
        self.assertIn("--check-config", run(server.command("--help"), folder))

    def test_a_missing_file_is_an_outage(self) -> None:
        """The server starts without the file, and says "not now", never "nobody"."""
        folder = workshop().folder / "missing"
        config = {"csv": {"enabled": True, "file": "not-there.csv"}}
        server = InstalledMxisd(with_wheels(), folder, config)
        self.addCleanup(server.stop)
        server.start()
        status, _ = server.get(
            f"{IDENTITY}/api/v1/lookup", medium="email", address="alice@example.org"
        )
        self.assertEqual(status, 503)

    def test_its_own_tests_pass(self) -> None:
        """Its tests run against what is installed, not against its sources."""
        folder = workshop().folder / "own-tests"
        shutil.copytree(workshop().example / "tests", folder / "tests")
        python = str(with_wheels().python)
        printed = run([python, "-m", "twisted.trial", "tests"], folder)
        self.assertRegex(printed, r"PASSED \(successes=\d\d+\)")

    def test_the_wheel_has_what_it_needs(self) -> None:
        """Modules, the plug-in, the typing mark and the licence; no tests."""
        (wheel,) = (w for w in workshop().wheels if w.name.startswith("mxisd_csv"))
        with zipfile.ZipFile(wheel) as archive:
            names = set(archive.namelist())
        own = {name for name in names if ".dist-info/" not in name}
        expected = {
            str(path.relative_to(EXAMPLE))
            for folder in ("mxisd_csv_store", "twisted")
            for pattern in ("*.py", "py.typed")
            for path in (EXAMPLE / folder).rglob(pattern)
        }
        self.assertEqual(own, expected)
        self.assertTrue(any(name.endswith("/LICENSE") for name in names))

    def test_every_file_names_its_licence(self) -> None:
        """Whoever copies a file knows under which licence."""
        head = "# SPDX-License-Identifier: Apache-2.0\n"
        sources = [path for path in EXAMPLE.rglob("*.py") if path.stat().st_size]
        lacking = [p for p in sources if not p.read_text("utf-8").startswith(head)]
        self.assertEqual(lacking, [])


# --- The tutorial ---------------------------------------------------------------------


@frozen
class Block:
    """A code block of the page; with a caption, it is a file of that name."""

    language: str
    caption: str | None
    body: str


def blocks(page: str) -> Iterator[Block]:
    """The code blocks of a page."""
    pattern = (
        r"(?m)^\.\. code-block:: (\w+)\n"
        r"(?:    :caption: (\S+)\n)?"
        r"\n((?:    .*\n|\n)+)"
    )
    for language, caption, body in re.findall(pattern, page):
        text = textwrap.dedent(body).strip("\n") + "\n"
        yield Block(language, caption or None, text)


class Reader:
    """Somebody who does what the page says, from top to bottom."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.environment: Environment | None = None
        self.port = free_port()
        self.log = folder.with_suffix(".log")
        self.answer: Any = None
        self.done: list[str] = []
        self._server: subprocess.Popen[bytes] | None = None

    def follow(self, block: Block) -> None:
        """Do what one block says."""
        body = block.body.replace("8090", str(self.port))
        if block.caption is not None:
            path = self.folder / block.caption
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(body, encoding="utf-8")
        elif block.language == "sh":
            for line in body.splitlines():
                self._do(line)
        elif block.language == "python":
            self._run(".venv/bin/python", "-c", body)
        elif block.language == "yaml":
            self._check_with(body)
        elif block.language == "json":
            assert self.answer == json.loads(body), self.answer
            self.done.append("json")
        else:
            raise AssertionError(f"nobody knows what to do with {block}")

    def stop(self) -> None:
        """End the server."""
        if self._server is not None:
            self._server.terminate()
            self._server.wait(PATIENCE)

    def _do(self, line: str) -> None:
        program, *words = shlex.split(line)
        self.done.append(program)
        if line == "python3 -m venv .venv":
            self.environment = Environment(self.folder / ".venv")
        elif program == ".venv/bin/pip":
            self._run(program, *words, *OFFLINE)
        elif program == "curl":
            self.answer = wait_until(lambda: self._fetch(*words), "mxisd answers")
        elif program == ".venv/bin/twistd" and "--check-config" not in words:
            self._start(program, *words)
        else:
            self._run(program, *words)

    def _run(self, *command: str) -> None:
        run(command, self.folder)

    def _start(self, *command: str) -> None:
        with self.log.open("wb") as log:
            self._server = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.folder, env=surroundings()
            )

    def _fetch(self, url: str, option: str, body: str) -> Any:
        assert option == "-d"
        assert self._server is not None
        assert self._server.poll() is None, self.log.read_text()
        try:
            with urllib.request.urlopen(url, body.encode(), PATIENCE) as response:
                return json.load(response)
        except urllib.error.URLError:
            return None

    def _check_with(self, more: str) -> None:
        text = (self.folder / "mxisd.yaml").read_text(encoding="utf-8")
        (self.folder / "more.yaml").write_text(text + more, encoding="utf-8")
        twistd = ".venv/bin/twistd"
        self._run(
            twistd, "-n", "--pidfile=", "mxisd", "-c", "more.yaml", "--check-config"
        )


class TutorialTests(SynchronousTestCase):
    """The page "Write your own store"."""

    def test_the_page_can_be_followed(self) -> None:
        """Its files, commands and answers are right, in the order of the page."""
        page = PAGE.read_text(encoding="utf-8")
        found = list(blocks(page))
        self.assertEqual(len(found), page.count("code-block::"))
        reader = Reader(workshop().folder / "phonebook")
        self.addCleanup(reader.stop)
        for block in found:
            reader.follow(block)
        self.assertEqual(
            reader.done,
            [
                "python3",
                ".venv/bin/pip",
                ".venv/bin/pip",
                ".venv/bin/twistd",
                ".venv/bin/twistd",
                "curl",
                "json",
                ".venv/bin/python",
            ],
        )
        self.assertIn("Found by hash: phonebook", reader.log.read_text())
