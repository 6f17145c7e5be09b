"""Settings -> store."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from attrs import evolve, frozen
from twisted.logger import Logger

from mxisd import __version__
from mxisd.drivers.http.json_client import JsonClient
from mxisd.drivers.http.own_client import OwnClient, own_client
from mxisd.drivers.tls_files import TlsFiles
from mxisd.interfaces import ISection, IThreePidLookup, Store, Tools
from mxisd.model.identifiers import UserId
from mxisd.model.profiles import SearchBy
from mxisd.model.requesters import OURSELVES
from mxisd.model.threepids import EMAIL, canonical
from mxisd.stores.closing import Closing
from mxisd.stores.rest.directory import RestDirectory
from mxisd.stores.rest.endpoint import Endpoint
from mxisd.stores.rest.listing import RestListing
from mxisd.stores.rest.login import RestAuthenticator
from mxisd.stores.rest.lookup import BulkLookup, SingleLookup
from mxisd.stores.rest.profile import RestProfile
from mxisd.stores.rest.self_check import RestSelfCheck, Try
from mxisd.stores.rest.settings import EndpointSettings, RestSettings, judged

log = Logger()


def parse(section: ISection) -> RestSettings:
    """Judge the section."""
    return judged(section)


def build(settings: RestSettings, tools: Tools) -> Store:
    """
    Make the store; it connects at the first question.

    :raise ConfigError: If a PEM file cannot be used.
    """
    _report_clear_text(settings, tools.name)
    own = _own(settings, tools)
    client = JsonClient(
        http=tools.http if own is None else own.treq,
        clock=tools.reactor,
        seconds=settings.timeout,
        token=settings.token,
    )
    parts = _Parts(settings.endpoints, tools, client)
    store = Store(
        lookup=parts.lookup(),
        associations=parts.listing(settings.associations_url),
        authenticator=parts.authenticator(),
        directory=parts.directory(),
        profile=parts.profile(),
        service=None if own is None else Closing(own.close),
    )
    return evolve(store, self_check=RestSelfCheck(_questions(store, tools.domain)))


@frozen
class _Parts:
    """Makes each capability that is not switched off."""

    endpoints: EndpointSettings
    tools: Tools
    client: JsonClient

    def lookup(self) -> IThreePidLookup | None:
        identity, domain = self.endpoints.identity, self.tools.domain
        if bulk := self._endpoint("identity.bulk", identity.bulk):
            return BulkLookup(bulk, domain)
        single = self._endpoint("identity.single", identity.single)
        return None if single is None else SingleLookup(single, domain)

    def listing(self, url: str) -> RestListing | None:
        endpoint = self._endpoint("associations", url)
        if endpoint is None:
            return None
        is_expected = self.endpoints.associations is not None
        return RestListing(endpoint, self.tools.domain, is_expected)

    def authenticator(self) -> RestAuthenticator | None:
        endpoint = self._endpoint("auth", self.endpoints.auth)
        return RestAuthenticator(endpoint, self.tools.domain) if endpoint else None

    def directory(self) -> RestDirectory | None:
        endpoint = self._endpoint("directory", self.endpoints.directory)
        return RestDirectory(endpoint, self.tools.domain) if endpoint else None

    def profile(self) -> RestProfile | None:
        urls = self.endpoints.profile
        profile = RestProfile(
            domain=self.tools.domain,
            display_name=self._endpoint("profile.displayName", urls.display_name),
            threepids=self._endpoint("profile.threepids", urls.threepids),
            roles=self._endpoint("profile.roles", urls.roles),
        )
        return profile if any(profile.endpoints) else None

    def _endpoint(self, key: str, url: str) -> Endpoint | None:
        if not url:
            return None
        path = f"endpoints.{key}"
        return Endpoint(
            store=self.tools.name,
            key=path,
            url=url,
            client=self.client,
            addresses=self.tools.addresses,
        )


def _own(settings: RestSettings, tools: Tools) -> OwnClient | None:
    """A client for files of our own; without any, the one of the tools will do."""
    files = TlsFiles(
        ca_file=settings.ca_file,
        certificate_file=settings.certificate_file,
        key_file=settings.key_file,
    )
    if files == TlsFiles():
        return None
    files.require()
    if files.is_expired:
        log.warn("{store}: certificateFile has expired", store=tools.name)
    return own_client(tools.reactor, files, user_agent=f"mxisd/{__version__}")


def _questions(store: Store, domain: str) -> Mapping[str, Try]:
    """Something to ask each capability, but for logins: servers count bad ones."""
    nobody = UserId.of("mxisd-self-check", domain)
    address = canonical(EMAIL, "mxisd-self-check@example.invalid")
    questions: dict[str, Try] = {}
    if lookup := store.lookup:
        questions["endpoints.identity"] = lambda: lookup.lookup(frozenset([address]))
    if isinstance(listing := store.associations, RestListing):
        questions["endpoints.associations"] = listing.first
    if directory := store.directory:
        term = nobody.localpart
        questions["endpoints.directory"] = lambda: directory.search(
            term, SearchBy.NAME, 1, nobody
        )
    if profile := store.profile:
        questions["endpoints.profile"] = lambda: profile.profile(nobody)
    return questions


def _report_clear_text(settings: RestSettings, name: str) -> None:
    if any(map(_is_clear, settings.urls)):
        log.warn(
            "{store} sends what it asks, passwords too, through the network in the "
            "clear: use https",
            store=name,
        )


def _is_clear(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname not in OURSELVES
