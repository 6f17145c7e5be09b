"""What an installation gets."""

import re
import shutil
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from pathlib import Path

from twisted.plugin import IPlugin, getPlugins
from twisted.trial.unittest import SynchronousTestCase

import mxisd
from tests.test_layers import all_imports

ROOT = Path(mxisd.__file__).parent.parent
PROJECT_FILES = ("LICENSE", "README.rst", "pyproject.toml", "setup.cfg", "setup.py")
CACHES = shutil.ignore_patterns("__pycache__", "dropin.cache")

IMPORTED_AS = {
    "Jinja2": "jinja2",
    "PyNaCl": "nacl",
    "PyYAML": "yaml",
    "pyOpenSSL": "OpenSSL",
    "service-identity": "service_identity",
    "zope.interface": "zope",
}
OPTIONAL = {"jwt", "psycopg2", "pymysql", "txpostgres"}
"""What only some stores need; each is an extra."""

HELD_BACK = {"pyparsing"}
"""What a dependency of ours depends on, and would take too new."""


def run_python(*arguments: str, folder: Path = ROOT) -> str:
    """What a Python program prints."""
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return done.stdout.decode()


def imported() -> set[str]:
    """The top-level modules that the server imports."""
    return {each.target.split(".")[0] for each in all_imports()}


class SourceTests(SynchronousTestCase):
    def test_the_folders_of_twisted_are_namespaces(self) -> None:
        """An __init__.py in one of them would hide Twisted itself."""
        self.assertEqual(list((ROOT / "twisted").rglob("__init__.py")), [])

    def test_every_package_has_an_init(self) -> None:
        """No folder with modules of ours is a namespace by oversight."""
        folders = {path.parent for path in (ROOT / "mxisd").rglob("*.py")}
        lacking = [f for f in folders if not (f / "__init__.py").exists()]
        self.assertEqual(lacking, [])

    def test_twistd_knows_the_server(self) -> None:
        """The plug-in that makes ``twistd mxisd`` a command is found."""
        names = [getattr(plugin, "tapname", None) for plugin in getPlugins(IPlugin)]
        self.assertIn("mxisd", names)

    def test_the_licence_is_the_whole_agpl(self) -> None:
        """LICENSE is the text of the AGPL, from its title to its last section."""
        text = (ROOT / "LICENSE").read_text(encoding="utf-8")
        self.assertIn("GNU AFFERO GENERAL PUBLIC LICENSE", text)
        for section in range(18):
            self.assertRegex(text, rf"(?m)^  {section}\. \w")


class DependencyTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Read what the server needs."""
        config = ConfigParser()
        config.read(ROOT / "setup.cfg", encoding="utf-8")
        lines = config["options"]["install_requires"].strip().splitlines()
        names = [re.split(r"[\[<>=; ]", line)[0] for line in lines]
        self.modules = {name: IMPORTED_AS.get(name, name.lower()) for name in names}

    def test_every_dependency_has_a_tested_lower_bound(self) -> None:
        """``make test-oldest`` pins whatever the server needs."""
        printed = run_python(".ci/oldest.py", "setup.cfg")
        pinned = {line.split(" == ")[0] for line in printed.splitlines()}
        self.assertEqual(set(self.modules) - pinned, set())

    def test_every_dependency_is_imported(self) -> None:
        """Nothing is installed that the server does not use."""
        unused = {n for n, module in self.modules.items() if module not in imported()}
        self.assertEqual(unused - HELD_BACK, set())

    def test_every_import_is_a_dependency(self) -> None:
        """The server uses nothing that is there only because others need it."""
        foreign = imported() - sys.stdlib_module_names - {"mxisd"}
        self.assertEqual(foreign - set(self.modules.values()), OPTIONAL)


# A process is real here: the build runs as pip would run it.
class WheelTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Build a wheel from a copy of the sources."""
        tree, out = Path(self.mktemp()), Path(self.mktemp()).absolute()
        for name in ("mxisd", "twisted", "LICENSES"):
            shutil.copytree(ROOT / name, tree / name, ignore=CACHES)
        for name in PROJECT_FILES:
            shutil.copy(ROOT / name, tree)
        code = "import sys, setuptools.build_meta as b; b.build_wheel(sys.argv[1])"
        run_python("-c", code, str(out), folder=tree)
        (self.wheel,) = out.glob("*.whl")
        with zipfile.ZipFile(self.wheel) as archive:
            self.names = set(archive.namelist())

    def test_it_has_everything_and_nothing_else(self) -> None:
        """Modules, plug-ins, texts, pages, licences and the typing mark; no tests."""
        sources = {
            str(path.relative_to(ROOT))
            for folder in ("mxisd", "twisted")
            for pattern in ("*.css", "*.html", "*.j2", "*.py", "*.sql", "py.typed")
            for path in (ROOT / folder).rglob(pattern)
        }
        self.assertIn("twisted/plugins/mxisd_tap.py", sources)
        self.assertIn("mxisd/records/sql/0001_initial.sql", sources)
        own = {name for name in self.names if ".dist-info/" not in name}
        self.assertEqual(own, sources)
        for licence in ("/LICENSE", "/Apache-2.0.txt"):
            self.assertTrue(any(n.endswith(licence) for n in self.names), licence)

    def test_its_version_is_that_of_the_package(self) -> None:
        """The distribution and the package agree on the version."""
        expected = f"mxisd-{mxisd.__version__}-py3-none-any.whl"
        self.assertEqual(self.wheel.name, expected)
