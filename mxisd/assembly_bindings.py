"""
The part of the composition root that makes bindings.

What it stands on is made in :mod:`mxisd.assembly`.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from attrs import frozen

from mxisd.background import BackgroundTasks
from mxisd.config.sections import Config
from mxisd.drivers.dns import Dns
from mxisd.drivers.http import HttpClients
from mxisd.features.associations import (
    Binding,
    BindPolicy,
    OnThreePidKnown,
    Unbinding,
    UnbindNotices,
)
from mxisd.features.homeserver_signatures import HomeserverSignatures
from mxisd.features.validation import Validation
from mxisd.ports import IBindingRecords, IKeyRing, INotifier, IRandom
from mxisd.records.bindings import BindingRecords
from mxisd.records.database import Database
from mxisd.remote.homeserver_keys import HomeserverKeys


@frozen(kw_only=True)
class BindingParts:
    """What bindings are made of."""

    config: Config
    reactor: Any
    random: IRandom
    background: BackgroundTasks
    database: Database
    http: HttpClients
    validation: Validation
    key_ring: IKeyRing
    notifier: INotifier
    on_threepid_known: OnThreePidKnown


def make_binding(parts: BindingParts) -> Binding:
    """Make what publishes."""
    config = parts.config
    return Binding(
        BindPolicy(config.bindings.enabled, config.matrix.domain),
        parts.validation,
        BindingRecords(parts.database),
        parts.key_ring,
        parts.on_threepid_known,
        parts.reactor,
    )


def make_unbinding(parts: BindingParts) -> Unbinding:
    """Make what takes back."""
    policy = parts.config.session.policy.unbind
    notices = UnbindNotices(parts.notifier, parts.background.spawn)
    return Unbinding(
        policy.enabled,
        parts.validation,
        HomeserverSignatures(_homeserver_keys(parts), our_names(parts.config)),
        BindingRecords(parts.database),
        notices if policy.notifications else None,
    )


def _homeserver_keys(parts: BindingParts) -> HomeserverKeys:
    overwrites = parts.config.dns.overwrite.homeserver.federation
    return HomeserverKeys.using(
        parts.reactor,
        parts.http,
        Dns.of_system(parts.reactor),
        parts.random,
        overwrites={entry.name: entry.value for entry in overwrites},
        domain=parts.config.matrix.domain,
    )


def our_names(config: Config) -> frozenset[str]:
    """
    What clients and homeservers call us, in lower case.

    A homeserver repeats what its client has configured: a host, with its port and path
    if there are any, or a whole URL.
    """
    url = urlsplit(config.public_url.lower())
    host = url.netloc.removesuffix(":443") if url.scheme == "https" else url.netloc
    spellings = {url.netloc, host, f"{host}{url.path}", url.geturl()}
    return frozenset({*spellings, config.server_name.lower()})


class _KeptBindings(BindingRecords):
    """Bindings that are on record, and not found."""

    def bound_by_digest(
        self, pepper: str, digests: Sequence[bytes]
    ) -> Mapping[bytes, str]:
        """Find nobody."""
        return {}


def hashed_bindings(config: Config, database: Database) -> IBindingRecords:
    """The bindings as lookups by hash are to see them."""
    kind = BindingRecords if config.bindings.enabled else _KeptBindings
    return kind(database)
