"""The real process with plug-ins of third parties that do all they should not."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from twisted.trial.unittest import SynchronousTestCase

from tests.integration.server import (
    IDENTITY,
    PATIENCE,
    TWISTD,
    MxisdProcess,
    wait_until,
)

V1 = f"{IDENTITY}/api/v1"
ALICE, SECRET = "alice@example.org", "hunter2-s3cret"

BROKEN_MODULES = {
    "bad_import": "import not_there\n",
    "bad_syntax": "def :\n",
    "bad_exit": "raise SystemExit('bye')\n",
    "bad_untyped": (
        "from mxisd.stores.factories import StoreMaker\n"
        "store = StoreMaker(None, 'mxisd.stores.memory', 'No type')\n"
    ),
    "bad_rival": (
        "from mxisd.stores.factories import StoreMaker\n"
        "store = StoreMaker('memory', 'not.there', 'A rival of ours')\n"
    ),
}
"""Modules that have nothing that could be configured."""

SCRIPTED = """\
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.plugin import IPlugin
from zope.interface import implementer

from mxisd.errors import ConfigError
from mxisd.interfaces import IAssociationSource, IStoreFactory, IThreePidLookup, Store
from mxisd.model.identifiers import UserId

@implementer(IThreePidLookup, IAssociationSource)
class Capability:
    def __init__(self, how):
        self.how = how

    def lookup(self, threepids):
        return LOOKUPS[self.how](threepids)

    async def associations(self, put):
        if self.how == "floods":
            while True:
                await put([None] * 2000)
        elif self.how == "loses":
            for _ in range(10):
                put([])
        elif self.how == "exits":
            raise SystemExit(3)

async def raises(threepids):
    raise KeyError(*threepids)

async def exits(threepids):
    raise SystemExit(3)

async def stubborn(*_):
    while True:
        try:
            await Deferred()
        except Exception:
            pass

async def floods(threepids):
    return [None] * 10**6

async def lies(threepids):
    found = dict.fromkeys(threepids, UserId("not\\0legal", "x"))
    return found | dict.fromkeys(range(100000), 5)

LOOKUPS = {
    "strikes": lambda threepids: Deferred(),
    "loses": lambda threepids: [],
    "floods": floods,
    "raises": raises,
    "exits": exits,
    "hangs": stubborn,
    "lies": lies,
}

class BadService(Service):
    def startService(self):
        raise SystemExit(4)

    def stopService(self):
        return Deferred()

@implementer(IStoreFactory)
class Factory:
    store_type = "scripted"
    summary = "Does what its section says"

    def parse(self, section):
        how = section.values["how"]
        if how == "refuses":
            raise KeyError(section.values["password"])
        if how == "says nothing":
            raise ConfigError([])
        return how

    def build(self, how, tools):
        if how == "breaks":
            raise KeyError("SECRET")
        if how == "is none":
            return None
        if how == "is hollow":
            return Store(lookup=object())
        capability = Capability(how)
        service = BadService() if how == "strikes" else None
        return Store(lookup=capability, associations=capability, service=service)

scripted = Factory()
""".replace("SECRET", SECRET)

MEMORY = {
    "type": "memory",
    "identities": [
        {"username": "alice", "threepids": [{"medium": "email", "address": ALICE}]}
    ],
}


REASONS = {
    "raises": ("raised builtins.KeyError", "(KeyError)"),
    "exits": ("not answer (SystemExit)", "not list itself: SystemExit"),
    "hangs": ("no answer within",),
    "lies": ("illegal user ID",),
    "floods": ("its answer makes no sense", "more than 1000"),
    "loses": ("raised builtins.TypeError", "(TypeError)", "does not wait"),
    "strikes": ("did not start: SystemExit", "did not stop as it should"),
}
"""What the log says of each bad store."""


class PluginTestCase(SynchronousTestCase):
    """A folder with bad plug-ins, to be put on the path."""

    def setUp(self) -> None:
        """Write the modules; none of the folders is a package."""
        self.folder = Path(tempfile.mkdtemp(prefix="mxisd-test-"))
        self.addCleanup(shutil.rmtree, self.folder)
        place = self.folder / "site" / "twisted" / "plugins"
        place.mkdir(parents=True)
        for name, text in {**BROKEN_MODULES, "scripted_store": SCRIPTED}.items():
            (place / f"{name}.py").write_text(text)
        # A process is started with the path of this one.
        sys.path.insert(0, str(self.folder / "site"))
        self.addCleanup(sys.path.remove, str(self.folder / "site"))

    def scripted(self, how: str, **more: Any) -> dict[str, Any]:
        """A store that does what it should not."""
        name = how.replace(" ", "-")
        return {"type": "scripted", "name": f"it-{name}", "how": how, **more}


class RefusedTests(PluginTestCase):
    """What cannot be contained at the start ends it, with a clear line."""

    def run_mxisd(self, *stores: Any) -> tuple[int, str]:
        """Run to the end; exit code, and what was printed."""
        config = {
            "matrix": {"domain": "example.org"},
            "key": {"path": str(self.folder / "keys")},
            "storage": {"provider": {"sqlite": {"database": str(self.folder / "db")}}},
            "stores": list(stores),
        }
        path = self.folder / "mxisd.yaml"
        path.write_text(yaml.safe_dump(config))
        done = subprocess.run(
            [*TWISTD, "-n", "--pidfile=", "mxisd", "-c", str(path)],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            cwd=self.folder,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        return done.returncode, done.stdout + done.stderr

    def assert_refused(self, store: Any, *words: str) -> None:
        """The server does not start; the last line tells why."""
        code, output = self.run_mxisd(MEMORY, store)
        last = output.splitlines()[-1]
        self.assertEqual(code, 1, output)
        for word in words:
            self.assertIn(word, last)
        self.assertNotIn(SECRET, output)

    def test_a_type_that_is_missing_for_a_broken_module(self) -> None:
        """Each module that cannot be used is on the terminal, in a line of its own."""
        code, output = self.run_mxisd({"type": "bad_import"})
        self.assertEqual(code, 1)
        for name, reason in (
            ("bad_import", "ModuleNotFoundError: No module named 'not_there'"),
            ("bad_syntax", "SyntaxError"),
            ("bad_exit", "SystemExit: bye"),
            ("bad_untyped", "store_type"),
            ("bad_rival", "like twisted.plugins.mxisd_stores"),
        ):
            found = [
                line
                for line in output.splitlines()
                if line.startswith(f"twisted.plugins.{name}: warning: ")
            ]
            self.assertEqual(len(found), 1, output)
            self.assertIn(reason, found[0])
        self.assertIn("scripted", output.splitlines()[-1])

    def test_sections_that_cannot_be_parsed(self) -> None:
        """Line, path, module and class are told, and no password."""
        module = "twisted.plugins.scripted_store"
        for how, name in (("refuses", "KeyError"), ("says nothing", "ConfigError")):
            store = self.scripted(how, password=SECRET)
            self.assert_refused(store, "stores.1", module, "type scripted", name)

    def test_stores_that_cannot_be_built(self) -> None:
        """Line, path and what is wrong are told."""
        module = "twisted.plugins.scripted_store"
        self.assert_refused(self.scripted("breaks"), ": stores.1: ", module, "KeyError")
        self.assert_refused(self.scripted("is none"), ": stores.1: ", "no Store")
        hollow = self.scripted("is hollow")
        self.assert_refused(hollow, ": stores.1.lookup: ", "IThreePidLookup")


class ContainedTests(PluginTestCase):
    """A server with good and bad stores answers what the good ones know."""

    def test_a_good_store_among_bad_ones(self) -> None:
        """It is found, the others are named, and the server stops in time."""
        server = MxisdProcess(
            self.folder,
            {
                "stores": [*map(self.scripted, REASONS), MEMORY],
                "lookup": {"storeTimeout": "1s", "timeout": "20s"},
            },
        )
        server.start()
        self.addCleanup(server.stop)
        self.assert_found(server)
        status, reply = server.get("/status")
        self.assertEqual((status, reply["status"]["health"]), (200, "DEGRADED"))
        wait_until(
            lambda: "Indexed 1 hashes" in server.log.read_text(), "Alice is listed"
        )
        self.assert_found(server)
        began = time.monotonic()
        server.stop()
        self.assertLess(time.monotonic() - began, 30)
        self.assert_named(server.log.read_text())

    def assert_found(self, server: MxisdProcess) -> None:
        """Alice is found behind all the others."""
        status, reply = server.get(f"{V1}/lookup", medium="email", address=ALICE)
        self.assertEqual((status, reply.get("mxid")), (200, "@alice:example.org"))

    def assert_named(self, log: str) -> None:
        """The log has each bad store and module, few lines of each, and no secret."""
        for kind, reasons in REASONS.items():
            lines = [line for line in log.splitlines() if f"it-{kind} " in line]
            for reason in reasons:
                self.assertEqual(len([e for e in lines if reason in e]), 1, lines)
            self.assertLess(len(lines), 6, lines)
        for name in BROKEN_MODULES:
            self.assertIn(f"twisted.plugins.{name} ", log)
        self.assertNotIn(ALICE, log)
