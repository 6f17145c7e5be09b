"""Tests of the core's settings classes."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mxisd.config.sections import Config
from mxisd.config.structure import read
from mxisd.errors import ConfigError
from mxisd.model.settings import networks

FOUNDATION = {"matrix": {"domain": "example.org"}, "key": {"path": "keys"}}


def config(**sections: Any) -> Config:
    """A configuration with these sections."""
    return read(Config, FOUNDATION | sections)


def wrong(**sections: Any) -> list[str]:
    """The paths of what is wrong with these sections."""
    try:
        config(**sections)
    except ConfigError as error:
        return [problem.path for problem in error.problems]
    return []


class CheckTests(SynchronousTestCase):
    """Values of the right type that make no sense."""

    def test_server_names(self) -> None:
        """``matrix.domain`` and ``server.name`` are server names."""
        for name in ("example.org", "example.org:8448", "10.0.0.1", "[::1]:80"):
            self.assertEqual(wrong(matrix={"domain": name}, server={"name": name}), [])
        for name in (
            "",
            " ",
            "exa mple",
            "https://example.org",
            "a:b",
            "[::g]",
            "@a:b",
        ):
            self.assertEqual(
                wrong(matrix={"domain": name}, server={"name": name}),
                ["matrix.domain", "server.name"],
                name,
            )

    def test_urls(self) -> None:
        """http and https, with a host; nothing behind the path."""
        path = "dns.overwrite.homeserver.federation.0.value"
        for url, is_good in (
            ("https://example.org", True),
            ("http://localhost:8008", True),
            ("https://[::1]:8448/base/", True),
            ("https://user:pass@example.org", True),
            ("example.org", False),
            ("example.org:8448", False),
            ("ftp://example.org", False),
            ("//example.org", False),
            ("https://", False),
            ("https:///path", False),
            ("https://example.org:99999", False),
            ("https://example.org:x", False),
            ("https://[::1", False),
            ("https://exa mple.org", False),
            ("https://example.org/\n", False),
            ("https://example.org/?q=1", False),
            ("https://example.org/#f", False),
            ("", False),
        ):
            found = wrong(
                server={"publicUrl": url},
                dns={
                    "overwrite": {
                        "homeserver": {"federation": [{"name": "a", "value": url}]}
                    }
                },
            )
            expected = [] if is_good else ["server.publicUrl", path]
            self.assertEqual(found, expected, url)

    def test_name_servers(self) -> None:
        """Addresses, with a port or without; names would have to be asked for."""
        for server, is_good in (
            ("192.0.2.1", True),
            ("192.0.2.1:5353", True),
            ("[2001:db8::1]", True),
            ("[2001:db8::1]:53", True),
            ("2001:db8::1", False),
            ("dns.example.org", False),
            ("192.0.2.1:99999", False),
            ("", False),
        ):
            expected = [] if is_good else ["dns.servers"]
            self.assertEqual(wrong(dns={"servers": [server]}), expected, server)

    def test_the_public_url_may_hold_the_name(self) -> None:
        """``%SERVER_NAME%`` stands for it, as in mxisd."""
        found = config(
            server={
                "publicUrl": "https://%SERVER_NAME%/base/",
                "name": "id.example.org",
            }
        )
        self.assertEqual(found.public_url, "https://id.example.org/base")

    def test_placeholders_that_are_none(self) -> None:
        """They would be part of the name of a host."""
        for url in ("https://%SERVR_NAME%", "https://%SERVER_NAME%/%DOMAIN%"):
            found = wrong(server={"publicUrl": url})
            self.assertEqual(found, ["server.publicUrl"], url)

    def test_numbers(self) -> None:
        """Ports, lengths and times have bounds."""
        for section, values in (
            ("server", {"port": -1}),
            ("server", {"port": 65536}),
            ("hashing", {"pepperLength": 7}),
            ("hashing", {"pepperLength": 256}),
            ("hashing", {"requests": 0}),
            ("hashing", {"refresh": 0}),
            ("hashing", {"algorithms": []}),
            ("hashing", {"algorithms": ["md5"]}),
            ("lookup", {"timeout": 0}),
            ("accountConfig", {"tokenLifetime": 0}),
            ("key", {"path": ""}),
        ):
            (key,) = values
            self.assertEqual(wrong(**{section: values}), [f"{section}.{key}"])

    def test_policies(self) -> None:
        """A policy has documents; its paths are regular expressions."""
        document = {"en": {"name": "Terms", "url": "https://example.org/terms"}}
        good = {"version": "1.0", "terms": document, "regexp": ["/_matrix/.*"]}
        self.assertEqual(wrong(policy={"policies": {"a": good}}), [])
        for change, path in (
            ({"terms": {}}, "terms"),
            ({"terms": {"en": None}}, "terms"),
            ({"terms": {"en": {"name": "x"}}}, "terms.en.url"),
            ({"regexp": ["("]}, "regexp"),
            ({"version": None}, "version"),
        ):
            found = wrong(policy={"policies": {"a": good | change}})
            self.assertEqual(found, [f"policy.policies.a.{path}"])


class DerivedTests(SynchronousTestCase):
    """What follows from other keys."""

    def test_names(self) -> None:
        """The server is called like the domain unless it has a name."""
        self.assertEqual(config().server_name, "example.org")
        self.assertEqual(config().public_url, "https://example.org")
        named = config(server={"name": "id.example.org"})
        self.assertEqual(named.server_name, "id.example.org")
        self.assertEqual(named.public_url, "https://id.example.org")

    def test_inbound_networks(self) -> None:
        """Those that may ask us to recurse, unless said otherwise; nobody is nobody."""
        recursive = {"recursive": {"allowedCidr": ["10.0.0.0/8"]}}
        found = config(lookup=recursive)
        self.assertEqual(found.inbound_networks, networks("10.0.0.0/8"))
        found = config(lookup=recursive | {"inbound": {"allowedCidr": ["::/0"]}})
        self.assertEqual(found.inbound_networks, networks("::/0"))
        found = config(lookup=recursive | {"inbound": {"allowedCidr": []}})
        self.assertEqual(found.inbound_networks, ())
