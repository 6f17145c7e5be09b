"""Tests of what is said about unknown keys."""

import yaml
from twisted.trial.unittest import SynchronousTestCase

from mxisd.config.suggestions import KnownKeys

PATHS = (
    "connection",
    "connection.host",
    "connection.timeout",
    "connection.enabled",
    "attribute",
    "attribute.enabled",
    "timeout",
    "publicUrl",
)


class SuggestionTests(SynchronousTestCase):
    def about(self, key: str, place: str = "") -> str:
        """What is said about a key at the top."""
        known = KnownKeys(PATHS, place)
        return known.about(key, ["connection", "attribute", "publicUrl"])

    def test_a_similar_key(self) -> None:
        """Typing errors and other capitals are guessed."""
        for key, guess in (
            ("conection", "connection"),
            ("attributes", "attribute"),
            ("publicURL", "publicUrl"),
            ("PUBLICURL", "publicUrl"),
            ("public-url", "publicUrl"),
            ("public_url", "publicUrl"),
        ):
            self.assertEqual(self.about(key), f"is unknown; did you mean `{guess}`?")

    def test_a_key_of_another_section(self) -> None:
        """The place where it belongs is told in full."""
        text = "is unknown here; it belongs to "
        self.assertEqual(self.about("host"), f"{text}`connection.host`")
        self.assertEqual(self.about("host", "ldap"), f"{text}`ldap.connection.host`")

    def test_the_higher_section_is_meant(self) -> None:
        """A key of the section itself goes before those below."""
        known = KnownKeys(PATHS)
        self.assertIn("to `timeout`", known.about("timeout", ["host"]))

    def test_a_key_of_many_sections(self) -> None:
        """What has many homes is not sent to one; the keys known here are told."""
        text = "is unknown; known here: connection, attribute, publicUrl"
        self.assertEqual(self.about("enabled"), text)
        self.assertEqual(self.about("zzz"), text)

    def test_a_dotted_key(self) -> None:
        """The nested form is shown, and is YAML."""
        text = self.about("ldap.connection.host")
        self.assertIn("`ldap: {connection: {host: …}}`", text)
        shown = text.split("`")[1]
        self.assertEqual(yaml.safe_load(shown), {"ldap": {"connection": {"host": "…"}}})

    def test_dots_alone(self) -> None:
        """A key of dots is merely unknown."""
        for key in (".", "..", ".zzz."):
            self.assertIn("known here", self.about(key))
