"""Tests of what is said about unknown keys."""

import yaml
from twisted.trial.unittest import SynchronousTestCase

from mxisd.config.suggestions import KnownKeys, Spot

PATHS = (
    "connection",
    "connection.host",
    "connection.timeout",
    "connection.enabled",
    "attribute",
    "attribute.enabled",
    "timeout",
    "publicUrl",
    "hosts",
)


class SuggestionTests(SynchronousTestCase):
    def about(self, key: str, place: str = "") -> str:
        """What is said about a key at the top."""
        known = KnownKeys(PATHS, place)
        return known.about(key, Spot(["connection", "attribute", "publicUrl", "hosts"]))

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
        known = KnownKeys(PATHS, "lookup")
        self.assertIn("to `lookup.timeout`", known.about("timeout", Spot(["host"])))

    def test_an_exact_key_elsewhere_goes_before_a_similar_one_here(self) -> None:
        """Who writes a key that exists has it from somewhere."""
        text = "is unknown here; it belongs to "
        self.assertEqual(self.about("host"), f"{text}`connection.host`")
        # Other capitals and dashes are the same key all the same.
        known = KnownKeys(PATHS)
        self.assertEqual(
            known.about("publicUrl", Spot(["publicURL"])),
            "is unknown; did you mean `publicURL`?",
        )

    def test_a_key_further_down_goes_before_one_of_another_section(self) -> None:
        """Mostly a level was left out."""
        known = KnownKeys(PATHS, "ldap")
        text = known.about("timeout", Spot(["a"], "b.0", ["c", "c.timeout"]))
        self.assertEqual(text, "is unknown here; it belongs to `ldap.b.0.c.timeout`")
        text = known.about("timeout", Spot(["a"], "b", ["c.timeout", "d.timeout"]))
        self.assertEqual(text, "is unknown here; it belongs to `ldap.timeout`")

    def test_a_section_of_the_file_that_was_indented(self) -> None:
        """It belongs to the top."""
        known = KnownKeys(PATHS, "ldap", sections=("rest", "server"))
        text = known.about("rest", Spot(["reset"]))
        self.assertEqual(
            text, "is unknown here; `rest` is a section of its own, and not indented"
        )

    def test_another_spelling_elsewhere(self) -> None:
        """It is told if nothing here is similar."""
        known = KnownKeys(PATHS, "server")
        self.assertIn("to `server.publicUrl`", known.about("publicURL", Spot(["zzz"])))

    def test_names_where_a_level_was_left_out(self) -> None:
        """Where all keys are names, the one key above them is missing."""
        known = KnownKeys(("limits.email",), "threepid")
        text = known.about("email", Spot(["medium"], names_below="medium"))
        self.assertEqual(text, "is unknown here; it belongs to `threepid.medium.email`")

    def test_a_colon_without_its_space(self) -> None:
        """Within braces, YAML takes key and value for a key."""
        self.assertEqual(self.about("host:x"), "a space is missing after the colon")

    def test_a_key_of_many_sections(self) -> None:
        """What has many homes is not sent to one; the keys known here are told."""
        text = "is unknown; known here: connection, attribute, publicUrl, hosts"
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
