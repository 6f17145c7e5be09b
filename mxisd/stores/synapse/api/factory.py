"""Settings -> store."""

from mxisd.drivers.http.json_client import JsonClient
from mxisd.interfaces import ISection, Store, Tools
from mxisd.stores.homeservers import Homeserver, HomeserverCheck
from mxisd.stores.synapse.api.admin import USERS, AdminApi
from mxisd.stores.synapse.api.directory import ApiDirectory
from mxisd.stores.synapse.api.lookup import ApiListing, ApiLookup
from mxisd.stores.synapse.api.profile import ApiProfile
from mxisd.stores.synapse.api.settings import SynapseApiSettings


def parse(section: ISection) -> SynapseApiSettings:
    """Judge the section."""
    return section.read(SynapseApiSettings)


def build(settings: SynapseApiSettings, tools: Tools) -> Store:
    """Make the store; Synapse is asked at the first question."""
    homeserver = _homeserver(settings, tools)
    api = AdminApi(tools.name, homeserver)
    identity, lookup = settings.identity, ApiLookup(api)
    is_listed = identity.enabled and identity.lookup
    return Store(
        lookup=lookup if identity.enabled else None,
        associations=ApiListing(api) if is_listed else None,
        directory=ApiDirectory(api, lookup) if settings.directory.enabled else None,
        profile=ApiProfile(api, tools.domain) if settings.profile.enabled else None,
        self_check=HomeserverCheck(homeserver, f"{USERS}?limit=1"),
    )


def _homeserver(settings: SynapseApiSettings, tools: Tools) -> Homeserver:
    client = JsonClient(
        http=tools.http,
        clock=tools.reactor,
        seconds=settings.timeout,
        token=settings.token,
    )
    return Homeserver(
        settings.host, client, "it must be that of a server administrator"
    )
