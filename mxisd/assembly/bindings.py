"""Bindings: to publish them, and to take them back."""

from urllib.parse import urlsplit

from mxisd.assembly.base import Base
from mxisd.config.sections import Config
from mxisd.features.associations import (
    Binding,
    BindPolicy,
    OnThreePidKnown,
    Unbinding,
    UnbindNotices,
)
from mxisd.features.homeserver_signatures import HomeserverSignatures
from mxisd.features.questions import Questions
from mxisd.features.validation import Validation
from mxisd.records.bindings import BindingRecords
from mxisd.remote.homeserver_keys import HomeserverKeys
from mxisd.web.rare_warnings import RareWarnings


def make_binding(
    base: Base, validation: Validation, on_threepid_known: OnThreePidKnown
) -> Binding:
    """Make what publishes."""
    config = base.config
    return Binding(
        BindPolicy(config.bindings.enabled, config.matrix.domain),
        validation,
        BindingRecords(base.database),
        base.key_ring,
        on_threepid_known,
        base.reactor,
    )


def make_unbinding(
    base: Base, validation: Validation, questions: Questions
) -> Unbinding:
    """Make what takes back."""
    policy = base.config.session.policy.unbind
    keys = HomeserverKeys(base.reactor, base.federation)
    notices = UnbindNotices(base.notifier, base.background.spawn)
    return Unbinding(
        policy.enabled,
        validation,
        HomeserverSignatures(
            keys,
            questions,
            our_names(base.config),
            RareWarnings(base.reactor).warn,
        ),
        BindingRecords(base.database),
        notices if policy.notifications else None,
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
