"""
The plug-ins that are installed here.

A plug-in is somebody else's code: what is wrong with it becomes one line that names its
module, and never a traceback for the operator, or the end of other plug-ins.
"""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from types import ModuleType
from typing import TypeVar

from twisted.logger import Logger
from twisted.plugin import CachedPlugin, getCache
from twisted.python.modules import getModule
from zope.interface import Interface

import twisted.plugins
from mxisd.errors import Problem
from mxisd.interfaces import IMessageSenderFactory, IStoreFactory
from mxisd.plugins.containing import (
    Contained,
    ContainedFactory,
    ContainedSenderFactory,
    PluginFailed,
    contained,
)

C = TypeVar("C", bound=Contained)
Tell = Callable[[Problem], None]

OURS = "mxisd_stores"
"""The module with the stores that come with mxisd."""

OUR_SENDERS = "mxisd_senders"
"""The module with the senders that come with mxisd."""

log = Logger()


def log_problem(problem: Problem) -> None:
    """Log what is wrong with a plug-in."""
    log.warn("{module} {problem}", module=problem.path, problem=problem.text)


def find_factories(
    tell: Tell = log_problem,
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
    return _found(ContainedFactory, OURS, package, tell)


def find_senders(
    tell: Tell = log_problem,
    package: ModuleType = twisted.plugins,
) -> Mapping[str, IMessageSenderFactory]:
    """
    Every sender type that a plug-in brings; for the rest see :func:`find_factories`.

    Modules that cannot be imported are told there, not here again.
    """
    return _found(ContainedSenderFactory, OUR_SENDERS, package, tell)


def _found(
    kind: type[C], ours: str, package: ModuleType, tell: Tell
) -> Mapping[str, C]:
    found: dict[str, C] = {}
    for plugin in _plugins(kind.interface, ours, package):
        try:
            factory = kind.of(plugin)
        except PluginFailed as failed:
            text = f"has a {kind.noun} that cannot be used: {failed}"
            tell(Problem(plugin.dropin.moduleName, text))
            continue
        first = found.setdefault(factory.word, factory)
        if first is not factory:
            used = f"{first.module}, which is the one that is used"
            text = f"brings {factory.products}, like {used}"
            tell(Problem(factory.module, text))
    return found


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
        contained(lambda: import_module(module))
    except PluginFailed as failed:
        return f"cannot be imported: {failed}"
    return "could not be imported at first; start again"
