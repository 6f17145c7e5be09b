"""Which server is asked, and whether that is safe."""

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mxisd.console.client import CommandFailed
from mxisd.console.server import admin_client
from mxisd.model.secret import Secret
from tests.config.fakes import loaded

TOKEN = Secret("operators-have-this-one")


def config(server: str = "{}", admin: str = "{token: 0123456789abcdef}") -> Any:
    """A configuration with some settings."""
    text = f"matrix: {{domain: a.org}}\nkey: {{path: keys}}\nserver: {server}\n"
    return loaded(f"{text}admin: {admin}\n").config


class ServerTests(SynchronousTestCase):
    """Where and with what a command goes."""

    def url(self, server: str = "{}", url: str | None = None) -> str:
        """The server that is asked."""
        return admin_client(config(server), url, None, Clock()).url

    def refused(self, config: Any, url: str | None, token: Secret | None) -> str:
        """Why none is asked."""
        arguments = config, url, token, Clock()
        return str(self.assertRaises(CommandFailed, admin_client, *arguments))

    def test_where_the_configuration_says(self) -> None:
        """On this machine, at any address if the server listens on all."""
        self.assertEqual(self.url(), "http://127.0.0.1:8090")
        self.assertEqual(self.url("{port: 1}"), "http://127.0.0.1:1")
        self.assertEqual(self.url("{hostname: '::'}"), "http://[::1]:8090")
        self.assertEqual(self.url("{hostname: localhost}"), "http://localhost:8090")

    def test_elsewhere(self) -> None:
        """Through TLS only."""
        self.assertEqual(self.url(url="https://id.org/"), "https://id.org")
        self.assertIn("in the clear", self.refused(config(), "http://id.org", None))
        text = self.refused(config("{hostname: 10.0.0.1}"), None, None)
        self.assertIn("in the clear", text)
        for url in ("id.org", "ftp://id.org", "https://", "https://a:b", "https://["):
            self.assertIn("--url", self.refused(config(), url, TOKEN))

    def test_the_token(self) -> None:
        """One must be there."""
        text = self.refused(config(admin="{}"), None, None)
        self.assertIn("admin.token", text)
        self.assertIn("MXISD_ADMIN_TOKEN", text)
        self.assertIn("admin.token", self.refused(None, "https://id.org", None))
        admin_client(None, "https://id.org", TOKEN, Clock())

    def test_no_server(self) -> None:
        """Neither a URL nor a configuration."""
        self.assertIn("--url", self.refused(None, None, TOKEN))
