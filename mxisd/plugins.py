"""
The factories of stores and senders that are installed here, each contained.

A plug-in is somebody else's code: what is wrong with it becomes one line that names its
module, and never a traceback for the operator, or the end of other plug-ins.
"""

import re
import traceback
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn, TypeVar

import attrs
from attrs import frozen
from twisted.application.service import IService
from twisted.logger import Logger
from twisted.plugin import CachedPlugin, getCache
from twisted.python.modules import getModule
from twisted.python.reflect import safe_str
from zope.interface import Interface, implementer
from zope.interface.exceptions import Invalid
from zope.interface.verify import verifyObject

import twisted.plugins
from mxisd.errors import ConfigError, Problem
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

OURS = "mxisd_stores"
"""The module with the stores that come with mxisd."""

OUR_SENDERS = "mxisd_senders"
"""The module with the senders that come with mxisd."""

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

log = Logger()


class PluginFailed(Exception):
    """
    A plug-in did not do what it should; the text is one short line.

    :ivar error: What it raised.
    """

    def __init__(self, error: BaseException) -> None:
        """Sum up what was raised."""
        super().__init__(_line(f"{type(error).__name__}: {safe_str(error)}"))
        self.error = error


def log_problem(problem: Problem) -> None:
    """Log what is wrong with a plug-in."""
    log.warn("{module} {problem}", module=problem.path, problem=problem.text)


def find_factories(
    tell: Callable[[Problem], None] = log_problem,
    package: ModuleType = twisted.plugins,
) -> Mapping[str, IStoreFactory]:
    """
    Every store type that a plug-in brings.

    A type belongs to the first who brings it: to us, or by the name of the module.

    :param tell: Is told about each module, by path, of which something cannot be used.
    :param package: Where the modules are.
    """
    for name in _unusable(package):
        tell(Problem(name, _import_problem(name)))
    found: dict[str, ContainedFactory] = {}
    for plugin in _plugins(IStoreFactory, OURS, package):
        factory = _usable(plugin, ContainedFactory.of, "a store", tell)
        if factory is not None:
            first = found.setdefault(factory.store_type, factory)
            _tell_rival(first, factory, f"stores of type {factory.store_type}", tell)
    return found


def find_senders(
    tell: Callable[[Problem], None] = log_problem,
    package: ModuleType = twisted.plugins,
) -> Mapping[str, IMessageSenderFactory]:
    """
    Every sender type that a plug-in brings; for the rest see :func:`find_factories`.

    Modules that cannot be imported are told there, not here again.
    """
    found: dict[str, ContainedSenderFactory] = {}
    for plugin in _plugins(IMessageSenderFactory, OUR_SENDERS, package):
        factory = _usable(plugin, ContainedSenderFactory.of, "a sender", tell)
        if factory is not None:
            first = found.setdefault(factory.sender_type, factory)
            _tell_rival(first, factory, f"senders of type {factory.sender_type}", tell)
    return found


@implementer(IStoreFactory)
@frozen
class ContainedFactory:
    """
    A plug-in's factory; it fails with nothing but ``ConfigError``.

    :ivar module: Where the plug-in is.
    """

    store_type: str
    summary: str
    module: str
    inner: IStoreFactory

    @classmethod
    def of(cls, plugin: CachedPlugin) -> "ContainedFactory":
        """
        Load a plug-in.

        :raise PluginFailed: If it is no factory.
        """

        def load() -> ContainedFactory:
            factory = plugin.load()
            verifyObject(IStoreFactory, factory)
            return cls(
                _word(factory.store_type, "store_type"),
                str(factory.summary),
                plugin.dropin.moduleName,
                factory,
            )

        return _contained(load)

    def parse(self, section: ISection) -> Any:
        """Judge a section."""
        try:
            return _contained(lambda: self.inner.parse(section))
        except PluginFailed as failed:
            _refuse(failed, self.module, f"stores of type {self.store_type}")

    def build(self, settings: Any, tools: Tools) -> Store:
        """Make the store."""
        try:
            return _contained(lambda: _checked(self.inner.build(settings, tools)))
        except PluginFailed as failed:
            kind = f"stores of type {self.store_type}"
            _refuse(failed, self.module, kind, tools.name)


@implementer(IMessageSenderFactory)
@frozen
class ContainedSenderFactory:
    """
    A plug-in's factory of senders; it fails with nothing but ``ConfigError``.

    :ivar module: Where the plug-in is.
    """

    sender_type: str
    summary: str
    module: str
    inner: IMessageSenderFactory

    @classmethod
    def of(cls, plugin: CachedPlugin) -> "ContainedSenderFactory":
        """
        Load a plug-in.

        :raise PluginFailed: If it is no factory.
        """

        def load() -> ContainedSenderFactory:
            factory = plugin.load()
            verifyObject(IMessageSenderFactory, factory)
            return cls(
                _word(factory.sender_type, "sender_type"),
                str(factory.summary),
                plugin.dropin.moduleName,
                factory,
            )

        return _contained(load)

    def parse(self, section: ISection) -> Any:
        """Judge a section."""
        try:
            return _contained(lambda: self.inner.parse(section))
        except PluginFailed as failed:
            _refuse(failed, self.module, f"senders of type {self.sender_type}")

    def build(self, settings: Any, tools: Tools) -> IMessageSender:
        """Make the sender."""
        try:
            return _contained(lambda: _sender(self.inner.build(settings, tools)))
        except PluginFailed as failed:
            kind = f"senders of type {self.sender_type}"
            _refuse(failed, self.module, kind, tools.name)


def _sender(sender: Any) -> IMessageSender:
    try:
        verifyObject(IMessageSender, sender)
    except Invalid as error:
        # More would show the object, and maybe its settings.
        text = f"its plug-in made no IMessageSender ({type(error).__name__})"
        raise ConfigError.at("", text) from error
    made: IMessageSender = sender
    return made


def _word(value: Any, name: str) -> str:
    if not isinstance(value, str) or not _TYPE.fullmatch(value):
        raise TypeError(f"its {name} is no word")
    return str(value)


def _refuse(failed: PluginFailed, module: str, kind: str, place: str = "") -> NoReturn:
    error = failed.error
    problems = _problems(error) if isinstance(error, ConfigError) else []
    if not problems:
        # Its text may quote the section, passwords included.
        text = (
            f"cannot be used: {module}, which brings {kind}, "
            f"failed with {_class_and_line(error)}"
        )
        problems = [Problem("", text)]
    raise ConfigError(
        [
            attrs.evolve(each, path=".".join(filter(None, (place, each.path))))
            for each in problems
        ]
    ) from error


def _tell_rival(
    first: Any, other: Any, kind: str, tell: Callable[[Problem], None]
) -> None:
    if first is not other:
        text = f"brings {kind}, like {first.module}, which is the one that is used"
        tell(Problem(other.module, text))


def _usable(
    plugin: CachedPlugin,
    load: Callable[[CachedPlugin], T],
    noun: str,
    tell: Callable[[Problem], None],
) -> T | None:
    try:
        return load(plugin)
    except PluginFailed as failed:
        text = f"has {noun} that cannot be used: {failed}"
        tell(Problem(plugin.dropin.moduleName, text))
        return None


def _plugins(
    interface: type[Interface], ours: str, package: ModuleType
) -> Iterator[CachedPlugin]:
    modules = getCache(package)
    for name in sorted(modules, key=lambda name: (name != ours, name)):
        for plugin in modules[name].plugins:
            if any(each.isOrExtends(interface) for each in plugin.provided):
                yield plugin


def _unusable(package: ModuleType) -> Iterator[str]:
    for name in sorted(_names(package) - getCache(package).keys()):
        yield f"{package.__name__}.{name}"


def _names(package: ModuleType) -> set[str]:
    modules = getModule(package.__name__).iterModules()
    return {module.name.rpartition(".")[2] for module in modules}


def _import_problem(module: str) -> str:
    # Twisted keeps to itself why; a module that failed is executed anew.
    try:
        _contained(lambda: import_module(module))
    except PluginFailed as failed:
        return f"cannot be imported: {failed}"
    return "could not be imported at first; start again"


def _contained(work: Callable[[], T]) -> T:
    try:
        return work()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise PluginFailed(error) from error


def _checked(store: object) -> Store:
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


def _problems(error: ConfigError) -> list[Problem]:
    try:
        return [Problem(_line(each.path), _line(each.text)) for each in error.problems]
    except Exception:
        # A plug-in may have put anything into it.
        return []


def _line(text: str) -> str:
    return " ".join(text.split())[:LINE_LENGTH]


def _class_and_line(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(frame.filename).name}, line {frame.lineno}"
    return f"{type(error).__name__} ({place})"
