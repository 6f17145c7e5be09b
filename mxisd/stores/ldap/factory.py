"""Settings -> store."""

from typing import Any

from attrs import evolve
from twisted.logger import Logger

from mxisd.drivers.ldap.client import LdapClient
from mxisd.drivers.ldap.tls import tls_files
from mxisd.interfaces import ISection, Store, Tools
from mxisd.portions import Portions
from mxisd.stores.closing import Closing
from mxisd.stores.ldap import parts
from mxisd.stores.ldap.directory import LdapDirectory
from mxisd.stores.ldap.explained import explained
from mxisd.stores.ldap.login import LdapAuthenticator
from mxisd.stores.ldap.lookup import LdapListing, LdapLookup
from mxisd.stores.ldap.presets import Preset
from mxisd.stores.ldap.profile import LdapProfile
from mxisd.stores.ldap.roles import GroupSearch, Roles
from mxisd.stores.ldap.selfcheck import LdapSelfCheck
from mxisd.stores.ldap.settings import LdapSettings, MemberValue, judged
from mxisd.stores.ldap.tree import Tree
from mxisd.stores.ldap.windows import WindowsNames

log = Logger()


def parse(section: ISection, preset: Preset | None = None) -> LdapSettings:
    """
    Judge the section.

    :param preset: The one that holds where none is written.
    """
    parsed = judged(section, preset)
    return evolve(parsed, explained=explained(parsed))


def build(settings: LdapSettings, tools: Tools) -> Store:
    """
    Make the store; it connects at the first question.

    :raise ConfigError: If a PEM file cannot be used.
    """
    _report_clear_text(settings, tools.name)
    _require_files(settings, tools.name)
    tree = _tree(settings, tools)
    return Store(
        lookup=_lookup(settings, tree),
        associations=_listing(settings, tree, tools.reactor),
        authenticator=_authenticator(settings, tree, tools.domain),
        directory=_directory(settings, tree),
        profile=_profile(settings, tree),
        self_check=_self_check(settings, tree, tools.reactor),
        service=Closing(tree.client.close),
    )


def _tree(settings: LdapSettings, tools: Tools) -> Tree:
    connection = settings.connection
    client = LdapClient(
        tools.reactor,
        tools.name,
        connection.addresses,
        connection.access,
        connections=connection.connections,
        follow_referrals=connection.follow_referrals,
    )
    return Tree(
        name=tools.name,
        client=client,
        bases=connection.bases,
        reader=parts.reader(settings, tools.domain, tools.addresses),
        page_size=connection.page_size,
    )


def _lookup(settings: LdapSettings, tree: Tree) -> LdapLookup | None:
    queries = parts.queries(settings, tree.reader)
    restriction = parts.enabled(settings, settings.identity.filter)
    return LdapLookup(tree, queries, restriction) if queries else None


def _listing(settings: LdapSettings, tree: Tree, reactor: Any) -> LdapListing | None:
    if not settings.identity.lookup or not tree.reader.threepid_attributes:
        return None
    restriction = parts.enabled(settings, settings.identity.filter)
    return LdapListing(tree, restriction, Portions(reactor))


def _authenticator(
    settings: LdapSettings, tree: Tree, domain: str
) -> LdapAuthenticator:
    return LdapAuthenticator(
        tree=tree,
        restriction=parts.restriction(settings.auth.filter),
        windows=WindowsNames(tree, domain) if settings.is_windows else None,
        binds_by_name=settings.active_directory,
    )


def _directory(settings: LdapSettings, tree: Tree) -> LdapDirectory:
    return LdapDirectory(
        tree=tree,
        restriction=parts.enabled(settings, settings.directory.filter),
        searched=parts.searched(settings),
    )


def _profile(settings: LdapSettings, tree: Tree) -> LdapProfile:
    role = settings.profile.role
    roles = Roles(role.attribute, _groups(settings, tree))
    return LdapProfile(tree, parts.restriction(settings.profile.filter), roles)


def _groups(settings: LdapSettings, tree: Tree) -> GroupSearch | None:
    group = settings.profile.role.group
    if not group.base_dns:
        return None
    by_uid = group.member_value is MemberValue.UID
    return GroupSearch(
        client=tree.client,
        bases=group.base_dns,
        restriction=parts.restriction(group.filter),
        member=group.member,
        user_attribute=settings.attribute.uid.value if by_uid else None,
        name=group.name,
        nested=group.nested,
        page_size=tree.page_size,
    )


def _self_check(settings: LdapSettings, tree: Tree, reactor: Any) -> LdapSelfCheck:
    filters = {
        "auth.filter": settings.auth.filter,
        "directory.filter": settings.directory.filter,
        "identity.filter": settings.identity.filter,
        "profile.filter": settings.profile.filter,
    }
    # What differs from the store's own filter only by its key is one problem, not five.
    own = {"filter": settings.filter} | {
        key: text for key, text in filters.items() if text != settings.filter
    }
    restrictions = [(key, parts.restriction(text)) for key, text in own.items() if text]
    listed = parts.enabled(settings, settings.identity.filter)
    return LdapSelfCheck(tree, restrictions, listed, Portions(reactor))


def _require_files(settings: LdapSettings, name: str) -> None:
    files = tls_files(settings.connection.access)
    files.require("connection")
    if files.is_expired:
        log.warn("{store}: connection.certificateFile has expired", store=name)


def _report_clear_text(settings: LdapSettings, name: str) -> None:
    connection = settings.connection
    hosts = {each.split(":")[0] for each in (connection.host, *connection.hosts)}
    if connection.is_encrypted or hosts <= {"", "localhost", "127.0.0.1"}:
        return
    log.warn(
        "{store} sends passwords through the network in the clear: "
        "set connection.tls or connection.startTls",
        store=name,
    )
