"""The keys of an LDAP store, under the names that mxisd and ma1sd gave them."""

import enum
from collections.abc import Iterable, Mapping

from attrs import evolve, field, frozen

from mxisd.drivers.ldap import filters
from mxisd.errors import ConfigError, Problem
from mxisd.interfaces import ISection
from mxisd.model.settings import RecordType, option
from mxisd.stores.ldap import checks, connection_settings
from mxisd.stores.ldap.connection_settings import ConnectionSettings
from mxisd.stores.ldap.presets import Defaults, Preset, defaults_of

FOREST_UID = "userPrincipalName"
"""Where users of a forest have their ``login@domain``."""


class MemberValue(enum.Enum):
    """What a group says of a member."""

    DN = "dn"
    UID = "uid"


@frozen(kw_only=True)
class UidSettings:
    """The attribute that makes the user ID."""

    type: RecordType = option(
        "Whether it holds localparts (``uid``) or whole user IDs (``mxid``).",
        RecordType.UID,
    )
    value: str = option(
        "Its name.",
        "",
        default_note="that of the preset; without one ``saMAccountName``; "
        "``userPrincipalName`` with ``activeDirectory``",
        check=checks.attribute,
    )


@frozen(kw_only=True)
class AttributeSettings:
    """Which attributes mean what."""

    uid: UidSettings = option("The user ID.", UidSettings)
    name: str = option(
        "The display name.",
        "",
        default_note="that of the preset; without one ``displayName``",
        check=checks.attribute,
    )
    threepid: Mapping[str, tuple[str, ...]] = option(
        "Attributes with 3PIDs, by medium; a medium that is left out keeps its "
        "default, an empty list switches it off.",
        dict,
        default_note="those of the preset for ``email`` and ``msisdn``",
        check=checks.attributes_by_medium,
    )

    @property
    def by_medium(self) -> Mapping[str, tuple[str, ...]]:
        """The attributes of every medium that is not switched off."""
        return {medium: names for medium, names in self.threepid.items() if names}


def _own_filter(meaning: str) -> str:
    text: str = option(
        meaning, "", default_note="the store's ``filter``", check=checks.filter_text
    )
    return text


@frozen(kw_only=True)
class AuthSettings:
    """Logins."""

    filter: str = _own_filter("Only these entries can log in.")


@frozen(kw_only=True)
class SearchedSettings:
    """What is searched."""

    other: tuple[str, ...] = option(
        "Attributes that are searched beside the name.", (), check=checks.attributes
    )


@frozen(kw_only=True)
class DirectorySettings:
    """Searches in the user directory."""

    filter: str = _own_filter("Only these entries appear in searches.")
    attribute: SearchedSettings = option("What is searched.", SearchedSettings)


@frozen(kw_only=True)
class IdentitySettings:
    """3PID lookups."""

    filter: str = _own_filter("Only these entries are found.")
    token: str = option(
        "What stands for the address in ``medium``.", "%3pid", check=checks.token
    )
    medium: Mapping[str, str] = option(
        "Queries of your own, by medium, instead of one made from "
        "``attribute.threepid``.",
        dict,
        check=checks.queries,
    )
    lookup: bool = option("Whether people are found by hash.", True)


@frozen(kw_only=True)
class GroupSettings:
    """Groups that are searched for a user's roles."""

    base_dns: tuple[str, ...] = option(
        "The subtrees with groups; none: groups are not searched.", (), key="baseDNs"
    )
    filter: str = option(
        "What is a group.",
        "",
        default_note="that of the preset; without one ``groupOfNames`` and "
        "``groupOfUniqueNames``",
        check=checks.filter_text,
    )
    member: str = option(
        "The attribute with the members.",
        "",
        default_note="that of the preset; without one ``member``",
        check=checks.attribute,
    )
    member_value: MemberValue = option(
        "Whether that holds DNs (``dn``), or the first value of ``attribute.uid`` "
        "(``uid``), as ``memberUid`` does.",
        MemberValue.DN,
    )
    name: str = option(
        "The attribute with the role's name.", "cn", check=checks.attribute
    )
    nested: bool = option(
        "Whether members of a group in a group have the role of the outer one.", False
    )


@frozen(kw_only=True)
class RoleSettings:
    """Where a user's roles come from."""

    attribute: str = option(
        "The attribute of a user that names groups by DN, or roles as such.",
        "",
        default_note="that of the preset; without one ``memberOf``",
        check=checks.attribute,
    )
    group: GroupSettings = option("A search for groups.", GroupSettings)


@frozen(kw_only=True)
class ProfileSettings:
    """Profiles."""

    filter: str = _own_filter("Only these entries have a profile.")
    role: RoleSettings = option("Roles.", RoleSettings)


@frozen(kw_only=True)
class LdapSettings:
    """
    An LDAP directory.

    :ivar explained: The filters that the server is asked with, for ``--dump-config``.
    """

    preset: Preset | None = option(
        "The product, for the defaults of other keys.",
        None,
        default_note="none: the defaults of mxisd; ``ad`` with ``activeDirectory``",
    )
    active_directory: bool = option(
        "Whether this is a forest of several domains, in which users are known by "
        "``login@domain``.",
        False,
    )
    default_domain: str = option(
        "The domain of the forest whose users have their login as localpart; others "
        "have ``login/domain``.",
        "",
    )
    connection: ConnectionSettings = option("The server.")
    attribute: AttributeSettings = option("The attributes.", AttributeSettings)
    filter: str = option(
        "The filter where a feature has none of its own.",
        "",
        default_note="that of the preset",
        check=checks.filter_text,
    )
    auth: AuthSettings = option("Logins.", AuthSettings)
    directory: DirectorySettings = option("User directory.", DirectorySettings)
    identity: IdentitySettings = option("3PID lookups.", IdentitySettings)
    profile: ProfileSettings = option("Profiles.", ProfileSettings)
    explained: Mapping[str, str] = field(factory=dict)

    @property
    def defaults(self) -> Defaults:
        """What holds where nothing is written."""
        return defaults_of(self.preset)

    @property
    def is_windows(self) -> bool:
        r"""Whether users may log in as ``DOMAIN\user`` and by principal name."""
        return self.preset is Preset.AD


def judged(section: ISection, preset: Preset | None = None) -> LdapSettings:
    """
    Judge the section, and fill in what it leaves out.

    :param preset: The one that holds where none is written.
    :raise ConfigError: Also for keys that do not fit each other.
    """
    settings = _completed(section.read(LdapSettings), preset)
    problems = [
        *connection_settings.problems(settings.connection),
        *_forest_problems(settings),
        *_query_problems(settings),
        *_group_problems(settings.profile.role.group),
    ]
    if problems:
        raise ConfigError(problems)
    return settings


# --- What is not written --------------------------------------------------------------


def _completed(settings: LdapSettings, preset: Preset | None) -> LdapSettings:
    if settings.active_directory:
        preset = Preset.AD
    settings = evolve(settings, preset=settings.preset or preset)
    own = settings.filter.strip() or settings.defaults.filter
    return evolve(
        settings,
        connection=_connection(settings),
        attribute=_attribute(settings),
        filter=own,
        auth=evolve(settings.auth, filter=settings.auth.filter.strip() or own),
        directory=evolve(
            settings.directory, filter=settings.directory.filter.strip() or own
        ),
        identity=evolve(
            settings.identity, filter=settings.identity.filter.strip() or own
        ),
        profile=_profile(settings, own),
    )


def _connection(settings: LdapSettings) -> ConnectionSettings:
    connection, defaults = settings.connection, settings.defaults
    default = defaults.tls_port if connection.tls else defaults.port
    return evolve(connection, port=connection.port or default)


def _attribute(settings: LdapSettings) -> AttributeSettings:
    attribute, defaults = settings.attribute, settings.defaults
    uid = FOREST_UID if settings.active_directory else defaults.uid
    return evolve(
        attribute,
        uid=evolve(attribute.uid, value=attribute.uid.value or uid),
        name=attribute.name or defaults.name,
        threepid={**defaults.threepids, **attribute.threepid},
    )


def _profile(settings: LdapSettings, own: str) -> ProfileSettings:
    profile, defaults = settings.profile, settings.defaults
    role, group = profile.role, profile.role.group
    return evolve(
        profile,
        filter=profile.filter.strip() or own,
        role=evolve(
            role,
            attribute=role.attribute or defaults.member_of,
            group=evolve(
                group,
                filter=group.filter.strip() or defaults.groups,
                member=group.member or defaults.member,
            ),
        ),
    )


# --- What does not fit ----------------------------------------------------------------


def _forest_problems(settings: LdapSettings) -> Iterable[Problem]:
    if not settings.active_directory:
        return
    if settings.preset is not Preset.AD:
        yield Problem("preset", "must be ad with activeDirectory: true")
    if settings.attribute.uid.type is RecordType.MXID:
        yield Problem("attribute.uid.type", "must be uid with activeDirectory: true")
    if settings.attribute.uid.value.lower() == "samaccountname":
        yield Problem(
            "attribute.uid.value",
            "holds no login@domain, which activeDirectory: true needs: "
            f"leave it out, or write {FOREST_UID}",
        )


def _query_problems(settings: LdapSettings) -> Iterable[Problem]:
    token = settings.identity.token
    for medium, query in settings.identity.medium.items():
        if not filters.mentions(filters.parse(query), token):
            yield Problem(
                f"identity.medium.{medium}", f"has no {token} where the address goes"
            )


def _group_problems(group: GroupSettings) -> Iterable[Problem]:
    if group.nested and group.member_value is MemberValue.UID:
        yield Problem(
            "profile.role.group.nested",
            "has no effect with memberValue: uid, which names people only",
        )
