"""The keys of an LDAP store, under the names that mxisd and ma1sd gave them."""

import re
from collections.abc import Iterable, Mapping

from attrs import frozen

from mxisd.drivers.ldap import filters
from mxisd.errors import ConfigError, Problem
from mxisd.interfaces import ISection
from mxisd.model.secret import Secret
from mxisd.model.settings import Duration, RecordType, option
from mxisd.model.threepids import EMAIL, MSISDN

DEFAULT_ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    EMAIL: ("mailPrimaryAddress", "mail", "otherMailbox"),
    MSISDN: (
        "telephoneNumber",
        "mobile",
        "homePhone",
        "otherTelephone",
        "otherMobile",
        "otherHomePhone",
    ),
}

_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]*|[0-9]+(\.[0-9]+)+")
_SPECIAL = re.compile(r"[()*\\\x00]")


def _port(value: int | None) -> None:
    if value is not None and not 1 <= value <= 65535:
        raise ValueError("a port is a number from 1 to 65535")


def _not_blank(value: str) -> None:
    if not value.strip():
        raise ValueError("must not be empty")


def _positive(value: float) -> None:
    if value <= 0:
        raise ValueError("must be more than 0")


def _attribute(value: str) -> None:
    if _ATTRIBUTE.fullmatch(value) is None:
        raise ValueError("is no attribute name: letters, digits and dashes")


def _attributes(value: Mapping[str, tuple[str, ...]]) -> None:
    for names in value.values():
        for name in names:
            _attribute(name)


def _filter(value: str) -> None:
    if value.strip():
        filters.parse(value)


def _queries(value: Mapping[str, str]) -> None:
    for medium, query in value.items():
        try:
            filters.parse(query)
        except ValueError as error:
            raise ValueError(f"the query of {medium} {error}") from error


def _token(value: str) -> None:
    _not_blank(value)
    if _SPECIAL.search(value):
        raise ValueError("must not hold any of ( ) * \\")


@frozen(kw_only=True)
class ConnectionSettings:
    """Where the directory is."""

    host: str = option("The server's name or address.", check=_not_blank)
    port: int | None = option(
        "The port.", None, default_note="389, or 636 with ``tls``", check=_port
    )
    tls: bool = option("Whether TLS is spoken from the first byte (ldaps).", False)
    ca_file: str | None = option(
        "A PEM file of the certificate authorities to trust instead of the system's.",
        None,
    )
    timeout: Duration = option(
        "How long a connection, and each answer, may take.",
        Duration(5),
        check=_positive,
    )
    bind_dn: str = option("Who we are in the directory; empty: anonymous.", "")
    bind_password: Secret = option("The password of ``bindDn``.", Secret(""))
    base_dns: tuple[str, ...] = option(
        "The subtrees with people, in order of priority.", (), key="baseDNs"
    )
    base_dn: str | None = option("One more subtree; the old form of ``baseDNs``.", None)

    @property
    def actual_port(self) -> int:
        """The port, whether written or not."""
        return self.port or (636 if self.tls else 389)

    @property
    def bases(self) -> tuple[str, ...]:
        """Every subtree, once."""
        legacy = () if not self.base_dn else (self.base_dn,)
        return tuple(dict.fromkeys((*self.base_dns, *legacy)))


@frozen(kw_only=True)
class UidSettings:
    """The attribute that makes the user ID."""

    type: RecordType = option(
        "Whether it holds localparts (``uid``) or whole user IDs (``mxid``).",
        RecordType.UID,
    )
    value: str = option("Its name.", "saMAccountName", check=_attribute)


@frozen(kw_only=True)
class AttributeSettings:
    """Which attributes mean what."""

    uid: UidSettings = option("The user ID.", UidSettings)
    name: str = option("The display name.", "displayName", check=_attribute)
    threepid: Mapping[str, tuple[str, ...]] = option(
        "Attributes with 3PIDs, by medium; a medium that is left out keeps its "
        "default, an empty list switches it off.",
        dict,
        default_note="the usual ones for ``email`` and ``msisdn``",
        check=_attributes,
    )

    @property
    def by_medium(self) -> Mapping[str, tuple[str, ...]]:
        """The attributes of every medium, defaults included."""
        return {**DEFAULT_ATTRIBUTES, **self.threepid}


@frozen(kw_only=True)
class AuthSettings:
    """Logins."""

    filter: str = option(
        "Only these entries can log in.",
        "",
        default_note="the store's ``filter``",
        check=_filter,
    )


@frozen(kw_only=True)
class IdentitySettings:
    """3PID lookups."""

    filter: str = option(
        "Only these entries are found.",
        "",
        default_note="the store's ``filter``",
        check=_filter,
    )
    token: str = option(
        "What stands for the address in ``medium``.", "%3pid", check=_token
    )
    medium: Mapping[str, str] = option(
        "Queries of your own, by medium, instead of one made from "
        "``attribute.threepid``.",
        dict,
        check=_queries,
    )
    lookup: bool = option("Whether people are found by hash.", True)


@frozen(kw_only=True)
class LdapSettings:
    """An LDAP directory."""

    connection: ConnectionSettings = option("The server.")
    attribute: AttributeSettings = option("The attributes.", AttributeSettings)
    filter: str = option(
        "The filter where a feature has none of its own.", "", check=_filter
    )
    auth: AuthSettings = option("Logins.", AuthSettings)
    identity: IdentitySettings = option("3PID lookups.", IdentitySettings)


def parse(section: ISection) -> LdapSettings:
    """
    Judge the section.

    :raise ConfigError: Also for keys that do not fit each other.
    """
    settings = section.read(LdapSettings)
    problems = [*_connection_problems(settings), *_query_problems(settings)]
    if problems:
        raise ConfigError(problems)
    return settings


def _connection_problems(settings: LdapSettings) -> Iterable[Problem]:
    connection = settings.connection
    if not any(base.strip() for base in connection.bases):
        yield Problem(
            "connection.baseDNs",
            "is required: say where the people are, such as "
            "ou=people,dc=example,dc=org",
        )
    if bool(connection.bind_dn) != bool(connection.bind_password):
        missing = "bindDn" if connection.bind_password else "bindPassword"
        yield Problem(
            f"connection.{missing}", "is required: bindDn and bindPassword go together"
        )
    if connection.ca_file is not None and not connection.tls:
        yield Problem("connection.caFile", "has no effect without tls: true")


def _query_problems(settings: LdapSettings) -> Iterable[Problem]:
    token = settings.identity.token
    for medium, query in settings.identity.medium.items():
        if not filters.mentions(filters.parse(query), token):
            yield Problem(
                f"identity.medium.{medium}", f"has no {token} where the address goes"
            )
