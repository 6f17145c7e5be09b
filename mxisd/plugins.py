"""The store factories that are installed here."""

from collections.abc import Mapping

from twisted.logger import Logger
from twisted.plugin import getPlugins

from mxisd.interfaces import IStoreFactory

log = Logger()


def find_factories() -> Mapping[str, IStoreFactory]:
    """
    Every store type that a plug-in in ``twisted.plugins`` brings.

    A type belongs to the first who brings it, and ours come first.
    """
    found: dict[str, IStoreFactory] = {}
    plugins = sorted(
        getPlugins(IStoreFactory),
        key=lambda plugin: not type(plugin).__module__.startswith("mxisd."),
    )
    for plugin in plugins:
        if plugin.store_type in found:
            log.warn("Two plug-ins bring stores of type {type}", type=plugin.store_type)
        found.setdefault(plugin.store_type, plugin)
    return found
