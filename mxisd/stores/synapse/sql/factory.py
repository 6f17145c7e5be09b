"""Settings -> store."""

from collections.abc import Sequence

from attrs import frozen
from zope.interface import implementer

from mxisd.drivers.sql.database import open_database
from mxisd.errors import Misconfigured, Problem
from mxisd.interfaces import ISection, ISelfCheck, Store, Tools
from mxisd.stores.closing import Closing
from mxisd.stores.sql.queries import Query
from mxisd.stores.synapse.sql.parts import Parts
from mxisd.stores.synapse.sql.settings import SynapseSqlSettings, judged


def parse(section: ISection) -> SynapseSqlSettings:
    """Judge the section."""
    return judged(section)


def build(settings: SynapseSqlSettings, tools: Tools) -> Store:
    """Make the store; it connects at the first question."""
    address = settings.address
    database = open_database(
        tools.reactor, address, tools.name, settings.key, settings.ca_key
    )
    parts = Parts(settings, tools, address, database)
    return Store(
        lookup=parts.lookup(),
        associations=parts.listing(),
        directory=parts.directory(),
        profile=parts.profile(),
        room_names=parts.room_names(),
        self_check=_SelfCheck(parts.queries),
        service=Closing(database.close),
    )


@implementer(ISelfCheck)
@frozen
class _SelfCheck:
    """Has every query judged."""

    queries: Sequence[Query]

    async def problems(self) -> Sequence[Problem]:
        """The queries that do not work."""
        found = []
        for query in self.queries:
            try:
                await query.check()
            except Misconfigured as error:
                if error.is_whole:
                    return [error.as_problem]
                found.append(error.as_problem)
        return found
