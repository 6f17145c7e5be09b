"""
Factories of plug-ins, contained: they fail with nothing but ``ConfigError``.

What is wrong with one becomes one short line, without what it may quote of its section.
"""

import re
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from attrs import frozen
from twisted.application.service import IService
from twisted.plugin import CachedPlugin
from twisted.python.reflect import safe_str
from zope.interface import implementer
from zope.interface.exceptions import Invalid
from zope.interface.verify import verifyObject

from mxisd.errors import ConfigError, Problem, UnknownKey
from mxisd.interfaces import (
    IAssociationSource,
    IAuthenticator,
    IDirectory,
    IMessageSender,
    IMessageSenderFactory,
    IProfile,
    IRoomNames,
    ISection,
    ISelfCheck,
    IStoreFactory,
    IThreePidLookup,
    Store,
    Tools,
)

T = TypeVar("T")

CAPABILITIES = {
    "lookup": IThreePidLookup,
    "associations": IAssociationSource,
    "authenticator": IAuthenticator,
    "directory": IDirectory,
    "profile": IProfile,
    "room_names": IRoomNames,
    "self_check": ISelfCheck,
    "service": IService,
}
LINE_LENGTH = 400

_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class PluginFailed(Exception):
    """
    A plug-in did not do what it should; the text is one short line.

    :ivar error: What it raised.
    """

    def __init__(self, error: BaseException) -> None:
        """Sum up what was raised."""
        super().__init__(_line(f"{type(error).__name__}: {safe_str(error)}"))
        self.error = error


def contained(work: Callable[[], T]) -> T:
    """
    Let a plug-in work.

    :raise PluginFailed: Whatever it raises, but for Ctrl-C.
    """
    try:
        return work()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise PluginFailed(error) from error


@frozen
class Contained:
    """
    A plug-in's factory.

    :cvar interface: What it has to provide.
    :cvar noun: What it makes.
    :ivar word: The type of what it makes, for configurations.
    :ivar module: Where the plug-in is.
    """

    interface: ClassVar[Any]
    noun: ClassVar[str]

    word: str
    summary: str
    module: str
    inner: Any

    @classmethod
    def of(cls, plugin: CachedPlugin) -> Self:
        """
        Load a plug-in.

        :raise PluginFailed: If it is no such factory.
        """
        return contained(lambda: cls._loaded(plugin))

    @classmethod
    def _loaded(cls, plugin: CachedPlugin) -> Self:
        factory = plugin.load()
        verifyObject(cls.interface, factory)
        word = _word(factory, f"{cls.noun}_type")
        return cls(word, str(factory.summary), plugin.dropin.moduleName, factory)

    @property
    def products(self) -> str:
        """What it makes, for sentences."""
        return f"{self.noun}s of type {self.word}"

    def parse(self, section: ISection) -> Any:
        """Judge a section."""
        return self._asked(lambda: self.inner.parse(section))

    def _asked(self, work: Callable[[], T]) -> T:
        try:
            return contained(work)
        except PluginFailed as failed:
            problems = _problems(failed.error) or [self._failure(failed.error)]
            raise ConfigError(problems) from failed.error

    def _failure(self, error: BaseException) -> Problem:
        # Its text may quote the section, passwords included.
        text = (
            f"cannot be used: {self.module}, which brings {self.products}, "
            f"failed with {_class_and_line(error)}"
        )
        return Problem("", text)


@implementer(IStoreFactory)
class ContainedFactory(Contained):
    """A plug-in's factory of stores."""

    interface = IStoreFactory
    noun = "store"

    @property
    def store_type(self) -> str:
        """The type of its stores."""
        return self.word

    def build(self, settings: Any, tools: Tools) -> Store:
        """Make the store."""
        inner = self.inner
        return self._asked(lambda: _store(inner.build(settings, tools)))


@implementer(IMessageSenderFactory)
class ContainedSenderFactory(Contained):
    """A plug-in's factory of senders."""

    interface = IMessageSenderFactory
    noun = "sender"

    @property
    def sender_type(self) -> str:
        """The type of its senders."""
        return self.word

    def build(self, settings: Any, tools: Tools) -> IMessageSender:
        """Make the sender."""
        inner = self.inner
        return self._asked(lambda: _sender(inner.build(settings, tools)))


# --- Judging --------------------------------------------------------------------------


def _word(factory: Any, name: str) -> str:
    value = getattr(factory, name)
    if not isinstance(value, str) or not _TYPE.fullmatch(value):
        raise TypeError(f"its {name} is no word")
    return str(value)


def _store(store: object) -> Store:
    if not isinstance(store, Store):
        raise ConfigError.at("", f"its plug-in made a {type(store).__name__}, no Store")
    for name, interface in CAPABILITIES.items():
        capability = getattr(store, name)
        try:
            if capability is not None:
                verifyObject(interface, capability)
        except Invalid as error:
            # More would show the object, and maybe its settings.
            text = f"is no {interface.__name__} ({type(error).__name__})"
            raise ConfigError.at(name, text) from error
    return store


def _sender(sender: Any) -> IMessageSender:
    wanted: list[Any] = [IMessageSender]
    if ISelfCheck.providedBy(sender):
        wanted.append(ISelfCheck)
    for interface in wanted:
        try:
            verifyObject(interface, sender)
        except Invalid as error:
            # More would show the object, and maybe its settings.
            reason = f"{interface.__name__} ({type(error).__name__})"
            raise ConfigError.at("", f"its plug-in made no {reason}") from error
    made: IMessageSender = sender
    return made


def _problems(error: BaseException) -> list[Problem]:
    if not isinstance(error, ConfigError):
        return []
    try:
        return [
            (UnknownKey if isinstance(each, UnknownKey) else Problem)(
                _line(each.path), _line(each.text)
            )
            for each in error.problems
        ]
    except Exception:
        # A plug-in may have put anything into it.
        return []


def _line(text: str) -> str:
    return " ".join(text.split())[:LINE_LENGTH]


def _class_and_line(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(frame.filename).name}, line {frame.lineno}"
    return f"{type(error).__name__} ({place})"
