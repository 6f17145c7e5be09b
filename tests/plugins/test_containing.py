"""Factories of third parties, good and bad."""

from typing import Any

from attrs import frozen
from twisted.plugin import CachedDropin, CachedPlugin
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import alsoProvides, implementer

from mxisd.config.structure import Section
from mxisd.errors import ConfigError, Problem
from mxisd.interfaces import (
    IMessageSender,
    IMessageSenderFactory,
    ISelfCheck,
    IStoreFactory,
    IThreePidLookup,
    Store,
    Tools,
)
from mxisd.plugins.containing import (
    LINE_LENGTH,
    ContainedFactory,
    ContainedSenderFactory,
    PluginFailed,
)
from tests.resolver.doubles import KnownPeople

TOOLS = Tools(name="staff", domain="example.org", reactor=None, http=None)
SECRET = "hunter2"


def problems_of(error: ConfigError) -> list[tuple[str, str]]:
    """Path and text of each."""
    return [(each.path, each.text) for each in error.problems]


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
        for work in ("parse", "build"):
            for error in (KeyError(SECRET), SystemExit(SECRET), GeneratorExit()):
                ((path, text),) = self.refused(work, error)
                self.assertEqual(path, "")
                for word in ("twisted.plugins.bad", "scripted", type(error).__name__):
                    self.assertIn(word, text)
                self.assertIn("test_containing.py, line ", text)
                self.assertNotIn(SECRET, text)

    def test_proper_problems_pass(self) -> None:
        """The plug-in's own words, one line each."""
        error = ConfigError([Problem("a.b", "is\nwrong"), Problem("", "x" * 10**6, 7)])
        problems = self.refused("parse", error)
        self.assertEqual(problems[0], ("a.b", "is wrong"))
        self.assertEqual(problems[1], ("", "x" * LINE_LENGTH))
        self.assertEqual(self.refused("build", error)[0], ("a.b", "is wrong"))

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
        """Its type is told."""
        for outcome in (None, {}, Store, object()):
            ((path, text),) = self.refused("build", outcome)
            self.assertEqual(path, "")
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
                self.assertEqual(path, name)
                self.assertIn(interface, text)
                self.assertEqual(len(text.splitlines()), 1)

    def test_methods_take_what_they_are_given(self) -> None:
        """A capability with another signature is found out at the start."""
        ((path, text),) = self.refused("build", Store(lookup=WrongSignature()))
        self.assertEqual(path, "lookup")
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


class WrongCheck:
    """A sender that says that it can check itself, and cannot."""

    async def send(self, message: Any) -> None:
        """Do nothing."""

    async def problems(self, more: Any) -> Any:
        """Want too much."""


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
        for work in ("parse", "build"):
            ((path, text),) = self.refused(work, KeyError(SECRET))
            self.assertEqual(path, "")
            for word in ("twisted.plugins.bad", "senders of type scripted", "KeyError"):
                self.assertIn(word, text)
            self.assertNotIn(SECRET, text)

    def test_what_is_no_sender(self) -> None:
        """It is found out at the start."""
        for outcome in (None, object(), WrongSignature()):
            ((path, text),) = self.refused("build", outcome)
            self.assertEqual(path, "")
            self.assertIn("no IMessageSender", text)
            self.assertNotIn(SECRET, text)
        wrong = WrongCheck()
        alsoProvides(wrong, IMessageSender, ISelfCheck)
        ((_, text),) = self.refused("build", wrong)
        self.assertIn("no ISelfCheck", text)
