"""Tests of the keys of a REST store."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mxisd.config.structure import Section
from mxisd.errors import ConfigError
from mxisd.stores.rest.settings import RestSettings, judged

HOST = "http://people.example.org:8080"
V1 = f"{HOST}/_mxisd/backend/api/v1"


class JudgedTests(SynchronousTestCase):
    def judged(self, **values: Any) -> RestSettings:
        """The settings of a section."""
        return judged(Section(values))

    def problems(self, **values: Any) -> dict[str, str]:
        """What is wrong with a section, by key."""
        with self.assertRaises(ConfigError) as caught:
            self.judged(**values)
        return {each.path: each.text for each in caught.exception.problems}

    def test_defaults(self) -> None:
        """Of all keys, mxisd needs the host alone; the paths are its own."""
        endpoints = self.judged(host=HOST).endpoints
        self.assertEqual(endpoints.auth, f"{V1}/auth/login")
        self.assertEqual(endpoints.directory, f"{V1}/directory/user/search")
        self.assertEqual(endpoints.identity.single, f"{V1}/identity/single")
        self.assertEqual(endpoints.identity.bulk, f"{V1}/identity/bulk")
        self.assertEqual(endpoints.profile.display_name, f"{V1}/profile/displayName")
        self.assertEqual(endpoints.profile.threepids, f"{V1}/profile/threepids")
        self.assertEqual(endpoints.profile.roles, f"{V1}/profile/roles")
        listing = self.judged(host=HOST).associations_url
        self.assertEqual(listing, f"{V1}/identity/associations")

    def test_paths_and_urls(self) -> None:
        """A value with a slash goes behind the host, any other is a whole URL."""
        endpoints = {
            "auth": "/login?realm=a",
            "directory": "https://search.example.org/x",
            "identity": {"bulk": ""},
            "associations": "/all",
        }
        settings = self.judged(host=f"{HOST}/app/", endpoints=endpoints)
        self.assertEqual(settings.endpoints.auth, f"{HOST}/app/login?realm=a")
        self.assertEqual(settings.endpoints.directory, "https://search.example.org/x")
        self.assertEqual(settings.endpoints.identity.bulk, "")
        self.assertEqual(settings.associations_url, f"{HOST}/app/all")
        self.assertNotIn("", settings.urls)

    def test_no_host(self) -> None:
        """It is needed as long as one endpoint is a path."""
        self.assertIn("endpoints.auth and 6 others", self.problems()["host"])
        off: dict[str, Any] = {"auth": "", "directory": " "}
        off["identity"] = {"single": "", "bulk": "https://people.example.org/"}
        off["profile"] = dict.fromkeys(("displayName", "threepids", "roles"), "")
        settings = self.judged(endpoints=off)
        self.assertEqual(settings.urls, ("https://people.example.org/",))
        off["profile"]["roles"] = "/roles"
        problems = self.problems(endpoints=off)
        self.assertEqual(
            problems, {"host": "is required: endpoints.profile.roles is only a path"}
        )

    def test_bad_hosts(self) -> None:
        """What is no URL is told at the key."""
        for host in (
            "localhost:8080",
            "people.example.org",
            "ftp://people.example.org",
            "http://",
            "http://:80",
            "http://a:99999",
            "http://a:b",
            "http://a b",
            "http://a\nb",
            "http://a\\b",
            "http://user:s3cret@a",
            "http://a/#b",
            "http://[::1]:80",
            "http://[::1",
        ):
            problems = self.problems(host=host)
            self.assertEqual(list(problems), ["host"], host)
            self.assertNotIn("s3cret", str(problems))

    def test_bad_endpoints(self) -> None:
        """Every one is told, at its own key."""
        endpoints = {
            "auth": "login",
            "associations": "people.example.org/all",
            "identity": {"bulk": "/a b"},
            "profile": {"roles": "http://u@a/"},
        }
        problems = self.problems(host=HOST, endpoints=endpoints)
        self.assertEqual(
            set(problems),
            {
                "endpoints.auth",
                "endpoints.associations",
                "endpoints.identity.bulk",
                "endpoints.profile.roles",
            },
        )

    def test_certificate_and_key(self) -> None:
        """One without the other is half a certificate."""
        self.judged(host=HOST, certificateFile="a", keyFile="b")
        self.assertIn("keyFile", self.problems(host=HOST, certificateFile="a"))
        self.assertIn("certificateFile", self.problems(host=HOST, keyFile="a"))

    def test_tokens_and_timeouts(self) -> None:
        """A token fits into a header, a time-out into what any store is allowed."""
        for token in ("", "a b", "a\r\nX: y", "ü"):
            self.assertIn("token", self.problems(host=HOST, token=token))
        for timeout in (0, -1, "31s"):
            self.assertIn("timeout", self.problems(host=HOST, timeout=timeout))
        self.assertEqual(self.judged(host=HOST, timeout="2s").timeout, 2)

    def test_unknown_keys(self) -> None:
        """A typing error is told."""
        self.assertIn("hosts", self.problems(hosts=HOST))
