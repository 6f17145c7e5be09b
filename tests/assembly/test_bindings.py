"""How bindings are wired."""

from twisted.trial.unittest import SynchronousTestCase

from mxisd.assembly.bindings import our_names
from tests.config.fakes import loaded


def names(server: str = "{}") -> frozenset[str]:
    """What a server is called that is configured so."""
    text = f"matrix: {{domain: example.org}}\nkey: {{path: keys}}\nserver: {server}\n"
    return our_names(loaded(text).config)


class NameTests(SynchronousTestCase):
    """What homeservers may call us."""

    def test_by_default(self) -> None:
        """By the domain."""
        self.assertEqual(names(), {"example.org", "https://example.org"})

    def test_the_public_url(self) -> None:
        """As a whole, and by its host, with port and path; in any case."""
        found = names("{name: Id.Example.org, publicUrl: 'https://Hs.org:8443/Id/'}")
        expected = {
            "id.example.org",
            "hs.org:8443",
            "hs.org:8443/id",
            "https://hs.org:8443/id",
        }
        self.assertEqual(found, expected)

    def test_the_usual_port(self) -> None:
        """It may be left out."""
        found = names("{publicUrl: 'https://hs.org:443'}")
        self.assertLessEqual({"hs.org", "hs.org:443"}, found)
