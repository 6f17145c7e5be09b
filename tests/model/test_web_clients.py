"""Tests of web clients: which is which, and which the operator named."""

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.model.web_clients import IllegalWebClient, WebClient, WebClients
from tests.records.invite_contract import INVITE

APP = "https://app.example.org"
LOCATION = "org.matrix.web_client_location"


def client(text: str) -> WebClient:
    """A client by its URL."""
    return WebClient.parse(text)


class WebClientTests(SynchronousTestCase):
    def test_spellings(self) -> None:
        """Case of the host, the usual port and a slash at the end mean nothing."""
        for text, expected in (
            (APP, APP),
            (f"{APP}/", APP),
            ("HTTPS://App.Example.ORG:443//", APP),
            ("http://app.example.org:80", "http://app.example.org"),
            ("http://app.example.org:443", "http://app.example.org:443"),
            (f"{APP}:8443/a/b/", f"{APP}:8443/a/b"),
            ("https://Bücher.example/Path", "https://xn--bcher-kva.example/Path"),
            ("https://app.example.org./", APP),
            ("http://[::1]:8080/", "http://[::1]:8080"),
            ("http://192.0.2.1", "http://192.0.2.1"),
            ("http://localhost:8080", "http://localhost:8080"),
        ):
            self.assertEqual(str(client(text)), expected)
        self.assertEqual(client(f"{APP}:8443/a").host, "app.example.org")

    def test_what_is_none(self) -> None:
        """Only what every browser reads alike is a client, and only a plain page."""
        for text in (
            "",
            "app",
            "app.example.org",
            "javascript:alert(1)",
            "ftp://app.example.org",
            "//app.example.org",
            "https:app.example.org",
            "https://",
            "https:///path",
            "https://[",
            "https://[x]/",
            "https://a b",
            "https://a.example\r\nBcc: x",
            "https://a.exa\tmple",
            f"{APP}#b",
            f"{APP}/?a=b",
            f"{APP}\\@evil.example",
            f"{APP}@evil.example",
            "https://user:password@app.example.org",
            "https://app%2eexample.org",
            "https://app\u3002example\u200b.org",
            "https://a..b",
            f"{APP}:0",
            f"{APP}:65536",
            f"{APP}:",
            f"{APP}/ä",
            f"{APP}/\\evil",
            f"{APP}/{'a' * 500}",
        ):
            self.assertRaises(IllegalWebClient, client, text)

    @given(st.text() | st.text().map("https://a".__add__))
    def test_the_url_is_harmless(self, text: str) -> None:
        """It stands in headers as it is, and reads as itself."""
        try:
            found = client(text)
        except IllegalWebClient:
            return
        self.assertRegex(str(found), r"\Ahttps?://[!-~]+\Z")
        self.assertEqual(client(str(found)), found)

    def test_hosts_of_the_operator(self) -> None:
        """A host alone is the client at its root, by https."""
        self.assertEqual(WebClient.named("app.example.org"), client(APP))
        other = WebClient.named("App.example.org:8443/riot/")
        self.assertEqual(other, client(f"{APP}:8443/riot"))
        self.assertEqual(WebClient.named("http://a"), client("http://a"))
        self.assertRaises(IllegalWebClient, WebClient.named, "javascript:alert(1)")


class ChoiceTests(SynchronousTestCase):
    """Where people go, and what with."""

    def of(self, clients: WebClients, location: str | None) -> WebClient | None:
        """Where somebody goes whose inviter's homeserver names this client."""
        facts = {} if location is None else {LOCATION: location}
        return clients.of(evolve(INVITE, facts=facts))

    def test_the_operators_client_goes_first(self) -> None:
        """Whatever the homeserver says."""
        clients = WebClients(client("https://ours"), frozenset({client(APP)}))
        for location in (None, APP, "https://evil.example"):
            self.assertEqual(self.of(clients, location), client("https://ours"))
        self.assertTrue(clients.is_named(client("https://ours")))

    def test_the_homeservers_client(self) -> None:
        """People go there; it is trusted if the operator named exactly it."""
        clients = WebClients(allowed=frozenset({client(APP)}))
        for location, is_named in (
            (APP, True),
            ("https://APP.example.org:443/", True),
            ("http://app.example.org", False),
            (f"{APP}:8443", False),
            (f"{APP}/redirect", False),
            (f"{APP}.evil.example", False),
            ("https://app.example.or", False),
            ("https://evil.app.example.org", False),
            ("https://example.org", False),
        ):
            found = self.of(clients, location)
            assert found is not None
            self.assertIs(clients.is_named(found), is_named, location)

    def test_no_client(self) -> None:
        """Of what is no client, nobody takes notice."""
        for location in (None, "", "app", f"{APP}@evil.example", "javascript:x"):
            self.assertIsNone(self.of(WebClients(), location))
