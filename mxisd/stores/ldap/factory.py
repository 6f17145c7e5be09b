"""Settings -> store."""

from collections.abc import Mapping
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred

from mxisd.drivers.ldap import filters
from mxisd.drivers.ldap.client import LdapClient
from mxisd.drivers.ldap.filters import Filter
from mxisd.drivers.ldap.server import Access, Address, Security
from mxisd.interfaces import Store, Tools
from mxisd.stores.ldap.entries import Reader
from mxisd.stores.ldap.login import LdapAuthenticator
from mxisd.stores.ldap.lookup import Directory, LdapListing, LdapLookup
from mxisd.stores.ldap.queries import AttributeQuery, Query, TemplateQuery
from mxisd.stores.ldap.settings import ConnectionSettings, LdapSettings, parse

__all__ = ["build", "parse"]


def build(settings: LdapSettings, tools: Tools) -> Store:
    """Make the store; it connects at the first question."""
    client = _client(settings.connection, tools)
    reader = _reader(settings, tools.domain)
    directory = Directory(
        name=tools.name,
        client=client,
        bases=settings.connection.bases,
        reader=reader,
    )
    identity = _restriction(settings.identity.filter, settings.filter)
    queries = _queries(settings, reader)
    is_listed = settings.identity.lookup and bool(reader.threepid_attributes)
    return Store(
        lookup=LdapLookup(directory, queries, identity) if queries else None,
        associations=LdapListing(directory, identity) if is_listed else None,
        authenticator=LdapAuthenticator(
            directory, _restriction(settings.auth.filter, settings.filter)
        ),
        service=_Connections(client),
    )


class _Connections(Service):
    """Closes the connections when the server stops."""

    def __init__(self, client: LdapClient) -> None:
        self._client = client

    def stopService(self) -> "Deferred[None]":
        super().stopService()
        return Deferred.fromCoroutine(self._client.close())


def _client(settings: ConnectionSettings, tools: Tools) -> LdapClient:
    access = Access(
        security=Security.TLS if settings.tls else Security.NONE,
        ca_file=settings.ca_file,
        bind_dn=settings.bind_dn,
        bind_password=settings.bind_password,
        timeout=settings.timeout,
    )
    address = Address(settings.host.strip(), settings.actual_port)
    return LdapClient(tools.reactor, tools.name, [address], access)


def _reader(settings: LdapSettings, domain: str) -> Reader:
    attribute = settings.attribute
    return Reader(
        uid_attribute=attribute.uid.value,
        record_type=attribute.uid.type,
        name_attribute=attribute.name,
        by_medium={m: names for m, names in attribute.by_medium.items() if names},
        domain=domain,
    )


def _queries(settings: LdapSettings, reader: Reader) -> Mapping[str, Query]:
    identity = settings.identity
    queries: dict[str, Any] = {m: AttributeQuery(reader, m) for m in reader.by_medium}
    for medium, text in identity.medium.items():
        template = filters.parse(text)
        queries[medium] = TemplateQuery(reader, template, identity.token)
    return queries


def _restriction(own: str, default: str) -> Filter | None:
    text = own.strip() or default.strip()
    return filters.parse(text) if text else None
