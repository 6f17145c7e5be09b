"""New invites."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mxisd.features.new_invites import NewInvites
from mxisd.model.identifiers import UserId
from mxisd.model.invites import EPHEMERAL_SERIAL, Ending, Invitation, Invite
from tests.features.doubles import CountingRandom, MarkingKeyRing
from tests.records.invite_contract import MAIL
from tests.resolver.doubles import BOB_ID

INVITATION = Invitation(
    threepid=MAIL, spelling=MAIL.address, room_id="!room", sender=BOB_ID
)


class NewInviteTests(SynchronousTestCase):
    """What stands in an invite from the beginning."""

    def made(self, owner: UserId | None, shows_all: bool = False) -> Invite:
        """Make one, a second and a half after the epoch."""
        clock = Clock()
        clock.advance(1.5)
        making = NewInvites(MarkingKeyRing(), CountingRandom(), clock)
        return making.made(INVITATION, owner, shows_all=shows_all)

    def test_a_pending_one(self) -> None:
        """It has a key of its own, and knows ours of today."""
        invite = self.made(None)
        self.assertTrue(invite.is_pending)
        self.assertEqual((invite.created_ms, invite.ended_ms), (1500, None))
        self.assertEqual((invite.ending, invite.owner), (None, None))
        self.assertEqual(invite.key_id, MarkingKeyRing().current_key_id())
        assert invite.key is not None
        self.assertEqual(invite.key.serial, EPHEMERAL_SERIAL)

    def test_one_whose_owner_is_known(self) -> None:
        """It has ended when it began."""
        invite = self.made(BOB_ID)
        self.assertEqual((invite.ended_ms, invite.ending), (1500, Ending.RESOLVED))
        self.assertEqual(invite.owner, BOB_ID)

    def test_what_the_room_sees(self) -> None:
        """The address, whole or not."""
        self.assertEqual(self.made(None, shows_all=True).display_name, MAIL.readable)
        self.assertEqual(self.made(None).display_name, "str...@exa...")
