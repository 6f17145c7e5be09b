"""Who accepts an invite, signed."""

from collections.abc import Mapping, Set
from typing import Any

from attrs import define, evolve, field
from twisted.trial.unittest import SynchronousTestCase
from unpaddedbase64 import encode_base64

from mxisd.errors import UnknownInvite
from mxisd.features.signing_invites import InviteSigning
from mxisd.model.invites import Invite
from mxisd.model.signing import SigningKey, key_bytes
from tests.features.doubles import MarkingKeyRing
from tests.records.invite_contract import INVITE, KEY, OWNER, resolved
from tests.resolver.doubles import BOB_ID

OTHER = SigningKey("0", bytes(32))


@define(eq=False)
class KnownInvites:
    """Invites, and the keys of those that are pending."""

    invites: Mapping[str, Invite]
    live: Set[bytes] = field(factory=frozenset)

    def invite(self, token: str) -> Invite | None:
        """The invite."""
        return self.invites.get(token)

    def is_live_key(self, key: bytes) -> bool:
        """Whether a pending invite has it."""
        return key in self.live


def private(key: SigningKey) -> str:
    """Its private half."""
    return encode_base64(key.seed)


def public(key: SigningKey) -> bytes:
    """Its public half."""
    return key_bytes(key.public_key) or b""


class SigningTests(SynchronousTestCase):
    """Only with the key that the message brought."""

    def signing(self, invite: Invite, *live: SigningKey) -> InviteSigning:
        """The feature, with one invite."""
        records: Any = KnownInvites({"first": invite}, frozenset(map(public, live)))
        return InviteSigning(records, MarkingKeyRing(), "id.example.org")

    def test_our_own_invite(self) -> None:
        """The statement names who accepts, who invited, and which invite."""
        signed = self.signing(INVITE).sign("first", private(KEY), BOB_ID)
        content = {
            "mxid": str(BOB_ID),
            "sender": str(INVITE.sender),
            "token": "first",
        }
        self.assertEqual(signed, KEY.signed(content, "id.example.org"))

    def test_an_invite_of_another_server(self) -> None:
        """Any key of a pending invite signs, and signs with itself."""
        signing = self.signing(evolve(INVITE, key=None), OTHER)
        signed = signing.sign("first", private(OTHER), BOB_ID)
        content = {key: signed[key] for key in ("mxid", "sender", "token")}
        self.assertEqual(signed, OTHER.signed(content, "id.example.org"))

    def test_nothing_else(self) -> None:
        """No other key, no ended invite, no unknown one."""
        foreign = evolve(INVITE, key=None)
        for signing, token, key in (
            (self.signing(INVITE), "second", private(KEY)),
            (self.signing(INVITE), "first", private(OTHER)),
            (self.signing(INVITE, OTHER), "first", private(OTHER)),
            (self.signing(INVITE), "first", "?"),
            (self.signing(resolved(INVITE, OWNER)), "first", private(KEY)),
            (self.signing(foreign, OTHER), "first", private(KEY)),
            (self.signing(foreign, OTHER), "first", "?"),
            (self.signing(foreign, OTHER), "first", "AAAA"),
        ):
            with self.assertRaises(UnknownInvite):
                signing.sign(token, key, BOB_ID)
