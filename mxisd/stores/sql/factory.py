"""Settings -> store."""

from collections.abc import Sequence

from attrs import evolve, frozen
from zope.interface import implementer

from mxisd.drivers.sql.database import open_database
from mxisd.errors import Misconfigured, Problem
from mxisd.interfaces import ISection, ISelfCheck, Store, Tools
from mxisd.stores.closing import Closing
from mxisd.stores.sql.parts import Parts
from mxisd.stores.sql.queries import Query
from mxisd.stores.sql.settings import SqlSettings, explained, judged


def parse(section: ISection) -> SqlSettings:
    """Judge the section."""
    settings = judged(section)
    return evolve(settings, explained=explained(settings))


def build(settings: SqlSettings, tools: Tools) -> Store:
    """Make the store; it connects at the first question."""
    database = open_database(
        tools.reactor, settings.address, tools.name, settings.key, settings.ca_key
    )
    parts = Parts(settings, tools, database)
    return Store(
        lookup=parts.lookup() if settings.identity.enabled else None,
        associations=parts.listing() if settings.identity.enabled else None,
        authenticator=parts.authenticator() if settings.auth.enabled else None,
        directory=parts.directory() if settings.directory.enabled else None,
        profile=parts.profile() if settings.profile.enabled else None,
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
                if not query.is_guess:
                    found.append(error.as_problem)
        return found
