"""What becomes of the keys that decide who may do what."""

from twisted.trial.unittest import SynchronousTestCase

from mxisd.assembly.invitations import invite_policy
from mxisd.assembly.validation import limit_policy, validation_policy
from mxisd.config.sections import Config
from mxisd.features.invitations import InvitePolicy
from mxisd.features.limits import Counted
from mxisd.features.sender_roles import SenderRoles
from mxisd.features.validation import ValidationPolicy
from mxisd.model.buckets import Rate
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
LIMITS = """
limits:
  account: {burst: 1, every: 10}
  network: {burst: 2, every: 20, exempt: [10.0.0.0/8]}
  email: {burst: 3, every: 30}
  phone: {burst: 4, every: 40}
  country: {burst: 5, every: 50}
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


class LimitPolicyTests(SynchronousTestCase):
    def test_every_key(self) -> None:
        """Each bucket has its own rate."""
        policy = limit_policy(config(LIMITS).limits)
        expected = {
            Counted.ACCOUNT: Rate(1, 10),
            Counted.NETWORK: Rate(2, 20),
            Counted.EMAIL: Rate(3, 30),
            Counted.PHONE: Rate(4, 40),
            Counted.COUNTRY: Rate(5, 50),
        }
        self.assertEqual(policy.rates, expected)
        self.assertEqual([str(each) for each in policy.exempt_networks], ["10.0.0.0/8"])

    def test_everything_is_limited(self) -> None:
        """Unless the operator wants no limits."""
        self.assertEqual(set(limit_policy(config().limits).rates), set(Counted))
        none = limit_policy(config("limits: {enabled: false}").limits)
        self.assertEqual(none.rates, {})
