"""What becomes of the keys that say where invited people go."""

from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from mxisd.assembly.invite_links import addresses, warn_of_unnamed, web_clients
from mxisd.config.invitations import InviteSection
from mxisd.features.invite_links import LinkAddresses
from mxisd.model.web_clients import WebClient, WebClients
from tests.config.fakes import loaded

OTHER = WebClient.parse("https://other.example:8443/app")


class InviteLinksTests(SynchronousTestCase):
    def test_web_clients(self) -> None:
        """As the operator named them, or none."""
        self.assertEqual(web_clients(InviteSection()), WebClients())
        section = InviteSection(
            web_client="https://app.example.org/",
            allowed_web_clients=("other.example:8443/app", "http://localhost"),
        )
        expected = WebClients(
            WebClient.parse("https://app.example.org"),
            frozenset({OTHER, WebClient.parse("http://localhost")}),
        )
        self.assertEqual(web_clients(section), expected)

    def test_addresses(self) -> None:
        """All begin with server.publicUrl, but where there is no client."""
        text = (
            "{matrix: {domain: example.org}, memory: {enabled: true}, key: {path: k}, "
            "server: {publicUrl: 'https://id.example.org/a/'}}"
        )
        expected = LinkAddresses(
            short="https://id.example.org/a/_matrix/identity/i",
            sign="https://id.example.org/a/_matrix/identity/api/v1/sign-ed25519",
            home="https://example.org",
        )
        self.assertEqual(addresses(loaded(text).config), expected)

    def test_the_operator_is_told_once(self) -> None:
        """Of each host, with the key to set; an hour later again."""
        clock = Clock()
        warn = warn_of_unnamed(clock)
        with capturedLogs() as events:
            for path in ("/app", "/app", "/other"):
                warn(WebClient.parse(f"https://other.example:8443{path}"))
            warn(WebClient.parse("https://third.example"))
            clock.advance(3600)
            warn(OTHER)
        texts = [formatEvent(each) for each in events]
        hosts = ["other.example", "third.example", "other.example"]
        for text, host in zip(texts, hosts, strict=True):
            self.assertIn(host, text)
            self.assertIn("invite.allowedWebClients", text)
        self.assertIn(str(OTHER), texts[0])
        levels = {each["log_level"] for each in events}
        self.assertEqual(levels, {LogLevel.warn})
