"""The configuration of validation sessions."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mxisd.config.loader import Loaded, load
from mxisd.errors import ConfigError

BASE = """
matrix: {domain: example.org}
key: {path: ':memory:'}
"""


def loaded(text: str) -> Loaded:
    """A configuration with more in it."""
    return load(
        BASE + text,
        environment={},
        read_file=lambda name: name,
        factories={},
        sender_factories={},
    )


class SessionTests(SynchronousTestCase):
    def refused(self, text: str) -> Any:
        """The one problem of a configuration."""
        error = self.assertRaises(ConfigError, loaded, text)
        (problem,) = error.problems
        return problem

    def test_defaults(self) -> None:
        """Everybody can prove every address."""
        config = loaded("").config
        policy = config.session.policy.validation
        self.assertTrue(policy.enabled)
        self.assertTrue(config.session.policy.unbind.enabled)
        self.assertTrue(config.session.policy.unbind.notifications)
        self.assertTrue(config.bindings.enabled)
        self.assertIsNone(policy.allowed_countries)
        self.assertIsNone(policy.next_link_hosts)
        self.assertFalse(config.view.session.on_token_submit.confirm)

    def test_the_keys_of_mxisd(self) -> None:
        """And of ma1sd: they are read where they always were."""
        text = """
session:
  policy:
    validation: {enabled: false}
    unbind: {enabled: false, notifications: false}
view:
  session:
    onTokenSubmit: {success: /a.html, failure: 'classpath:/failure.html'}
"""
        config = loaded(text).config
        self.assertFalse(config.session.policy.validation.enabled)
        self.assertFalse(config.session.policy.unbind.enabled)
        self.assertFalse(config.session.policy.unbind.notifications)
        views = config.view.session.on_token_submit
        self.assertEqual(views.success, "/a.html")
        self.assertEqual(views.failure, "classpath:/failure.html")

    def test_pages_under_their_former_keys(self) -> None:
        """They count, with a word about the real ones."""
        text = "view: {session: {local: {onTokenSubmit: {success: /a.html}}}}"
        result = loaded(text)
        views = result.config.view.session.on_token_submit
        self.assertEqual(views.success, "/a.html")
        (warning,) = result.warnings
        self.assertIn("view.session.onTokenSubmit.success", warning.text)

    def test_countries_are_known(self) -> None:
        """A country that is none would silently protect nobody."""
        place = "session.policy.validation"
        for key in ("allowedCountries", "deniedCountries"):
            text = "session: {policy: {validation: {%s: [DE, '001', Germany]}}}"
            problem = self.refused(text % key)
            self.assertEqual(problem.path, f"{place}.{key}")
            self.assertIn("Germany", problem.text)

    def test_hosts_are_no_urls(self) -> None:
        """A URL in their place would silently let nobody pass."""
        for host in ("'https://a.org'", "'a.org:80'", "''", "a.org/b"):
            text = "session: {policy: {validation: {nextLinkHosts: [%s]}}}"
            self.assertIn("host names", self.refused(text % host).text)
