"""Store factories that cost nothing until one of their stores is configured."""

from typing import Any

from attrs import frozen
from twisted.python.reflect import namedModule
from zope.interface import implementer

from mxisd.interfaces import ISection, IStoreFactory, Store, Tools


@implementer(IStoreFactory)
@frozen
class StoreMaker:
    """
    A factory that lives in a module which is imported when it is needed.

    :ivar module: The dotted name of a module with functions ``parse(section)`` and
        ``build(settings, tools)``, which do what :class:`IStoreFactory` says.
    """

    store_type: str
    module: str
    summary: str

    def parse(self, section: ISection) -> Any:
        """Judge a section."""
        return namedModule(self.module).parse(section)

    def build(self, settings: Any, tools: Tools) -> Store:
        """Make the store."""
        store: Store = namedModule(self.module).build(settings, tools)
        return store
