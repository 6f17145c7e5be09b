"""Settings -> the parts of a store, each of them if there is a query for it."""

from collections.abc import Mapping, Sequence

from mxisd.drivers.sql.database import SqlDatabase
from mxisd.interfaces import Tools
from mxisd.model.profiles import SearchBy
from mxisd.stores.sql.directory import Search, SqlDirectory
from mxisd.stores.sql.listing import SqlListing
from mxisd.stores.sql.login import SqlAuthenticator
from mxisd.stores.sql.lookup import ManyAtOnce, OneByOne, SqlLookup, Way
from mxisd.stores.sql.profile import Part, SqlProfile
from mxisd.stores.sql.queries import (
    ADDRESS,
    ADDRESSES,
    ANY,
    MEDIUM_AND_ADDRESS,
    MEDIUM_AND_ADDRESSES,
    NONE,
    Form,
    Query,
)
from mxisd.stores.sql.settings import (
    THREEPIDS_DEFAULT,
    IdType,
    SearchSettings,
    SqlSettings,
    search_type,
)
from mxisd.stores.sql.values import Naming


class Parts:
    """
    Makes the capabilities.

    :ivar queries: All queries that have been made for them.
    """

    def __init__(
        self, settings: SqlSettings, tools: Tools, database: SqlDatabase
    ) -> None:
        self._settings = settings
        self._tools = tools
        self._database = database
        self.queries: list[Query] = []

    def lookup(self) -> SqlLookup:
        """Lookups; the narrower query goes first, and one for many before others."""
        identity = self._settings.identity
        by_medium: dict[str, Way] = {}
        for medium, text in _written(identity.medium).items():
            path = f"identity.medium.{medium}"
            by_medium[medium] = self._one_by_one(
                path, text, ADDRESS, MEDIUM_AND_ADDRESS
            )
        for medium, text in _written(identity.bulk.medium).items():
            path = f"identity.bulk.medium.{medium}"
            by_medium[medium] = self._many_at_once(path, text)
        return SqlLookup(self._tools.name, by_medium, self._general())

    def listing(self) -> SqlListing | None:
        """The list of everybody."""
        text = self._settings.lookup.query
        if not text.strip():
            return None
        columns = ("mxid", "medium", "address")
        query = self._query("lookup.query", text, [NONE], columns)
        return SqlListing(
            self._tools.name, query, self._identity_naming, self._tools.addresses
        )

    def authenticator(self) -> SqlAuthenticator | None:
        """Logins."""
        auth = self._settings.auth
        if not auth.query.strip():
            return None
        return SqlAuthenticator(
            reactor=self._tools.reactor,
            store=self._tools.name,
            query=self._query("auth.query", auth.query),
            naming=self._naming(auth.type),
            answers=self._naming(IdType.LOCALPART),
            pepper=auth.pepper,
        )

    def directory(self) -> SqlDirectory | None:
        """Searches."""
        written = self._settings.directory.query
        settings = {SearchBy.NAME: written.name, SearchBy.THREEPID: written.threepid}
        searches = {
            by: self._search(by, each)
            for by, each in settings.items()
            if each.value.strip()
        }
        return SqlDirectory(searches) if searches else None

    def profile(self) -> SqlProfile | None:
        """Profiles; without any query, our guess for the 3PIDs must be right."""
        profile = self._settings.profile
        name, role = profile.display_name, profile.role
        parts = (
            self._part("profile.displayName.query", name.query, name.type),
            self._part("profile.role.query", role.query, role.type),
        )
        return SqlProfile(
            store=self._tools.name,
            name=parts[0],
            threepids=self._threepids(has_others=any(parts)),
            roles=parts[1],
            addresses=self._tools.addresses,
        )

    # --- Smaller parts ----------------------------------------------------------------

    def _general(self) -> Way | None:
        identity = self._settings.identity
        if identity.bulk.query.strip():
            return self._many_at_once("identity.bulk.query", identity.bulk.query)
        if not identity.general:
            return None
        return self._one_by_one("identity.query", identity.general, MEDIUM_AND_ADDRESS)

    def _one_by_one(self, path: str, text: str, *forms: Form) -> OneByOne:
        query = self._query(path, text, forms, ("uid",))
        return OneByOne(
            query,
            self._identity_naming,
            self._settings.connections,
            self._tools.addresses,
        )

    def _many_at_once(self, path: str, text: str) -> ManyAtOnce:
        forms = (ADDRESSES, MEDIUM_AND_ADDRESSES)
        query = self._query(path, text, forms, ("uid", "address"))
        if path == "identity.bulk.query" and len(query.marks) == 1:
            query.wanted = ("uid", "medium", "address")
        return ManyAtOnce(query, self._identity_naming, self._tools.addresses)

    def _search(self, by: SearchBy, settings: SearchSettings) -> Search:
        path = f"directory.query.{by.value}.value"
        query = self._query(path, settings.value, width=2)
        return Search(query, self._naming(search_type(settings.type)))

    def _threepids(self, *, has_others: bool) -> Part | None:
        threepid = self._settings.profile.threepid
        text = threepid.query.strip() or THREEPIDS_DEFAULT
        part = self._part("profile.threepid.query", text, threepid.type)
        if part is not None:
            part.query.wanted = ("medium", "address")
            part.query.is_guess = has_others and not threepid.query.strip()
        return part

    def _part(self, path: str, text: str, kind: IdType) -> Part | None:
        if not text.strip():
            return None
        return Part(self._query(path, text), self._naming(kind))

    def _query(
        self,
        path: str,
        text: str,
        forms: Sequence[Form] = (ANY,),
        wanted: Sequence[str] = (),
        width: int = 1,
    ) -> Query:
        query = Query(
            database=self._database,
            clock=self._tools.reactor,
            path=path,
            text=text,
            forms=forms,
            wanted=wanted,
            width=width,
        )
        self.queries.append(query)
        return query

    @property
    def _identity_naming(self) -> Naming:
        return self._naming(self._settings.identity.type)

    def _naming(self, kind: IdType) -> Naming:
        return Naming(self._tools.domain, kind.is_localpart)


def _written(queries: Mapping[str, str]) -> Mapping[str, str]:
    return {medium: text for medium, text in queries.items() if text.strip()}
