"""Finding plug-ins of third parties, good and bad."""

import shutil
import sys
import tempfile
from collections.abc import Mapping
from importlib import import_module, invalidate_caches
from itertools import count
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mxisd.config.structure import Section
from mxisd.errors import Problem
from mxisd.interfaces import IStoreFactory, Tools
from mxisd.plugins.containing import LINE_LENGTH, ContainedFactory
from mxisd.plugins.finding import OURS, find_factories, find_senders

TOOLS = Tools(name="staff", domain="example.org", reactor=None, http=None)

GOOD = """\
from mxisd.stores.factories import StoreMaker
store = StoreMaker({type!r}, "mxisd.stores.memory", "A store")
"""
CLASS = """\
from zope.interface import implementer
from twisted.plugin import IPlugin
from mxisd.interfaces import IStoreFactory

@implementer(IStoreFactory)
class Factory:
    {body}
    def parse(self, section): pass
    def build(self, settings, tools): pass

store = Factory()
"""
RAISING = """\
    store_type = 'bad'
    @property
    def summary(self): raise SystemExit('no summary')
"""

_numbers = count()


class FindingTests(SynchronousTestCase):
    """What cannot be used is named, and hides nothing else."""

    def setUp(self) -> None:
        """A package of plug-ins of its own."""
        self.folder = Path(tempfile.mkdtemp(prefix="mxisd-test-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.name = f"mxisd_test_plugins_{next(_numbers)}"
        self.place = self.folder / self.name
        self.place.mkdir()
        (self.place / "__init__.py").write_text("")
        sys.path.insert(0, str(self.folder))
        self.addCleanup(self.forget)
        self.module("good", GOOD.format(type="good"))

    def forget(self) -> None:
        """Leave the interpreter as it was."""
        sys.path.remove(str(self.folder))
        for name in [n for n in sys.modules if n.split(".")[0] == self.name]:
            del sys.modules[name]
        self.flushLoggedErrors()

    def module(self, name: str, text: str) -> None:
        """Write a module of plug-ins."""
        (self.place / f"{name}.py").write_text(text)

    def find(self) -> tuple[Mapping[str, IStoreFactory], dict[str, str]]:
        """The factories, and what was told by the module's last name."""
        told: list[Problem] = []
        invalidate_caches()
        found = find_factories(told.append, import_module(self.name))
        for each in told:
            self.assertTrue(each.path.startswith(f"{self.name}."), each)
            self.assertEqual(len(each.text.splitlines()), 1)
        return found, {each.path.rpartition(".")[2]: each.text for each in told}

    def test_senders(self) -> None:
        """Good ones are found, others are named, and stores are none of them."""
        line = "sender = SenderMaker({!r}, 'mxisd.notify.discarding', 'A sender')\n"
        head = "from mxisd.notify.factories import SenderMaker\n"
        self.module("a_sender", head + line.format("pigeon"))
        self.module("rival", head + line.format("pigeon"))
        self.module("worse", head + line.format("two words"))
        told: list[Problem] = []
        invalidate_caches()
        found = find_senders(told.append, import_module(self.name))
        self.assertEqual(list(found), ["pigeon"])
        texts = {each.path.rpartition(".")[2]: each.text for each in told}
        self.assertEqual(set(texts), {"rival", "worse"})
        self.assertIn("a sender that cannot be used", texts["worse"])
        settings = found["pigeon"].parse(Section({}))
        self.assertIsNotNone(found["pigeon"].build(settings, TOOLS))
        self.assertEqual(list(self.find()[0]), ["good"])

    def test_good_ones_are_found(self) -> None:
        """Nothing is told about them."""
        found, told = self.find()
        self.assertEqual((list(found), told), (["good"], {}))
        self.assertEqual(found["good"].summary, "A store")
        settings = found["good"].parse(Section({}))
        self.assertIsNotNone(found["good"].build(settings, TOOLS).lookup)

    def test_modules_that_cannot_be_imported_are_named(self) -> None:
        """Whatever they raise, each is named with its reason in one line."""
        for name, text, reason in (
            ("bad_import", "import not_there", "ModuleNotFoundError: No module"),
            ("bad_syntax", "def", "SyntaxError: invalid syntax"),
            ("bad_exit", "raise SystemExit('bye')", "SystemExit: bye"),
            ("bad_generator", "raise GeneratorExit", "GeneratorExit"),
            ("bad_lines", "raise ValueError('a\\n\\nb')", "ValueError: a b"),
            ("bad_flood", "raise ValueError('x' * 10**6)", "ValueError: xxx"),
            ("bad_null", "\0", "source code string cannot contain null bytes"),
        ):
            self.module(name, text)
            found, told = self.find()
            self.assertEqual(list(found), ["good"])
            self.assertIn(reason, told[name])
            self.assertLess(len(told[name]), 2 * LINE_LENGTH)

    def test_factories_of_no_sense_are_named(self) -> None:
        """Without a type, with one that is no word, or failing when looked at."""
        for name, body in (
            ("untyped", "summary = ''"),
            ("number", "store_type, summary = 5, ''"),
            ("empty", "store_type, summary = '', ''"),
            ("sentence", "store_type, summary = 'two words', ''"),
            ("path", "store_type, summary = '../up', ''"),
            ("raising", RAISING.strip()),
            ("unbuildable", "store_type, summary = 'a', ''\n    build = None"),
        ):
            text = CLASS.format(body=body)
            if name == "unbuildable":
                text = text.replace("def build", "def other")
            self.module(name, text)
            found, told = self.find()
            self.assertEqual((list(found), list(told)[-1:]), (["good"], [name]))
            self.assertIn("cannot be used", told[name])
            (self.place / f"{name}.py").unlink()

    def test_a_module_that_broke_after_it_was_cached(self) -> None:
        """Twisted still knows its plug-ins; they cannot be loaded, and are named."""
        self.find()
        del sys.modules[f"{self.name}.good"]
        self.module("good", "import not_there_any_more")
        found, told = self.find()
        self.assertEqual((list(found), list(told)), ([], ["good"]))
        self.assertIn("ModuleNotFoundError", told["good"])

    def test_our_own_stores_win(self) -> None:
        """Whatever a third party's module is called; the log names both."""
        self.module(OURS, GOOD.format(type="memory"))
        self.module("a_rival", GOOD.format(type="memory"))
        found, told = self.find()
        memory = found["memory"]
        assert isinstance(memory, ContainedFactory)
        self.assertEqual(memory.module, f"{self.name}.{OURS}")
        self.assertEqual(list(told), ["a_rival"])
        self.assertIn(f"{self.name}.{OURS}", told["a_rival"])

    def test_of_two_third_parties_the_first_by_name_wins(self) -> None:
        """So that it is the same one after each start."""
        self.module("z_late", GOOD.format(type="good"))
        self.module("a_early", GOOD.format(type="good"))
        found, told = self.find()
        good = found["good"]
        assert isinstance(good, ContainedFactory)
        self.assertEqual(good.module, f"{self.name}.a_early")
        self.assertEqual(set(told), {"good", "z_late"})
