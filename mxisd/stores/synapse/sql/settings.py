"""The keys of a ``synapseSql`` store, under the names that mxisd and ma1sd gave."""

from collections.abc import Mapping

from attrs import evolve, field, frozen

from mxisd.drivers.sql.address import DatabaseAddress
from mxisd.errors import ConfigError
from mxisd.interfaces import ISection
from mxisd.model.settings import option
from mxisd.stores.sql.connection_settings import ConnectionSettings
from mxisd.stores.sql.settings import IdType, search_type, user_type
from mxisd.stores.synapse.sql.queries import ENGINES, SynapseQueries

BUILT_IN = "one that is built in"


@frozen(kw_only=True)
class AuthSettings:
    """Logins."""

    enabled: bool = option("Has no effect: Synapse checks passwords itself.", False)


@frozen(kw_only=True)
class SearchSettings:
    """One kind of search."""

    type: str = option(
        "What the first column of ``value`` holds: ``mxid``, ``localpart`` or ``uid``.",
        "mxid",
        check=search_type,
    )
    value: str = option(
        "Gives user and display name; every ``?`` is the term between two ``%``.",
        "",
        default_note=BUILT_IN,
    )

    @property
    def holds(self) -> IdType:
        """What the first column holds; mxisd's default said nothing, and meant IDs."""
        is_said = self.type.strip() != "SELECT 1"
        return search_type(self.type) if is_said else IdType.MXID


@frozen(kw_only=True)
class SearchesSettings:
    """Searches in the user directory."""

    name: SearchSettings = option("By name.", SearchSettings)
    threepid: SearchSettings = option("By 3PID.", SearchSettings)


@frozen(kw_only=True)
class DirectorySettings:
    """The user directory."""

    enabled: bool = option("Whether users appear in searches.", True)
    query: SearchesSettings = option("The queries.", SearchesSettings)


@frozen(kw_only=True)
class IdentitySettings:
    """3PID lookups."""

    enabled: bool = option("Whether users are found by 3PID.", True)
    require_consent: bool = option(
        "Whether users are found only by addresses that they had published at an "
        "identity server; if not, by every address of their account.",
        True,
    )
    type: IdType = option(
        "What ``uid`` and ``mxid`` hold in queries of your own: ``mxid``, or "
        "``localpart`` (``uid``).",
        IdType.MXID,
    )
    query: str = option(
        "Gives ``uid``; the first ``?`` is the medium, the second the address.",
        "",
        default_note=BUILT_IN,
    )
    medium: Mapping[str, str] = option(
        "Queries by medium instead. One ``?`` is the address; two are medium and "
        "address.",
        dict,
    )


@frozen(kw_only=True)
class ListingSettings:
    """The list of everybody, for lookups by hash."""

    enabled: bool = option("Whether users are found by hash.", True)
    query: str = option(
        "Gives ``mxid``, ``medium`` and ``address`` of everybody.",
        "",
        default_note=BUILT_IN,
    )


@frozen(kw_only=True)
class AboutUserSettings:
    """A query about a user."""

    query: str = option("Every ``?`` is the user ID.", "", default_note=BUILT_IN)


@frozen(kw_only=True)
class RoleSettings:
    """A query for a user's roles."""

    query: str = option(
        "Gives a role in each row; every ``?`` is the user. Synapse has no roles, and "
        "no groups any more.",
        "",
    )
    type: IdType = user_type(IdType.MXID)


@frozen(kw_only=True)
class ProfileSettings:
    """Profiles."""

    enabled: bool = option("Whether users have a profile.", True)
    display_name: AboutUserSettings = option("The display name.", AboutUserSettings)
    threepid: AboutUserSettings = option("The 3PIDs.", AboutUserSettings)
    role: RoleSettings = option("The roles.", RoleSettings)


@frozen(kw_only=True)
class SynapseSqlSettings(ConnectionSettings):
    """
    Users of a Synapse homeserver, in its database.

    :ivar explained: The queries, for ``--dump-config``.
    """

    auth: AuthSettings = option("Logins.", AuthSettings)
    directory: DirectorySettings = option("User directory.", DirectorySettings)
    identity: IdentitySettings = option("3PID lookups.", IdentitySettings)
    lookup: ListingSettings = option("The list of everybody.", ListingSettings)
    profile: ProfileSettings = option("Profiles.", ProfileSettings)
    explained: Mapping[str, str] = field(factory=dict)

    def built_in(self, address: DatabaseAddress) -> SynapseQueries:
        """The queries that hold where none is written."""
        return SynapseQueries(address.engine, self.identity.require_consent)


def judged(section: ISection) -> SynapseSqlSettings:
    """
    Judge the section; the queries are judged by the database.

    :raise ConfigError: Also for keys that do not fit each other.
    """
    settings = section.read(SynapseSqlSettings)
    address = settings.address
    if address.engine not in ENGINES:
        text = "must be sqlite or postgresql, as Synapse's is"
        raise ConfigError.at("type", text)
    return evolve(
        settings,
        # As entries of stores, and --dump-config, have it.
        type=None,
        engine=address.engine,
        explained=_explained(settings, address),
    )


# --- What is asked --------------------------------------------------------------------


def _explained(
    settings: SynapseSqlSettings, address: DatabaseAddress
) -> Mapping[str, str]:
    ours, searches = settings.built_in(address), settings.directory.query
    profile = settings.profile
    texts = {
        "lookup": settings.identity.query or ours.lookup,
        "list": settings.lookup.query or ours.listing,
        "directory search by name": searches.name.value or ours.by_name,
        "directory search by 3PID": searches.threepid.value or ours.by_threepid,
        "display name": profile.display_name.query or ours.name,
        "3PIDs": profile.threepid.query or ours.threepids,
    }
    return {name: " ".join(text.split()) for name, text in texts.items()}
