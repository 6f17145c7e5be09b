"""Tests of the configuration of invitations."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mxisd.config.invitations import InviteSection, Period
from mxisd.errors import ConfigError
from tests.config.fakes import loaded

FOUNDATION = (
    "matrix: {domain: example.org}\nkey: {path: keys}\nmemory: {enabled: true}\n"
)


class InviteSectionTests(SynchronousTestCase):
    def section(self, text: str) -> InviteSection:
        """The section ``invite`` of a configuration."""
        return loaded(f"{FOUNDATION}invite: {text}\n").config.invite

    def test_defaults(self) -> None:
        """A sweep every five minutes, a week until they expire, nobody is blocked."""
        section = self.section("{}")
        self.assertTrue(section.accept_known)
        self.assertFalse(section.full_display_name)
        self.assertEqual(section.expiration.after, 7 * 24 * 60)
        self.assertEqual(section.resolution.timer, 5)
        self.assertEqual(section.resolution.period, Period.MINUTES)
        self.assertEqual(section.blocked.senders, ())
        self.assertEqual(section.policy.if_sender.has_role, ())

    def test_roles(self) -> None:
        """As mxisd writes them."""
        section = self.section("{policy: {ifSender: {hasRole: [staff, guides]}}}")
        self.assertEqual(section.policy.if_sender.has_role, ("staff", "guides"))

    def test_periods(self) -> None:
        """As ma1sd writes them."""
        lengths = [each.in_seconds for each in Period]
        self.assertEqual(lengths, [1, 60, 3600, 86400])
        section = self.section("{resolution: {timer: 2, period: hours}}")
        self.assertEqual(section.resolution.period, Period.HOURS)

    def test_web_clients(self) -> None:
        """Of people's own, and of others: URLs, or hosts alone."""
        section = self.section(
            "{webClient: 'https://app/', allowedWebClients: [a.example, 'http://b:1/c']}"
        )
        self.assertEqual(section.web_client, "https://app/")
        allowed = ("a.example", "http://b:1/c")
        self.assertEqual(section.allowed_web_clients, allowed)
        self.assertEqual(self.section("{}").allowed_web_clients, ())

    def test_problems(self) -> None:
        """Each names its key."""
        bad: tuple[tuple[str, str], ...] = (
            ("{resolution: {timer: 0}}", "invite.resolution.timer"),
            ("{expiration: {after: 0}}", "invite.expiration.after"),
            ("{expiration: {resolveTo: bob}}", "invite.expiration.resolveTo"),
            ("{blocked: {homeservers: ['a b']}}", "invite.blocked.homeservers"),
            ("{blocked: {senders: [bob]}}", "invite.blocked.senders"),
            (
                "{policy: {ifSender: {hasRole: [' ']}}}",
                "invite.policy.ifSender.hasRole",
            ),
            ("{webClient: 'javascript:x'}", "invite.webClient"),
            ("{webClient: app.example.org}", "invite.webClient"),
            ("{webClient: 'https://a/#/x'}", "invite.webClient"),
            ("{webClient: 'https://a b'}", "invite.webClient"),
            ("{allowedWebClients: ['javascript:x']}", "invite.allowedWebClients"),
            ("{allowedWebClients: ['https://a?b']}", "invite.allowedWebClients"),
            ("{allowedWebClients: ['']}", "invite.allowedWebClients"),
        )
        for text, key in bad:
            error: Any = self.assertRaises(ConfigError, self.section, text)
            self.assertIn(key, str(error))
