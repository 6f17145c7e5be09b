"""Tests of whole configurations."""

from typing import Any

import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.config.dump import dump
from mxisd.config.loader import load
from mxisd.config.sections import LogLevel
from mxisd.config.stores import store_at
from mxisd.config.upcoming import UPCOMING
from mxisd.errors import ConfigError, Problem
from mxisd.model.secret import Secret
from mxisd.plugins import find_factories
from tests.config.fakes import (
    FACTORIES,
    FOUNDATION,
    FakeFactory,
    FakeMemorySettings,
    loaded,
    no_file,
    refused,
)


def remarks(text: str) -> "list[tuple[int | None, str, str]]":
    """The warnings about a good configuration: line, path and text."""
    found = loaded(FOUNDATION + text).warnings
    return [(each.line, each.path, each.text) for each in found]


def names(text: str, **factories: Any) -> list[str]:
    """The names of the stores, in order of priority."""
    config = loaded(FOUNDATION + text, factories={**FACTORIES, **factories}).config
    return [store.name for store in config.stores]


class LaterTests(SynchronousTestCase):
    """What is found out when the configuration is good."""

    def test_names_with_dots(self) -> None:
        """Of two stores, the one with the longer name is meant."""
        found = loaded(
            FOUNDATION + "stores:\n- type: memory\n  name: staff\n- type: memory\n"
            "  name: staff.example\n"
        )
        stores = found.config.stores
        for path, name in (
            ("staff", "staff"),
            ("staff.identity", "staff"),
            ("staff.example", "staff.example"),
            ("staff.example.identity", "staff.example"),
            ("staff2.identity", None),
        ):
            entry = store_at(path, stores)
            self.assertEqual(entry and entry.name, name, path)
        (first, second) = (
            found.in_order([Problem(path, "is wrong")])[0].line
            for path in ("staff.identity", "staff.example.identity")
        )
        assert first is not None
        self.assertEqual(second, first + 2)

    def test_lines(self) -> None:
        """By keys, and by the names that stores have; in the order of the file."""
        text = FOUNDATION + (
            "stores:\n- type: memory\n- type: ldap\n  name: staff\n"
            "  connection:\n    host: a\n"
        )
        found = loaded(text).in_order(
            [
                Problem("staff.connection.host", "c"),
                Problem("staffers", "none"),
                Problem("stores.1.connection.port", "b"),
                Problem("staff", "a"),
                Problem("key.path", "first"),
            ]
        )
        told = [(each.line, each.text) for each in found]
        expected = [(None, "none"), (2, "first"), (5, "a"), (7, "b"), (8, "c")]
        self.assertEqual(told, expected)


class CoreTests(SynchronousTestCase):
    """The sections that are not stores."""

    def test_the_least_configuration(self) -> None:
        """Two keys are enough, without any warning."""
        found = loaded(FOUNDATION)
        self.assertEqual(found.warnings, ())
        self.assertEqual(found.config.matrix.domain, "example.org")
        self.assertEqual(found.config.stores, ())

    def test_an_empty_file(self) -> None:
        """What has to be written is told."""
        self.assertEqual(
            [path for _, path, _ in refused("")], ["matrix.domain", "key.path"]
        )

    def test_all_problems_come_at_once_in_the_order_of_lines(self) -> None:
        """Of YAML, of the environment, of types, of stores and of checks."""
        problems = refused(
            "server:\n"
            "  port: 80a\n"
            "  prot: 8090\n"
            "stores:\n"
            "  - type: pigeon\n"
            "  - {type: ldap, connection: {host: '${HOST}'}}\n"
            "matrix:\n"
            "  domain: not a name\n"
            "  domain: example.org\n"
            "ldap.enabled: true\n"
            "memory: {enabled: true, identitys: []}\n"
            "key: keys\n"
        )
        self.assertEqual(
            [(line, path) for line, path, _ in problems],
            [
                (2, "server.port"),
                (3, "server.prot"),
                (5, "stores.0.type"),
                (6, "stores.1.connection.host"),
                (9, "matrix.domain"),
                (10, "ldap.enabled"),
                (11, "memory.identitys"),
                (12, "key"),
            ],
        )

    def test_a_value_that_cannot_be_resolved_is_told_once(self) -> None:
        """It is not missing, too."""
        problems = refused("matrix: {domain: '${NAME}'}\nkey: {path: '${file:x}'}\n")
        self.assertEqual(
            [(line, path) for line, path, _ in problems],
            [(1, "matrix.domain"), (2, "key.path")],
        )
        self.assertIn("'NAME'", problems[0][2])
        self.assertIn("'x'", problems[1][2])

    def test_values_from_the_environment(self) -> None:
        """Texts, numbers and switches."""
        text = FOUNDATION + "server: {port: '${PORT}'}\n"
        config = loaded(text, {"PORT": "1234"}).config
        self.assertEqual(config.server.port, 1234)

    def test_values_in_quotes(self) -> None:
        """Entry points of containers write numbers and switches so."""
        ldap = "host: a, tls: 'true', port: '636', bindPassword: '0123'"
        text = f"ldap: {{enabled: 'yes', connection: {{{ldap}}}}}\n"
        (store,) = loaded(FOUNDATION + text).config.stores
        found = store.settings.connection
        self.assertEqual((found.tls, found.port), (True, 636))
        self.assertEqual(found.bind_password, Secret("0123"))
        self.assertEqual(
            refused(FOUNDATION + "server: {port: '80a'}"),
            [(3, "server.port", "must be a whole number, not a text")],
        )

    def test_values_from_files(self) -> None:
        """The reader is the caller's."""
        config = load(
            "matrix: {domain: '${file:a}'}\nkey: {path: b}\n",
            environment={},
            read_file={"a": "example.com\n"}.__getitem__,
            factories={},
            sender_factories={},
        ).config
        self.assertEqual(config.matrix.domain, "example.com")

    def test_dotted_keys(self) -> None:
        """The nested form is shown."""
        ((_, path, text),) = refused(FOUNDATION + "hashing.enabled: true\n")
        self.assertEqual(path, "hashing.enabled")
        self.assertIn("`hashing: {enabled: …}`", text)

    def test_unknown_sections(self) -> None:
        """Stores, their types, and parts that are not built yet are suggested."""
        for key, guess in (
            ("lokup", "lookup"),
            ("ladp", "ldap"),
            ("sores", "stores"),
            ("appsrv", "appsvc"),
        ):
            ((_, _, text),) = refused(FOUNDATION + f"{key}: {{}}\n")
            self.assertEqual(text, f"is unknown; did you mean `{guess}`?")

    def test_plain_words_that_yaml_takes_for_switches(self) -> None:
        """``logging.root: off`` needs no quotes."""
        found = loaded(FOUNDATION + "logging: {root: off}\n").config
        self.assertIs(found.logging.root, LogLevel.OFF)


class WarningTests(SynchronousTestCase):
    """What the owner of a good configuration should know."""

    def test_http_in_public(self) -> None:
        """Clients want https, but on one machine; homeservers may be asked by http."""
        ((line, path, text),) = remarks("server: {publicUrl: 'http://example.org'}")
        self.assertEqual((line, path), (3, "server.publicUrl"))
        self.assertIn("https", text)
        self.assertEqual(remarks("server: {publicUrl: 'http://127.0.0.1:8090'}"), [])
        entry = "{name: example.org, value: 'http://synapse:8008'}"
        text = f"dns: {{overwrite: {{homeserver: {{federation: [{entry}]}}}}}}"
        self.assertEqual(remarks(text), [])

    def test_ma1sds_door_without_a_token(self) -> None:
        """It stays closed, which its friends should know."""
        ((_, path, text),) = remarks("internal: {enabled: true}")
        self.assertEqual(path, "internal.enabled")
        self.assertIn("admin.token", text)
        token = "admin: {token: 0123456789abcdef}\n"
        self.assertEqual(remarks(f"{token}internal: {{enabled: true}}"), [])

    def test_peppers_live_ten_minutes(self) -> None:
        """Shorter times, as ma1sd's files have them, are raised."""
        text = "hashing:\n  delay: 10s\n  grace: 9m 59s\n"
        found = remarks(text)
        self.assertEqual(
            [(line, path) for line, path, _ in found],
            [(4, "hashing.delay"), (5, "hashing.grace")],
        )
        hashing = loaded(FOUNDATION + text).config.hashing
        self.assertEqual((hashing.delay, hashing.grace), (600, 600))
        text = "hashing: {delay: 10m, grace: 11m}"
        self.assertEqual(remarks(text), [])
        hashing = loaded(FOUNDATION + text).config.hashing
        self.assertEqual((hashing.delay, hashing.grace), (600, 660))

    def test_parts_that_are_not_built_yet(self) -> None:
        """One warning names them all."""
        found = remarks(
            "register: {policy: {allowed: true}}\n"
            "lookup: {recursive: {bridge: {enabled: true}}}\n"
        )
        ((line, _, text),) = found
        for key in ("register", "lookup.recursive.bridge"):
            self.assertIn(key, text)
        self.assertIsNotNone(line)

    def test_every_upcoming_key_is_accepted(self) -> None:
        """Whatever its value is."""
        for key in UPCOMING:
            value: Any = {"anything": [1]}
            for part in reversed(key.split(".")):
                value = {part: value}
            value.setdefault("ldap", {}).update(
                {"enabled": True, "connection": {"host": "a"}}
            )
            value.setdefault("matrix", {})["domain"] = "example.org"
            value["key"] = {"path": "keys"}
            (warning,) = loaded(yaml.safe_dump(value)).warnings
            self.assertIn(key, warning.text)

    def test_a_part_that_a_plugin_brings_is_not_set_aside(self) -> None:
        """A factory called ``rest`` gets its section."""
        factories = {"rest": FakeFactory("rest", FakeMemorySettings)}
        text = FOUNDATION + "rest: {enabled: true, hashEnabled: false}\n"
        found = loaded(text, factories=factories)
        self.assertEqual(found.warnings, ())
        self.assertFalse(found.config.stores[0].settings.hash_enabled)
        error = self.assertRaises(
            ConfigError, loaded, text + "memory: {enabled: true}\n", {}, factories
        )
        self.assertEqual([each.path for each in error.problems], ["memory"])

    def test_keys_that_the_documentation_named_wrongly(self) -> None:
        """They are read as what was meant."""
        text = "ldap: {enabled: true, lookup: false, connection: {host: a}}\n"
        ((line, path, words),) = remarks(text)
        self.assertEqual((line, path), (3, "ldap.lookup"))
        self.assertIn("identity.lookup", words)
        (store,) = loaded(FOUNDATION + text).config.stores
        self.assertFalse(store.settings.identity.lookup)

    def test_keys_without_a_meaning(self) -> None:
        """The index is always a file."""
        for kind in ("in_memory", "sql"):
            ((_, path, words),) = remarks(f"hashing: {{hashStorageType: {kind}}}")
            self.assertEqual(path, "hashing.hashStorageType")
            self.assertIn("file", words)

    def test_a_store_that_nobody_switched_on(self) -> None:
        """As in mxisd it is off; unlike there, it is told."""
        ((line, path, _),) = remarks("ldap:\n  connection: {host: a}\n")
        self.assertEqual((line, path), (3, "ldap"))
        for text in (
            "ldap: {enabled: false, connection: {host: a}}",
            "ldap: {}",
            "ldap:",
        ):
            self.assertEqual(remarks(text), [], text)
            self.assertEqual(names(text), [])

    def test_a_switch_that_is_written_wrongly(self) -> None:
        """A section without its switch is judged like one that is on."""
        for text, path, words in (
            ("ldap: {enabeld: true, connection: {host: a}}", "enabeld", "`enabled`"),
            ("ldap: {enable: true}", "enable", "`enabled`"),
            ("memory: {identitys: []}", "identitys", "`identities`"),
            ("memory: {defaultCuntry: DE}", "defaultCuntry", "`defaultCountry`"),
            ("ldap: {host: a}", "host", "`ldap.connection.host`"),
        ):
            ((line, found, said),) = refused(FOUNDATION + text)
            self.assertEqual(
                (line, found), (3, f"ldap.{path}".replace("ldap", text.split(":")[0]))
            )
            self.assertIn(words, said)
        text = "stores: [{type: memory, enabeld: false}]"
        ((_, path, said),) = refused(FOUNDATION + text)
        self.assertEqual(path, "stores.0.enabeld")
        self.assertIn("did you mean `enabled`?", said)
        text = "stores: [{type: memory, nam: a}]"
        ((_, path, said),) = refused(FOUNDATION + text)
        self.assertIn("did you mean `name`?", said)

    def test_switches_of_real_stores_that_are_written_wrongly(self) -> None:
        """What a plug-in says passes through other hands."""
        for store_type, factory in find_factories().items():
            text = FOUNDATION + f"{store_type}: {{enabeld: true}}\n"
            factories = {store_type: factory}
            error = self.assertRaises(ConfigError, loaded, text, factories=factories)
            (problem,) = error.problems
            self.assertEqual(problem.path, f"{store_type}.enabeld")
            self.assertEqual(problem.text, "is unknown; did you mean `enabled`?")

    def test_unknown_keys_of_a_store_that_is_off(self) -> None:
        """They are told; what is missing, or of the wrong kind, is nobody's loss."""
        for text, path in (
            ("ldap: {enabled: false, conection: {}}", "ldap.conection"),
            ("ldap: {enabled: off, connection: {prot: 1}}", "ldap.connection.prot"),
            ("stores: [{type: ldap, enabled: false, x: 1}]", "stores.0.x"),
        ):
            ((line, found, said),) = remarks(text)
            self.assertEqual((line, found), (3, path))
            self.assertIn("is unknown", said)
        for text in (
            "ldap: {enabled: false, connection: {port: ''}}",
            "ldap: {enabled: false, connection: }",
            "ldap: {enabled: false, lookup: true}",
            "stores: [{type: pigeon, enabled: false, x: 1}]",
        ):
            self.assertEqual(remarks(text), [], text)

    def test_unknown_keys_of_senders_that_are_not_chosen(self) -> None:
        """They are told like those of the one that is."""
        medium = "threepid: {medium: {email: {identity: {from: a@b.org}, connectors: "
        for text, path in (
            (medium + "{smtp: {}, sendgrid: {kye: a, key: b}}}}}", "sendgrid.kye"),
            (
                "notification: {handlers: {sendgrid: {api: {kye: b, key: a}}}}",
                "api.kye",
            ),
            ("notification: {handlers: {sendgrid: {apy: {}, api: {key: a}}}}", "apy"),
            ("hashing: {enabeld: false}", "hashing.enabeld"),
        ):
            ((_, found, said),) = refused(FOUNDATION + text)
            self.assertTrue(found.endswith(path), found)
            self.assertIn("did you mean", said)

    def test_a_level_that_was_left_out(self) -> None:
        """Sections of the file within a store's are told, too."""
        ((_, path, said),) = refused(
            FOUNDATION + "ldap:\n  connection: {}\n  server: {}\n"
        )
        self.assertEqual(path, "ldap.server")
        self.assertIn("`server` is a section of its own", said)


class StoreTests(SynchronousTestCase):
    """Where the users are."""

    def test_a_classic_section(self) -> None:
        """It is named like itself, and its keys are the factory's."""
        (store,) = loaded(
            FOUNDATION + "ldap: {enabled: true, connection: {host: a, port: 636}}\n"
        ).config.stores
        self.assertEqual((store.name, store.store_type), ("ldap", "ldap"))
        self.assertEqual(store.settings.connection.port, 636)

    def test_the_country_of_national_numbers(self) -> None:
        """Each store may say it, whatever its type."""
        text = (
            "stores:\n"
            "  - {type: ldap, name: a, defaultCountry: DE, connection: {host: a}}\n"
            "  - {type: ldap, name: b, connection: {host: b}}\n"
            "memory:\n"
            "  enabled: true\n"
            "  defaultCountry: US\n"
        )
        config = loaded(FOUNDATION + text).config
        countries = [each.addresses.default_country for each in config.stores]
        self.assertEqual(countries, ["DE", None, "US"])
        self.assertEqual(dump(config).count("defaultCountry: DE"), 1)
        for country in ("de", "XX", "001", "Germany"):
            wrong = text.replace("US", f"'{country}'")
            error = self.assertRaises(ConfigError, loaded, FOUNDATION + wrong)
            self.assertIn("memory.defaultCountry", str(error))

    def test_the_order(self) -> None:
        """As listed, then the classic ones in theirs, then others by name."""
        fakes = {
            kind: FakeFactory(kind, FakeMemorySettings)
            for kind in ("exec", "zoo", "firebase", "ant", "synapseSql")
        }
        text = (
            "zoo: {enabled: true}\n"
            "exec: {enabled: true}\n"
            "synapseSql: {enabled: true}\n"
            "ant: {enabled: true}\n"
            "ldap: {enabled: true, connection: {host: a}}\n"
            "firebase: {enabled: true}\n"
            "memory: {enabled: true}\n"
            "stores:\n"
            "  - {type: memory, name: b}\n"
            "  - {type: ldap, name: a, connection: {host: a}}\n"
        )
        expected = ["b", "a", "memory", "firebase", "ldap"]
        expected += ["synapseSql", "exec", "ant", "zoo"]
        self.assertEqual(names(text, **fakes), expected)

    def test_listed_stores(self) -> None:
        """Named like their type unless they have a name; off when they say so."""
        text = (
            "stores:\n"
            "  - type: memory\n"
            "  - {type: memory, name: two, enabled: true, hashEnabled: false}\n"
            "  - {type: memory, name: three, enabled: false}\n"
        )
        stores = loaded(FOUNDATION + text).config.stores
        self.assertEqual([store.name for store in stores], ["memory", "two"])
        self.assertEqual(
            [store.settings.hash_enabled for store in stores], [True, False]
        )
        self.assertEqual(names("stores:\n"), [])
        self.assertEqual(names("stores: []\n"), [])

    def test_the_switch_may_come_from_elsewhere(self) -> None:
        """``enabled`` is a switch like others."""
        text = FOUNDATION + "memory: {enabled: '${ON}'}\n"
        self.assertEqual(len(loaded(text, {"ON": "true"}).config.stores), 1)
        self.assertEqual(len(loaded(text, {"ON": "false"}).config.stores), 0)

    def test_secrets(self) -> None:
        """They are such from the first parse."""
        text = (
            "ldap: {enabled: true, connection: {host: a, bindPassword: '${PASSWORD}'}}"
        )
        (store,) = loaded(FOUNDATION + text, {"PASSWORD": "0123"}).config.stores
        self.assertEqual(store.settings.connection.bind_password, Secret("0123"))

    def test_problems(self) -> None:
        """Each with the path from the top, its line, and a helpful sentence."""
        ldap = "enabled: true, connection: {host: a}"
        for text, path, words in (
            ("stores: {type: memory}", "stores", "must be a list"),
            ("stores: memory", "stores", "must be a list"),
            ("stores: [memory]", "stores.0", "must be a section"),
            ("stores: [~]", "stores.0.type", "is required"),
            ("stores: [{name: a}]", "stores.0.type", "is required"),
            ("stores: [{type: 5.5}]", "stores.0.type", "known: ldap, memory"),
            ("stores: [{type: [a]}]", "stores.0.type", "must be a text"),
            ("stores: [{type: pigeon}]", "stores.0.type", "named in the log"),
            ("stores: [{type: memory, name: [a]}]", "stores.0.name", "a text"),
            ("stores: [{type: memory, name: ''}]", "stores.0.name", "1 to 64"),
            ("stores: [{type: memory, name: ../x}]", "stores.0.name", "1 to 64"),
            ("stores: [{type: memory, name: bindings}]", "stores.0.name", "our own"),
            ("stores: [{type: memory, enabled: 1}]", "stores.0.enabled", "true or"),
            ("stores: [{type: memory, x: 1}]", "stores.0.x", "is unknown"),
            ("memory: true", "memory", "must be a section"),
            ("memory: []", "memory", "must be a section"),
            ("memory: {enabled: 'so so'}", "memory.enabled", "true or false"),
            ("memory: {enabled: true, name: a}", "memory.name", "is unknown"),
            (f"ldap: {{{ldap}, filter: [a]}}", "ldap.filter", "must be a text"),
            ("ldap: {enabled: true}", "ldap.connection.host", "is required"),
            (
                "ldap: {enabled: true, connection: {host: nowhere}}",
                "ldap.connection.host",
                "is nowhere",
            ),
            (
                "ldap: {enabled: true, connection: {host: a, attribute: {}}}",
                "ldap.connection.attribute",
                "it belongs to `ldap.attribute`",
            ),
            (
                f"ldap: {{{ldap}, attribute.name: cn}}",
                "ldap.attribute.name",
                "`attribute: {name: …}`",
            ),
            (
                "stores: [{type: ldap, connection: {host: a, filter: b}}]",
                "stores.0.connection.filter",
                "it belongs to",
            ),
        ):
            problems = refused(FOUNDATION + text)
            self.assertEqual([(3, path)], [each[:2] for each in problems], text)
            self.assertIn(words, problems[0][2], text)

    def test_two_of_one_name(self) -> None:
        """The second one is told, and where the first is."""
        text = (
            "stores:\n"
            "  - {type: memory, name: a}\n"
            "  - {type: ldap, name: a, connection: {host: nowhere}}\n"
            "  - {type: memory, name: ldap}\n"
            "  - {type: memory, name: a, enabled: false}\n"
            "ldap: {enabled: true, connection: {host: a}}\n"
        )
        problems = refused(FOUNDATION + text)
        self.assertEqual(
            [(line, path) for line, path, _ in problems],
            [(5, "stores.1"), (5, "stores.1.connection.host"), (8, "ldap")],
        )
        self.assertIn("like stores.0", problems[0][2])
        self.assertIn("like stores.2", problems[2][2])

    def test_a_plugin_cannot_take_a_section_of_the_core(self) -> None:
        """A type that is called like a core section is for the list only."""
        factories = {"server": FakeFactory("server", FakeMemorySettings)}
        text = FOUNDATION + "server: {port: 1}\nstores: [{type: server}]\n"
        config = loaded(text, factories=factories).config
        self.assertEqual(config.server.port, 1)
        self.assertEqual([store.name for store in config.stores], ["server"])


class StorageTests(SynchronousTestCase):
    def test_postgresql_is_told_apart_from_nonsense(self) -> None:
        """The one is not built yet, the other never was."""
        ((line, path, text),) = refused(FOUNDATION + "storage: {backend: postgresql}")
        self.assertEqual((line, path), (3, "storage.backend"))
        self.assertIn("not built yet", text)
        ((_, _, text),) = refused(FOUNDATION + "storage: {backend: oracle}")
        self.assertEqual(text, "must be one of sqlite")

    def test_its_settings_alone_do_no_harm(self) -> None:
        """Files often have both providers."""
        text = "storage: {provider: {postgresql: {database: //localhost/x}}}"
        ((_, path, _),) = remarks(text)
        self.assertEqual(path, "storage.provider.postgresql")


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
WORDS = """
    matrix domain key path stores type name enabled ldap memory connection host lookup
    hashing delay hashStorageType storage backend postgresql server publicUrl policy
    policies terms identities rest sql dns overwrite homeserver federation value
"""
KEYS = st.sampled_from(WORDS.split())
DATA = st.recursive(
    SCALARS | KEYS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(KEYS | st.text(max_size=9), inner, max_size=6)
    ),
    max_leaves=20,
)


class HostileTests(SynchronousTestCase):
    """Whatever is in the file, it is loaded or refused; nothing else happens."""

    def judge(self, text: str) -> None:
        """Load it; problems are on one line each, and not without words."""
        try:
            load(
                text,
                environment={},
                read_file=no_file,
                factories=FACTORIES,
                sender_factories={},
            )
        except ConfigError as error:
            self.assertTrue(error.problems)
            for problem in error.problems:
                self.assertTrue(problem.path.isprintable() and problem.path)
                self.assertNotIn("\n", problem.text)
                self.assertTrue(problem.text)

    @given(st.text())
    @example("&a [*a]")
    @example("a: !!timestamp x")
    @example("<<: {a: 1}")
    @example("? [a, b]\n: c")
    @example("a: ${\n}\n")
    @example("%YAML 9.9\n---\na: b")
    def test_any_text(self, text: str) -> None:
        """Characters without any sense."""
        self.judge(text)

    @given(st.text(alphabet="ab:- \n\t[]{}&*!|>'\"%@#?,~$0.\\"))
    def test_any_yaml(self, text: str) -> None:
        """The characters that mean something to YAML."""
        self.judge(text)

    @given(st.dictionaries(KEYS, DATA, max_size=8))
    def test_any_data(self, values: dict[str, Any]) -> None:
        """Known keys with values that nobody expects."""
        self.judge(yaml.safe_dump(values))
