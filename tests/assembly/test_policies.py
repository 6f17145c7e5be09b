"""What becomes of the keys that decide who may do what."""

from twisted.trial.unittest import SynchronousTestCase

from mxisd.assembly.invitations import invite_policy
from mxisd.assembly.validation import validation_policy
from mxisd.config.sections import Config
from mxisd.features.invitations import InvitePolicy
from mxisd.features.sender_roles import SenderRoles
from mxisd.features.validation import ValidationPolicy
from mxisd.model.identifiers import UserId
from mxisd.model.invites import BlockLists
from tests.config.fakes import loaded

INVITE = """
invite:
  acceptKnown: false
  fullDisplayName: true
  keepEnded: 2
  resolution: {recursive: false}
  expiration: {after: 3, resolveTo: '@nobody:example.org'}
  blocked:
    homeservers: [Evil.org]
    senders: ['@eve:example.org']
    rooms: ['!room']
session: {policy: {validation: {deniedCountries: [DE]}}}
"""
VALIDATION = """
session:
  policy:
    validation:
      enabled: false
      allowedCountries: [DE, FR]
      deniedCountries: [FR]
      nextLinkHosts: [App.example.org]
"""


def config(text: str = "") -> Config:
    """A configuration with these sections."""
    return loaded(f"matrix: {{domain: a.org}}\nkey: {{path: keys}}\n{text}").config


class InvitePolicyTests(SynchronousTestCase):
    def test_every_key(self) -> None:
        """Each arrives where it counts."""
        senders = SenderRoles({"staff"})
        policy = invite_policy(config(INVITE), senders)
        expected = InvitePolicy(
            accept_known=False,
            full_display_name=True,
            recursive=False,
            expires_after_ms=180_000,
            kept_ms=2_000,
            expired_to=UserId.parse("@nobody:example.org"),
            blocked=BlockLists(
                frozenset({"evil.org"}),
                frozenset({"@eve:example.org"}),
                frozenset({"!room"}),
            ),
            senders=senders,
        )
        self.assertEqual(policy, expected)
        self.assertEqual([policy.reaches(each) for each in ("DE", "FR")], [False, True])

    def test_defaults(self) -> None:
        """They are those of the policy, but that invites expire after a week."""
        expected = InvitePolicy(expires_after_ms=7 * 24 * 3_600_000)
        self.assertEqual(invite_policy(config(), SenderRoles()), expected)

    def test_no_expiration(self) -> None:
        """Invites may stay for ever."""
        text = "invite: {expiration: {enabled: false}}"
        policy = invite_policy(config(text), SenderRoles())
        self.assertIsNone(policy.expires_after_ms)


class ValidationPolicyTests(SynchronousTestCase):
    def test_every_key(self) -> None:
        """Each arrives where it counts; names of hosts in lower case."""
        expected = ValidationPolicy(
            is_enabled=False,
            allowed_countries=frozenset({"DE", "FR"}),
            denied_countries=frozenset({"FR"}),
            next_link_hosts=frozenset({"app.example.org"}),
        )
        self.assertEqual(validation_policy(config(VALIDATION)), expected)

    def test_defaults(self) -> None:
        """Everybody may prove everything."""
        self.assertEqual(validation_policy(config()), ValidationPolicy())
