"""Store factories that parse, and a way to load without files or environment."""

from collections.abc import Mapping
from typing import Any

from attrs import frozen
from zope.interface import implementer

from mxisd.config.loader import Loaded, load
from mxisd.errors import ConfigError
from mxisd.interfaces import ISection, IStoreFactory, Store, Tools
from mxisd.model.secret import Secret
from mxisd.model.settings import option
from mxisd.plugins import find_senders

FOUNDATION = """\
matrix: {domain: example.org}
key: {path: /keys}
"""


@frozen(kw_only=True)
class PersonSettings:
    """A person of the fake memory store."""

    username: str = option("Who.")
    password: Secret | None = option("The password.", None)
    display_name: str | None = option("The name.", None)
    threepids: tuple[Mapping[str, str], ...] = option("3PIDs.", ())
    roles: tuple[str, ...] = option("Roles.", ())


@frozen(kw_only=True)
class FakeMemorySettings:
    """The fake memory store."""

    identities: tuple[PersonSettings, ...] = option("People.", ())
    hash_enabled: bool = option("Whether it is listed.", True)


@frozen(kw_only=True)
class FakeConnectionSettings:
    """Where the fake directory is."""

    host: str = option("The host.")
    port: int = option("The port.", 389)
    tls: bool = option("Whether TLS is spoken.", False)
    bind_dn: str = option("Who we are.", "")
    bind_password: Secret = option("Our password.", Secret(""))
    base_dns: tuple[str, ...] = option("Where people are.", (), key="baseDNs")
    base_dn: str | None = option("One more.", None)


@frozen(kw_only=True)
class FakeUidSettings:
    """The user ID in the fake directory."""

    type: str = option("What it holds.", "uid")
    value: str = option("The attribute.", "uid")


@frozen(kw_only=True)
class FakeAttributeSettings:
    """The attributes of the fake directory."""

    uid: FakeUidSettings = option("The user ID.", FakeUidSettings)
    name: str = option("The display name.", "cn")
    threepid: Mapping[str, tuple[str, ...]] = option("By medium.", dict)


@frozen(kw_only=True)
class FakeAuthSettings:
    """Logins."""

    filter: str = option("Who may.", "")


@frozen(kw_only=True)
class FakeIdentitySettings:
    """Lookups."""

    filter: str = option("Who is found.", "")
    token: str = option("The placeholder.", "%3pid")
    medium: Mapping[str, str] = option("Queries by medium.", dict)
    lookup: bool = option("Whether it is listed.", True)


@frozen(kw_only=True)
class FakeLdapSettings:
    """The fake directory."""

    connection: FakeConnectionSettings = option("Where it is.")
    attribute: FakeAttributeSettings = option("Attributes.", FakeAttributeSettings)
    filter: str = option("Who counts.", "")
    auth: FakeAuthSettings = option("Logins.", FakeAuthSettings)
    identity: FakeIdentitySettings = option("Lookups.", FakeIdentitySettings)


@implementer(IStoreFactory)
@frozen
class FakeFactory:
    """Parses a section into a settings class; builds a store that can do nothing."""

    store_type: str
    settings: Any
    summary: str = "A fake"

    def parse(self, section: ISection) -> Any:
        """Read it, and refuse one host for the sake of the sentence."""
        settings = section.read(self.settings)
        connection = getattr(settings, "connection", None)
        if connection is not None and connection.host == "nowhere":
            raise ConfigError.at("connection.host", "is nowhere")
        return settings

    def build(self, settings: Any, tools: Tools) -> Store:
        """A store without capabilities."""
        return Store()


FACTORIES: Mapping[str, IStoreFactory] = {
    "ldap": FakeFactory("ldap", FakeLdapSettings),
    "memory": FakeFactory("memory", FakeMemorySettings),
}


def no_file(path: str) -> str:
    """There are no files."""
    raise FileNotFoundError(2, "No such file or directory")


def loaded(
    text: str,
    environment: Mapping[str, str] | None = None,
    factories: Mapping[str, IStoreFactory] = FACTORIES,
) -> Loaded:
    """A configuration, without files."""
    return load(
        text,
        environment=environment or {},
        read_file=no_file,
        factories=factories,
        sender_factories=find_senders(),
    )


def refused(text: str) -> "list[tuple[int | None, str, str]]":
    """What is wrong with a configuration: line, path and text of each problem."""
    try:
        loaded(text)
    except ConfigError as error:
        return [(each.line, each.path, each.text) for each in error.problems]
    return []
