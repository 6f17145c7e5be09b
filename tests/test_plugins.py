"""Plug-ins of third parties, good and bad."""

import shutil
import sys
import tempfile
from collections.abc import Mapping
from importlib import import_module, invalidate_caches
from itertools import count
from pathlib import Path
from typing import Any

from attrs import frozen
from twisted.plugin import CachedDropin, CachedPlugin
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mxisd.config.structure import Section
from mxisd.errors import ConfigError, Problem
from mxisd.interfaces import (
    IMessageSenderFactory,
    IStoreFactory,
    IThreePidLookup,
    Store,
    Tools,
)
from mxisd.plugins import (
    LINE_LENGTH,
    OURS,
    ContainedFactory,
    ContainedSenderFactory,
    PluginFailed,
    find_factories,
    find_senders,
)
from tests.resolver.doubles import KnownPeople

TOOLS = Tools(name="staff", domain="example.org", reactor=None, http=None)
SECRET = "hunter2"

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


def problems_of(error: ConfigError) -> list[tuple[str, str]]:
    """Path and text of each."""
    return [(each.path, each.text) for each in error.problems]


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


class Grumpy(ConfigError):
    """An error that cannot be looked at."""

    @property
    def problems(self) -> Any:
        """Fail."""
        raise ZeroDivisionError

    @problems.setter
    def problems(self, value: object) -> None:
        """Forget."""


def forged(problems: Any) -> ConfigError:
    """A ConfigError with anything in it."""
    error = ConfigError([])
    error.problems = problems
    return error


@implementer(IStoreFactory)
@frozen
class Scripted:
    """A factory that answers, or raises, what the test gave it."""

    outcome: Any
    store_type: str = "scripted"
    summary: str = "A factory"

    def parse(self, section: Any) -> Any:
        """Answer."""
        return self._answer()

    def build(self, settings: Any, tools: Tools) -> Any:
        """Answer."""
        return self._answer()

    def _answer(self) -> Any:
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome


@implementer(IThreePidLookup)
class WrongSignature:
    """A lookup that cannot be asked, and tells too much when it is printed."""

    def __repr__(self) -> str:
        return SECRET

    async def lookup(self) -> None:  # type: ignore[override]
        """Take nothing."""


class ContainedFactoryTests(SynchronousTestCase):
    """A third party's factory fails with nothing but ``ConfigError``."""

    def factory(self, outcome: Any) -> ContainedFactory:
        """A factory with this outcome, as found in a module."""
        return ContainedFactory(
            "scripted", "A", "twisted.plugins.bad", Scripted(outcome)
        )

    def refused(self, work: str, outcome: Any) -> list[tuple[str, str]]:
        """The problems when the factory parses or builds."""
        factory = self.factory(outcome)
        with self.assertRaises(ConfigError) as caught:
            if work == "parse":
                factory.parse(Section({"password": SECRET}))
            else:
                factory.build(None, TOOLS)
        return problems_of(caught.exception)

    def test_foreign_exceptions_are_a_configuration_error(self) -> None:
        """Module, type and class are named; the message may quote the section."""
        for work, place in (("parse", ""), ("build", "staff")):
            for error in (KeyError(SECRET), SystemExit(SECRET), GeneratorExit()):
                ((path, text),) = self.refused(work, error)
                self.assertEqual(path, place)
                for word in ("twisted.plugins.bad", "scripted", type(error).__name__):
                    self.assertIn(word, text)
                self.assertIn("test_plugins.py, line ", text)
                self.assertNotIn(SECRET, text)

    def test_proper_problems_pass(self) -> None:
        """The plug-in's own words, one line each; building adds the store's name."""
        error = ConfigError([Problem("a.b", "is\nwrong"), Problem("", "x" * 10**6, 7)])
        problems = self.refused("parse", error)
        self.assertEqual(problems[0], ("a.b", "is wrong"))
        self.assertEqual(problems[1], ("", "x" * LINE_LENGTH))
        self.assertEqual(self.refused("build", error)[0], ("staff.a.b", "is wrong"))

    def test_a_configuration_error_of_no_sense(self) -> None:
        """Without problems, or with what is none, it still is an error."""
        for error in (
            forged([]),
            forged(None),
            forged("nonsense"),
            forged([Problem(None, None)]),  # type: ignore[arg-type]
            forged([Problem("a", 5)]),  # type: ignore[arg-type]
            Grumpy([]),
        ):
            ((path, text),) = self.refused("parse", error)
            self.assertEqual(path, "")
            self.assertIn("twisted.plugins.bad", text)

    def test_an_operator_who_gives_up_is_obeyed(self) -> None:
        """Ctrl-C is no failure of the plug-in."""
        factory = self.factory(KeyboardInterrupt())
        self.assertRaises(KeyboardInterrupt, factory.parse, Section({}))
        self.assertRaises(KeyboardInterrupt, factory.build, None, TOOLS)

    def test_any_settings_pass(self) -> None:
        """What ``parse`` returns is between the plug-in and itself."""
        for settings in (None, 5, {"password": SECRET}):
            self.assertIs(self.factory(settings).parse(Section({})), settings)

    def test_what_is_no_store(self) -> None:
        """Its type is told, and the name of the store."""
        for outcome in (None, {}, Store, object()):
            ((path, text),) = self.refused("build", outcome)
            self.assertEqual(path, "staff")
            self.assertIn(f"a {type(outcome).__name__}, no Store", text)

    def test_capabilities_have_their_interfaces(self) -> None:
        """Each that is there; the one that is wrong is named."""
        for name, interface in (
            ("lookup", "IThreePidLookup"),
            ("associations", "IAssociationSource"),
            ("authenticator", "IAuthenticator"),
            ("directory", "IDirectory"),
            ("profile", "IProfile"),
            ("room_names", "IRoomNames"),
            ("service", "IService"),
        ):
            for capability in (object(), False, "", KnownPeople):
                store = Store(**{name: capability})  # type: ignore[arg-type]
                ((path, text),) = self.refused("build", store)
                self.assertEqual(path, f"staff.{name}")
                self.assertIn(interface, text)
                self.assertEqual(len(text.splitlines()), 1)

    def test_methods_take_what_they_are_given(self) -> None:
        """A capability with another signature is found out at the start."""
        ((path, text),) = self.refused("build", Store(lookup=WrongSignature()))
        self.assertEqual(path, "staff.lookup")
        self.assertNotIn(SECRET, text)

    def test_good_stores_pass(self) -> None:
        """As they are."""
        store = Store(lookup=KnownPeople({}))
        self.assertIs(self.factory(store).build(None, TOOLS), store)

    def test_a_plugin_that_cannot_be_loaded(self) -> None:
        """A cache that is behind is no traceback."""
        dropin = CachedDropin("mxisd.not_there", "")
        plugin = CachedPlugin(dropin, "store", "", [IStoreFactory])
        self.assertRaises(PluginFailed, ContainedFactory.of, plugin)


@implementer(IMessageSenderFactory)
@frozen
class ScriptedSenders:
    """A factory of senders that answers, or raises, what the test gave it."""

    outcome: Any
    sender_type: str = "scripted"
    summary: str = "A factory"

    def parse(self, section: Any) -> Any:
        """Answer."""
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome

    def build(self, settings: Any, tools: Tools) -> Any:
        """Answer."""
        return self.parse(None)


class ContainedSenderFactoryTests(SynchronousTestCase):
    """A third party's factory of senders fails with nothing but ``ConfigError``."""

    def refused(self, work: str, outcome: Any) -> list[tuple[str, str]]:
        """The problems when the factory parses or builds."""
        inner = ScriptedSenders(outcome)
        factory = ContainedSenderFactory("scripted", "A", "twisted.plugins.bad", inner)
        with self.assertRaises(ConfigError) as caught:
            if work == "parse":
                factory.parse(Section({"password": SECRET}))
            else:
                factory.build(None, TOOLS)
        return problems_of(caught.exception)

    def test_foreign_exceptions_are_a_configuration_error(self) -> None:
        """Module, type and class are named; the message may quote the section."""
        for work, place in (("parse", ""), ("build", "staff")):
            ((path, text),) = self.refused(work, KeyError(SECRET))
            self.assertEqual(path, place)
            for word in ("twisted.plugins.bad", "senders of type scripted", "KeyError"):
                self.assertIn(word, text)
            self.assertNotIn(SECRET, text)

    def test_what_is_no_sender(self) -> None:
        """It is found out at the start."""
        for outcome in (None, object(), WrongSignature()):
            ((path, text),) = self.refused("build", outcome)
            self.assertEqual(path, "staff")
            self.assertIn("no IMessageSender", text)
            self.assertNotIn(SECRET, text)
