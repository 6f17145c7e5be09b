"""Settings -> the parts that say what a directory is asked."""

from collections.abc import Mapping
from typing import Any

from mxisd.drivers.ldap import filters
from mxisd.drivers.ldap.filters import Filter
from mxisd.model.settings import RecordType
from mxisd.model.stored import StoredAddresses
from mxisd.stores.ldap.entries import Reader
from mxisd.stores.ldap.naming import ByLocalpart, ByPrincipalName, ByUserId, Naming
from mxisd.stores.ldap.queries import AttributeQuery, Query, TemplateQuery
from mxisd.stores.ldap.settings import LdapSettings


def naming(settings: LdapSettings, domain: str) -> Naming:
    """How users are called."""
    uid = settings.attribute.uid
    if settings.active_directory:
        return ByPrincipalName(uid.value, domain, settings.default_domain.strip())
    if uid.type is RecordType.MXID:
        return ByUserId(uid.value)
    return ByLocalpart(uid.value, domain)


def reader(settings: LdapSettings, domain: str, addresses: StoredAddresses) -> Reader:
    """What entries mean."""
    attribute = settings.attribute
    return Reader(
        naming=naming(settings, domain),
        name_attribute=attribute.name,
        by_medium=attribute.by_medium,
        addresses=addresses,
    )


def queries(settings: LdapSettings, known: Reader) -> Mapping[str, Query]:
    """How each medium is asked for."""
    identity = settings.identity
    found: dict[str, Any] = {m: AttributeQuery(known, m) for m in known.by_medium}
    for medium, text in identity.medium.items():
        template = filters.parse(text)
        found[medium] = TemplateQuery(known, template, identity.token)
    return found


def searched(settings: LdapSettings) -> list[str]:
    """What a search by name looks at."""
    attribute = settings.attribute
    others = settings.directory.attribute.other
    return list(dict.fromkeys((attribute.name, attribute.uid.value, *others)))


def restriction(*texts: str) -> Filter | None:
    """All of these filters, as far as they are written."""
    written = [filters.parse(text) for text in texts if text.strip()]
    return filters.all_of(written) if written else None


def enabled(settings: LdapSettings, own: str) -> Filter | None:
    """A feature's own filter, for people who are not disabled."""
    return restriction(own, settings.defaults.enabled)
