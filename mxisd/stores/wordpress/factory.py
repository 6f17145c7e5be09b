"""Settings -> store."""

from collections.abc import Mapping, Sequence

from attrs import frozen
from zope.interface import implementer

from mxisd.drivers.sql.address import DatabaseAddress
from mxisd.drivers.sql.database import SqlDatabase, open_database
from mxisd.errors import ConfigError, Misconfigured, Problem
from mxisd.interfaces import ISelfCheck, Store, Tools
from mxisd.model.profiles import SearchBy
from mxisd.model.threepids import EMAIL
from mxisd.portions import Portions
from mxisd.stores.closing import Closing
from mxisd.stores.wordpress import queries
from mxisd.stores.wordpress.directory import WordPressDirectory, WordPressProfile
from mxisd.stores.wordpress.login import Site, WordPressAuthenticator
from mxisd.stores.wordpress.lookup import WordPressListing, WordPressLookup
from mxisd.stores.wordpress.queries import Query
from mxisd.stores.wordpress.settings import SqlSettings, WordPressSettings, parse

__all__ = ["build", "parse"]


def build(settings: WordPressSettings, tools: Tools) -> Store:
    """
    Make the store; WordPress and its database are asked at the first question.

    :raise ConfigError: If the library for the database is not installed.
    """
    site = Site(tools.http, settings.rest.api)
    login = WordPressAuthenticator(site, tools.domain)
    address = settings.sql.address
    if address is None:
        return Store(authenticator=login, self_check=_SelfCheck(site, ()))
    database = _database(address, tools)
    asked = _Queries.of(settings.sql, database)
    name, domain = tools.name, tools.domain
    known, portions = tools.addresses, Portions(tools.reactor)
    listing = WordPressListing(name, domain, asked.everybody, known, portions)
    return Store(
        lookup=WordPressLookup(name, domain, asked.by_medium, known, portions),
        associations=listing if settings.hash_enabled else None,
        authenticator=login,
        directory=WordPressDirectory(domain, asked.searches),
        profile=WordPressProfile(domain, asked.profile, asked.more, known),
        self_check=_SelfCheck(site, asked.all),
        service=Closing(database.close),
    )


def _database(address: DatabaseAddress, tools: Tools) -> SqlDatabase:
    try:
        return open_database(
            tools.reactor, address, tools.name, "sql.connection", "connection"
        )
    except ConfigError as error:
        raise error.below("sql") from error


@frozen
class _Queries:
    """All queries, each with the key to mend."""

    by_medium: Mapping[str, Query]
    searches: Mapping[SearchBy, Query]
    everybody: Query
    profile: Query
    more: Query | None

    @property
    def all(self) -> Sequence[Query]:
        found = [*self.by_medium.values(), *self.searches.values()]
        found += [self.everybody, self.profile]
        return [*found, self.more] if self.more is not None else found

    @classmethod
    def of(cls, settings: SqlSettings, database: SqlDatabase) -> "_Queries":
        own = settings.query

        def query(key: str, written: str, default: str, *wanted: str) -> Query:
            is_own = bool(written.strip())
            path = f"sql.query.{key}" if is_own else queries.PREFIX_KEY
            text = written if is_own else default
            text = text.replace(queries.PREFIX, settings.table_prefix)
            return Query(database, path, text, wanted, 1 if wanted else 2)

        by_medium = {EMAIL: "", **own.threepid}
        name, threepid = own.directory.name, own.directory.threepid
        return cls(
            {
                medium: query(
                    f"threepid.{medium}", text, queries.BY_EMAIL, *_columns(text)
                )
                for medium, text in by_medium.items()
                if text.strip() or medium == EMAIL
            },
            {
                SearchBy.NAME: query("directory.name", name, queries.SEARCH_NAME),
                SearchBy.THREEPID: query(
                    "directory.threepid", threepid, queries.SEARCH_THREEPID
                ),
            },
            query("lookup", own.lookup, queries.EVERYBODY, "uid", "medium", "address"),
            query("", "", queries.PROFILE, "user_login", "capabilities"),
            query("profile", own.profile, "", "medium", "address")
            if own.profile.strip()
            else None,
        )


def _columns(text: str) -> Sequence[str]:
    """What a query for a medium must give: a list must say which address it found."""
    return ("uid", "address") if "??" in text else ("uid",)


@implementer(ISelfCheck)
@frozen
class _SelfCheck:
    """Looks for the plugin, and has each query judged."""

    site: Site
    queries: Sequence[Query]

    async def problems(self) -> Sequence[Problem]:
        found: dict[str, Problem] = {}
        for check in (self.site.check, *(query.check for query in self.queries)):
            try:
                await check()
            except Misconfigured as error:
                found.setdefault(error.path, error.as_problem)
        return list(found.values())
