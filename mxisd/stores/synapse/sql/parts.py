"""Settings -> the parts of a store: our queries, or those of the operator."""

from collections.abc import Callable, Sequence
from functools import partial

from attrs import define, field

from mxisd.drivers.sql.address import DatabaseAddress
from mxisd.drivers.sql.database import SqlDatabase
from mxisd.interfaces import Tools
from mxisd.model.profiles import SearchBy
from mxisd.model.threepids import MSISDN
from mxisd.stores.sql.directory import Search, SqlDirectory
from mxisd.stores.sql.listing import SqlListing
from mxisd.stores.sql.lookup import ManyAtOnce, OneByOne, SqlLookup, Way
from mxisd.stores.sql.profile import Part, SqlProfile
from mxisd.stores.sql.queries import (
    ADDRESS,
    ANY,
    MEDIUM_AND_ADDRESS,
    MEDIUM_AND_ADDRESSES,
    NONE,
    Form,
    Query,
)
from mxisd.stores.sql.settings import IdType
from mxisd.stores.sql.values import Naming
from mxisd.stores.synapse.sql.patterns import pattern
from mxisd.stores.synapse.sql.queries import SynapseQueries
from mxisd.stores.synapse.sql.rooms import SynapseRoomNames
from mxisd.stores.synapse.sql.settings import SearchSettings, SynapseSqlSettings
from mxisd.stores.synapse.sql.terms import (
    HomeserverNaming,
    TermQuery,
    between_percents,
)


@define
class Parts:
    """
    Makes the capabilities.

    :ivar queries: All that have been made.
    """

    settings: SynapseSqlSettings
    tools: Tools
    address: DatabaseAddress
    database: SqlDatabase
    queries: list[Query] = field(factory=list)

    # --- Capabilities -----------------------------------------------------------------

    def lookup(self) -> SqlLookup | None:
        """3PID lookups."""
        identity = self.settings.identity
        if not identity.enabled:
            return None
        by_medium: dict[str, Way] = {
            medium: self._one_by_one(
                f"identity.medium.{medium}", query, ADDRESS, MEDIUM_AND_ADDRESS
            )
            for medium, query in identity.medium.items()
            if query.strip()
        }
        if identity.query.strip():
            general: Way = self._one_by_one(
                "identity.query", identity.query, MEDIUM_AND_ADDRESS
            )
        else:
            general = self._many_at_once(self._ours.lookup)
            phones = self._many_at_once(self._ours.phone_lookup)
            by_medium = {MSISDN: phones, **by_medium}
        return SqlLookup(self.tools.name, by_medium, general)

    def listing(self) -> SqlListing | None:
        """The list of everybody."""
        lookup = self.settings.lookup
        if not self.settings.identity.enabled or not lookup.enabled:
            return None
        own = lookup.query.strip()
        text, wanted = own or self._ours.listing, ("mxid", "medium", "address")
        query = self._query("lookup.query", text, [NONE], wanted)
        naming = self._naming(self.settings.identity.type if own else IdType.MXID)
        return SqlListing(self.tools.name, query, naming, self.tools.addresses)

    def directory(self) -> SqlDirectory | None:
        """Searches."""
        directory, ours = self.settings.directory, self._ours
        if not directory.enabled:
            return None
        name, threepid = directory.query.name, directory.query.threepid
        return SqlDirectory(
            {
                SearchBy.NAME: self._search("name", name, ours.by_name),
                SearchBy.THREEPID: self._search("threepid", threepid, ours.by_threepid),
            }
        )

    def profile(self) -> SqlProfile | None:
        """Profiles."""
        profile, ours = self.settings.profile, self._ours
        if not profile.enabled:
            return None
        name = profile.display_name.query.strip() or ours.name
        threepids = profile.threepid.query.strip() or ours.threepids
        return SqlProfile(
            self.tools.name,
            self._part("displayName", name),
            self._part("threepid", threepids, wanted=("medium", "address")),
            self._roles(),
            self.tools.addresses,
        )

    def room_names(self) -> SynapseRoomNames:
        """Names of rooms."""
        return SynapseRoomNames(self._query("connection", self._ours.room_name))

    # --- Their parts ------------------------------------------------------------------

    @property
    def _ours(self) -> SynapseQueries:
        return self.settings.built_in(self.address)

    def _roles(self) -> Part | None:
        role = self.settings.profile.role
        if not role.query.strip():
            return None
        query = self._query("profile.role.query", role.query)
        return Part(query, self._naming(role.type))

    def _part(self, key: str, text: str, wanted: Sequence[str] = ()) -> Part:
        query = self._query(f"profile.{key}.query", text, wanted=wanted)
        return Part(query, self._naming(IdType.MXID))

    def _search(self, key: str, settings: SearchSettings, ours: str) -> Search:
        own = settings.value.strip()
        spelled: Callable[[str], str] = partial(pattern, self.address.engine)
        query = TermQuery(
            database=self.database,
            clock=self.tools.reactor,
            path=f"directory.query.{key}.value",
            text=own or ours,
            width=2,
            spelled=between_percents if own else spelled,
        )
        self.queries.append(query)
        return Search(query, self._naming(settings.holds if own else IdType.MXID))

    def _one_by_one(self, path: str, text: str, *forms: Form) -> OneByOne:
        query = self._query(path, text, forms, ("uid",))
        naming = self._naming(self.settings.identity.type)
        return OneByOne(query, naming, self.address.connections, self.tools.addresses)

    def _many_at_once(self, text: str) -> ManyAtOnce:
        columns = ("uid", "address")
        query = self._query("identity.query", text, [MEDIUM_AND_ADDRESSES], columns)
        return ManyAtOnce(query, self._naming(IdType.MXID), self.tools.addresses)

    def _naming(self, kind: IdType) -> Naming:
        if kind.is_localpart:
            return Naming(self.tools.domain, is_localpart=True)
        return HomeserverNaming(self.tools.domain, is_localpart=False)

    def _query(
        self,
        path: str,
        text: str,
        forms: Sequence[Form] = (ANY,),
        wanted: Sequence[str] = (),
    ) -> Query:
        query = Query(
            database=self.database,
            clock=self.tools.reactor,
            path=path,
            text=text,
            forms=forms,
            wanted=wanted,
        )
        self.queries.append(query)
        return query
