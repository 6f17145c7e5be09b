"""Tests of the effective configuration."""

from typing import ClassVar

import attrs
import yaml
from twisted.trial.unittest import SynchronousTestCase

from mxisd.config.dump import MASK, dump, plain
from mxisd.config.sections import Config
from mxisd.model.secret import Secret
from mxisd.plugins import find_factories
from tests.config.fakes import (
    FACTORIES,
    FOUNDATION,
    FakeFactory,
    FakeMemorySettings,
    FakeUidSettings,
    loaded,
)
from tests.config.test_deployments import MA1SD, MXISD

FULL = """\
matrix: {domain: example.org, v1: false}
server:
  name: id.example.org
  publicUrl: https://example.org/base
  trustedProxies: []
  internalNetworks: ['::/0', 10.0.0.1]
key: {path: 'true'}
dns: {overwrite: {homeserver: {federation: [{name: a, value: 'http://b'}]}}}
lookup: {inbound: {allowedCidr: []}, timeout: 0.5}
hashing: {delay: 1d 12h, rotationPolicy: per_requests, directory: ünïcode}
policy:
  policies:
    a: {version: 1.10, terms: {no: {name: n, url: u}}, regexp: ['^/a$']}
logging: {root: off, access: ''}
stores:
  - {type: memory, name: other, hashEnabled: false}
ldap: {enabled: true, connection: {host: a, baseDNs: [dc=a]}}
memory: {enabled: true, identities: [{username: '007', roles: [staff]}]}
"""


class Explained(FakeMemorySettings):
    """Settings that tell more."""

    explained: ClassVar[dict[str, str]] = {"one": "(a=b)\nc", "two": "//user:pass@host"}


class DumpTests(SynchronousTestCase):
    def test_it_is_the_same_configuration(self) -> None:
        """What is dumped loads again, and means the same, order of stores included."""
        for text in (FOUNDATION, FULL):
            config = loaded(text).config
            again = loaded(dump(config))
            self.assertEqual(again.config, config)
            self.assertEqual(again.warnings, ())

    def test_defaults_are_filled_in(self) -> None:
        """Each key that has a value is there."""
        values = yaml.safe_load(dump(loaded(FOUNDATION).config))
        self.assertEqual(values["server"]["port"], 8090)
        self.assertEqual(values["hashing"]["delay"], 86400)
        self.assertEqual(values["storage"]["backend"], "sqlite")
        self.assertEqual(values["stores"], [])
        domain = values["matrix"]["domain"]
        self.assertEqual(values["server"]["name"], domain)
        self.assertEqual(values["server"]["publicUrl"], f"https://{domain}")
        lookup = values["lookup"]
        near = lookup["recursive"]["allowedCidr"]
        self.assertEqual(lookup["inbound"]["allowedCidr"], near)
        self.assertEqual(
            set(values),
            {field.alias for field in attrs.fields(Config)} - {"account_config"}
            | {"accountConfig"},
        )

    def test_raised_values_are_the_effective_ones(self) -> None:
        """A pepper's age is what it will be."""
        config = loaded(FOUNDATION + "hashing: {delay: 10s}").config
        self.assertEqual(yaml.safe_load(dump(config))["hashing"]["delay"], 600)

    def test_secrets_are_masked(self) -> None:
        """No secret of a real file is in it; that there is one can be seen."""
        for text, secrets in (
            (MXISD, ("0123456", "hhhh", "gggg", "dddd")),
            (MA1SD, ("secret", "a%20b")),
        ):
            dumped = dump(loaded(text, factories=find_factories()).config)
            for secret in secrets:
                self.assertNotIn(secret, dumped)
        config = loaded(MXISD, factories=find_factories()).config
        values = yaml.safe_load(dump(config))
        memory, ldap, sql = values["stores"]
        self.assertEqual(memory["identities"][0]["password"], MASK)
        self.assertEqual(ldap["connection"]["bindPassword"], MASK)
        self.assertEqual(sql["connection"], MASK)

    def test_an_empty_secret_is_shown_as_such(self) -> None:
        """It is no password, and must not look like one."""
        text = FOUNDATION + "ldap: {enabled: true, connection: {host: a}}"
        values = yaml.safe_load(dump(loaded(text).config))
        self.assertEqual(values["stores"][0]["connection"]["bindPassword"], "")

    def test_passwords_in_urls_are_masked(self) -> None:
        """Of the usual kind, and of JDBC's."""
        for value, shown in (
            ("https://user:pass@host/a", f"https://{MASK}@host/a"),
            ("https://user@host/a", f"https://{MASK}@host/a"),
            ("https://us@er:p@ss@host/a", f"https://{MASK}@host/a"),
            (
                "//host/db?user=a&password=b&c=d",
                f"//host/db?user=a&password={MASK}&c=d",
            ),
            ("//host/db?Password=b", f"//host/db?Password={MASK}"),
            ("//host/?access_token=b;x", f"//host/?access_token={MASK};x"),
            ("https://host/@user", "https://host/@user"),
            ("https://host/?a=b@c", "https://host/?a=b@c"),
            ("user@example.org", "user@example.org"),
            ("(mail=%3pid)", "(mail=%3pid)"),
        ):
            self.assertEqual(plain(value), shown)
        text = FOUNDATION + "server: {publicUrl: 'https://user:pass@example.org'}"
        self.assertNotIn("pass", dump(loaded(text).config))

    def test_settings_of_unknown_shape_are_not_shown(self) -> None:
        """A plug-in may parse into whatever it likes, secrets included."""
        store = loaded(FOUNDATION + "memory: {enabled: true}").config.stores[0]
        config = loaded(FOUNDATION).config
        for settings in ({"password": "hunter2"}, "hunter2", Secret("hunter2"), None):
            entry = attrs.evolve(store, settings=settings)
            text = dump(attrs.evolve(config, stores=(entry,)))
            self.assertNotIn("hunter2", text)
            self.assertEqual(
                yaml.safe_load(text)["stores"], [{"name": "memory", "type": "memory"}]
            )

    def test_values_of_unknown_types_are_not_shown(self) -> None:
        """A plug-in may hold in its settings what YAML cannot show, or must not."""
        store = loaded(FOUNDATION + "memory: {enabled: true}").config.stores[0]
        for value, shown in ((b"hunter2", "<bytes>"), ({"hunter2"}, "<set>")):
            settings = attrs.evolve(store.settings, identities=(value,))
            entry = attrs.evolve(store, settings=settings)
            config = attrs.evolve(loaded(FOUNDATION).config, stores=(entry,))
            (dumped,) = yaml.safe_load(dump(config))["stores"]
            self.assertEqual(dumped["identities"], [shown])

    def test_what_a_store_explains_follows_as_comments(self) -> None:
        """Line by line, without secrets, and still a configuration."""
        config = loaded(FOUNDATION + "memory: {enabled: true}").config
        store = attrs.evolve(config.stores[0], settings=Explained())
        text = dump(attrs.evolve(config, stores=(store,)))
        comments = text.splitlines()[-3:]
        self.assertEqual(
            comments,
            ["# What memory is asked:", "#   one: (a=b) c", "#   two: //********@host"],
        )
        self.assertEqual(yaml.safe_load(text), yaml.safe_load(dump(config)))

    def test_keys_called_like_ours_do_not_change_the_entry(self) -> None:
        """The type is the store's, whatever key of its own has that name."""
        factory = FakeFactory("own", FakeUidSettings)
        text = FOUNDATION + "stores: [{type: own, name: a}]"
        config = loaded(text, factories={**FACTORIES, "own": factory}).config
        self.assertEqual(
            yaml.safe_load(dump(config))["stores"],
            [{"name": "a", "type": "own", "value": "uid"}],
        )
