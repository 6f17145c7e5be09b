"""The keys of a ``synapseApi`` store."""

from attrs import frozen

from mxisd.model.secret import Secret
from mxisd.model.settings import Duration, option
from mxisd.stores.homeservers import access_token, base_url, positive


@frozen(kw_only=True)
class IdentitySettings:
    """3PID lookups."""

    enabled: bool = option("Whether users are found by 3PID.", True)
    lookup: bool = option("Whether they are found by hash, too.", True)


@frozen(kw_only=True)
class DirectorySettings:
    """User directory."""

    enabled: bool = option("Whether users appear in searches.", True)


@frozen(kw_only=True)
class ProfileSettings:
    """Profiles."""

    enabled: bool = option("Whether profiles are told.", True)


@frozen(kw_only=True)
class SynapseApiSettings:
    """A Synapse homeserver, by its Admin API."""

    host: str = option(
        "Where Synapse is, such as ``http://127.0.0.1:8008``.", check=base_url
    )
    token: Secret = option(
        "An access token of a server administrator.", check=access_token
    )
    timeout: Duration = option(
        "How long each answer may take.", Duration(5), check=positive
    )
    identity: IdentitySettings = option("3PID lookups.", IdentitySettings)
    directory: DirectorySettings = option("User directory.", DirectorySettings)
    profile: ProfileSettings = option("Profiles.", ProfileSettings)
