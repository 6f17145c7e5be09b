"""Tests of the configuration reference."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mxisd.config.lookups import LookupSection
from mxisd.config.reference import Entry, entries, render
from mxisd.config.sections import Config
from mxisd.config.structure import paths
from tests.config.fakes import FakeLdapSettings
from tests.config.test_structure import Tree


def entry(settings: Any, path: str, prefix: str = "") -> Entry:
    """The entry of a key."""
    (found,) = [each for each in entries(settings, prefix) if each.path == path]
    return found


class EntryTests(SynchronousTestCase):
    def test_a_key(self) -> None:
        """Path, type, default and meaning."""
        self.assertEqual(
            entry(Config, "server.port"),
            Entry(
                "server.port", "number", "default ``8090``", "The port to listen on."
            ),
        )
        self.assertEqual(
            entry(FakeLdapSettings, "ldap.connection.host", "ldap."),
            Entry("ldap.connection.host", "text", "required", "The host."),
        )

    def test_types(self) -> None:
        """In words; a word is one of a list."""
        for path, words in (
            ("trunk.name", "text"),
            ("trunk.count", "number"),
            ("trunk.weight", "number"),
            ("otherLeaf.name", "text"),
            ("leaves[].name", "text"),
            ("byName.<name>.name", "text"),
            ("words", "list of text by name"),
            ("hidden", "secret"),
            ("wait", "time"),
            ("near", "list of network"),
            ("home", "network"),
            ("nearOrNot", "list of network"),
            ("kind", "uid or mxid"),
            ("taste", "sweet or off"),
            ("level", "high"),
            ("switch", "true or false"),
            ("baseDNs", "list of text"),
            ("free", "anything"),
        ):
            self.assertEqual(entry(Tree, path).type_text, words, path)

    def test_defaults(self) -> None:
        """As they would be written; what depends on other keys is a sentence."""
        for settings, path, words in (
            (Config, "matrix.domain", "required"),
            (Config, "matrix.v1", "default ``true``"),
            (Config, "server.name", "default ``matrix.domain``"),
            (Config, "hashing.delay", "default ``86400``"),
            (Config, "hashing.rotationPolicy", "default ``per_seconds``"),
            (Config, "hashing.algorithms", "default ``sha256``, ``none``"),
            (Config, "outbound.caFile", "default none"),
            (Config, "outbound.allowedCidr", "default none"),
            (Tree, "near", "default ``::1/128``"),
            (Tree, "words", "default none"),
            (Tree, "hidden", "default none"),
        ):
            self.assertEqual(entry(settings, path).default_text, words, path)

    def test_every_key_is_there_once(self) -> None:
        """Sections themselves are not, unless they are lists or have names."""
        for settings in (Config, Tree, FakeLdapSettings):
            found = [each.path for each in entries(settings)]
            self.assertEqual(len(found), len(set(found)))
            for path in paths(settings):
                is_section = any(
                    each.startswith((f"{path}.", f"{path}[")) for each in found
                )
                self.assertTrue(path in found or is_section, path)
                self.assertFalse(path in found and is_section, path)

    def test_every_meaning_is_a_sentence(self) -> None:
        """It ends with a full stop."""
        for each in entries(Config):
            self.assertTrue(each.meaning.endswith("."), each.path)


class RenderTests(SynchronousTestCase):
    def test_a_definition_list(self) -> None:
        """Each key with its type and default, and then the meaning."""
        text = render(LookupSection, "lookup.")
        self.assertIn(
            "``lookup.bulk.enabled``\n"
            "    *true or false*, default ``true``. Whether ``bulk_lookup`` answers.\n"
            "\n"
            "``lookup.inbound.allowedCidr``\n",
            text,
        )
        self.assertEqual(text.count("\n\n"), len(list(entries(LookupSection))) - 1)
