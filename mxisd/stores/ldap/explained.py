"""What a directory is asked, in its own words."""

from collections.abc import Iterator, Mapping

from mxisd.drivers.ldap import filters
from mxisd.drivers.ldap.filters import Filter
from mxisd.model.stored import StoredAddresses
from mxisd.model.threepids import MSISDN, ThreePid
from mxisd.stores.ldap import parts
from mxisd.stores.ldap.settings import LdapSettings, MemberValue
from mxisd.stores.ldap.tree import restricted

USER, TERM = "<user>", "<term>"


def explained(settings: LdapSettings) -> Mapping[str, str]:
    """The filter of each question; what stands in it for a value is in brackets."""
    return {name: filters.text_of(each) for name, each in _filters(settings)}


def _filters(settings: LdapSettings) -> Iterator[tuple[str, Filter]]:
    reader = parts.reader(settings, "example.org", StoredAddresses())
    is_user = filters.equal(settings.attribute.uid.value, USER)
    identity = parts.enabled(settings, settings.identity.filter)
    for medium, query in parts.queries(settings, reader).items():
        wanted = query.filter([_example(medium)])
        yield f"lookup of {medium}", restricted(wanted, identity)
    yield "login", restricted(is_user, parts.restriction(settings.auth.filter))
    by_name = [filters.contains(each, TERM) for each in parts.searched(settings)]
    directory = parts.enabled(settings, settings.directory.filter)
    yield "directory search by name", restricted(filters.any_of(by_name), directory)
    profile = parts.restriction(settings.profile.filter)
    yield "profile", restricted(is_user, profile)
    group = settings.profile.role.group
    if group.base_dns:
        what = "<DN>" if group.member_value is MemberValue.DN else USER
        is_member = filters.equal(group.member, what)
        yield "groups", restricted(is_member, parts.restriction(group.filter))


def _example(medium: str) -> ThreePid:
    return ThreePid(medium, "<digits>" if medium == MSISDN else "<address>")
