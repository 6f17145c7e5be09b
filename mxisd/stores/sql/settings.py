"""The keys of an SQL store, under the names that mxisd and ma1sd gave them."""

import enum
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import evolve, field, frozen

from mxisd.interfaces import ISection
from mxisd.model.secret import Secret
from mxisd.model.settings import option
from mxisd.stores.sql.connection_settings import ConnectionSettings

IDENTITY_DEFAULT = (
    "SELECT user_id AS uid FROM user_threepids WHERE medium = ? AND address = ?"
)
THREEPIDS_DEFAULT = "SELECT medium, address FROM user_threepids WHERE user_id = ?"


class IdType(enum.Enum):
    """What stands for a user in the database."""

    MXID = "mxid"
    UID = "uid"
    LOCALPART = "localpart"

    @property
    def is_localpart(self) -> bool:
        """Whether that is a localpart; mxisd had two words for it."""
        return self is not IdType.MXID


def search_type(text: str) -> IdType:
    """
    What the first column of a search holds.

    :raise ValueError: With a sentence.
    """
    # The old default was this, where "localpart" was meant.
    word = "localpart" if text.strip() == "SELECT 1" else text.strip().lower()
    try:
        return IdType(word)
    except ValueError:
        raise ValueError("must be one of localpart, uid, mxid") from None


def user_type(default: IdType) -> Any:
    """What stands for the user in a query about one."""
    kinds = ["a localpart (``localpart``, ``uid``)", "a user ID (``mxid``)"]
    first, other = kinds if default.is_localpart else reversed(kinds)
    return option(f"What ``?`` is: {first}, or {other}.", default)


@frozen(kw_only=True)
class AuthSettings:
    """Logins."""

    enabled: bool = option("Whether passwords are checked.", True)
    query: str = option(
        "Gives the stored hash of a user's password, and maybe a user ID; every ``?`` "
        "is the user.",
        "",
    )
    type: IdType = user_type(IdType.LOCALPART)
    pepper: Secret = option(
        "What the application adds to each password before it makes a hash, such as "
        "Synapse's ``password_config.pepper``.",
        Secret(""),
    )


@frozen(kw_only=True)
class SearchSettings:
    """One kind of search."""

    type: str = option(
        "What the first column holds: ``localpart`` (``uid``) or ``mxid``.",
        "localpart",
        check=search_type,
    )
    value: str = option(
        "Gives user and display name; every ``?`` is the search term, as it was typed.",
        "",
    )


@frozen(kw_only=True)
class SearchesSettings:
    """Searches in the user directory."""

    name: SearchSettings = option("By name.", SearchSettings)
    threepid: SearchSettings = option("By 3PID.", SearchSettings)


@frozen(kw_only=True)
class DirectorySettings:
    """The user directory."""

    enabled: bool = option("Whether people are searched.", True)
    query: SearchesSettings = option("The queries.", SearchesSettings)


@frozen(kw_only=True)
class BulkSettings:
    """Lookups of many 3PIDs at once."""

    query: str = option(
        "Finds users; ``??`` is a list of addresses, a ``?`` before it the medium. "
        "Gives ``uid``, ``address`` and, without that ``?``, ``medium``.",
        "",
    )
    medium: Mapping[str, str] = option(
        "Such queries by medium; ``??`` is a list of addresses. Give ``uid`` and "
        "``address``.",
        dict,
    )


@frozen(kw_only=True)
class IdentitySettings:
    """3PID lookups."""

    enabled: bool = option("Whether people are found by 3PID.", True)
    type: IdType = option(
        "What ``uid`` and ``mxid`` hold: user IDs (``mxid``) or localparts (``uid``, "
        "``localpart``).",
        IdType.MXID,
    )
    query: str = option(
        "Gives ``uid``; the first ``?`` is the medium, the second the address.",
        "",
        default_note="without any other query in ``identity``: that for Synapse's "
        "table ``user_threepids``",
    )
    medium: Mapping[str, str] = option(
        "Queries by medium instead. One ``?`` is the address; two are medium and "
        "address.",
        dict,
    )
    bulk: BulkSettings = option("The same for many 3PIDs at once.", BulkSettings)

    @property
    def general(self) -> str:
        """The query for media that have none of their own; maybe empty."""
        others = (*self.medium.values(), self.bulk.query, *self.bulk.medium.values())
        has_others = any(text.strip() for text in others)
        return self.query.strip() or ("" if has_others else IDENTITY_DEFAULT)


@frozen(kw_only=True)
class ListingSettings:
    """The list of everybody."""

    query: str = option(
        "Gives ``mxid``, ``medium`` and ``address`` of everybody, so that they are "
        "found by hash.",
        "",
    )


@frozen(kw_only=True)
class AboutUserSettings:
    """A query about a user."""

    query: str = option("Its first column is the name; every ``?`` is the user.", "")
    type: IdType = user_type(IdType.MXID)


@frozen(kw_only=True)
class ThreePidsSettings:
    """A query for a user's 3PIDs."""

    query: str = option(
        "Gives ``medium`` and ``address``; every ``?`` is the user.",
        "",
        default_note="that for Synapse's table ``user_threepids``, where there is one",
    )
    type: IdType = user_type(IdType.MXID)


@frozen(kw_only=True)
class RoleSettings:
    """A query for a user's roles."""

    query: str = option("Gives a role in each row; every ``?`` is the user.", "")
    type: IdType = user_type(IdType.LOCALPART)


@frozen(kw_only=True)
class ProfileSettings:
    """Profiles."""

    enabled: bool = option("Whether users have a profile.", True)
    display_name: AboutUserSettings = option("The display name.", AboutUserSettings)
    threepid: ThreePidsSettings = option("The 3PIDs.", ThreePidsSettings)
    role: RoleSettings = option("The roles.", RoleSettings)


@frozen(kw_only=True)
class SqlSettings(ConnectionSettings):
    """
    People in the tables of a database.

    :ivar explained: The queries, for ``--dump-config``.
    """

    auth: AuthSettings = option("Logins.", AuthSettings)
    directory: DirectorySettings = option("User directory.", DirectorySettings)
    identity: IdentitySettings = option("3PID lookups.", IdentitySettings)
    lookup: ListingSettings = option("The list of everybody.", ListingSettings)
    profile: ProfileSettings = option("Profiles.", ProfileSettings)
    explained: Mapping[str, str] = field(factory=dict)


def judged(section: ISection) -> SqlSettings:
    """
    Judge the section; the queries are judged by the database.

    :raise ConfigError: Also for keys that do not fit each other.
    """
    settings = section.read(SqlSettings)
    # As entries of stores, and --dump-config, have it.
    return evolve(settings, type=None, engine=settings.address.engine)


def explained(settings: SqlSettings) -> Mapping[str, str]:
    """The queries by key, as the database gets them but for line breaks."""
    return {p: " ".join(q.split()) for p, q in _queries(settings) if q.strip()}


def _queries(settings: SqlSettings) -> Iterator[tuple[str, str]]:
    identity, profile = settings.identity, settings.profile
    searches = settings.directory.query
    yield "identity.query", identity.general
    for medium, query in identity.medium.items():
        yield f"identity.medium.{medium}", query
    yield "identity.bulk.query", identity.bulk.query
    for medium, query in identity.bulk.medium.items():
        yield f"identity.bulk.medium.{medium}", query
    yield "lookup.query", settings.lookup.query
    yield "directory.query.name.value", searches.name.value
    yield "directory.query.threepid.value", searches.threepid.value
    yield "profile.displayName.query", profile.display_name.query
    yield "profile.threepid.query", profile.threepid.query
    yield "profile.role.query", profile.role.query
    yield "auth.query", settings.auth.query
