"""A test case that imports invites, and sees what becomes of them here."""

from typing import Any

from attrs import define
from twisted.internet import reactor
from twisted.internet.task import Clock, deferLater

from mxisd.background import BackgroundTasks
from mxisd.features.deliveries import Deliveries
from mxisd.features.signing_invites import InviteSigning
from mxisd.model.identifiers import UserId
from mxisd.model.invites import Invite
from mxisd.model.signing import SigningKey
from mxisd.model.threepids import canonical
from mxisd.records.deliveries import DeliveryRecords
from mxisd.records.invites import InviteRecords
from mxisd.records.sqlite import SqliteRecords
from tests.features.doubles import MarkingKeyRing
from tests.features.invite_doubles import TalkingHomeservers
from tests.importing.world import NOW_MS, ImportTestCase, StoppedReactor

NAME = "id.example.org"
ROOM = "!room:example.org"
SENDER = UserId.parse("@alice:example.org")
BOB = UserId.parse("@bob:example.org")
MAIL = canonical("email", "bob@example.org")
KEY = SigningKey("AAAAAC-_x1yz", b"e" * 32)
OTHER_KEY = SigningKey("0", b"o" * 32)
MINUTE_MS = 60_000

PROPERTIES = {
    "room_name": "Ü <b>",
    "com.example.unknown": "kept",
    "created_at": str(NOW_MS - MINUTE_MS),
    "p_key_algo": "ed25519",
    "p_key_serial": "1",
    "p_key_public": "public",
    "e_key_algo": "ed25519",
    "e_key_serial": KEY.serial,
    "e_key_public": KEY.public_key,
}


@define(eq=False)
class Here:
    """What became of invites, in the tables of the target."""

    database: Any

    @property
    def invites(self) -> InviteRecords:
        """Invites."""
        return InviteRecords(self.database)

    @property
    def signing(self) -> InviteSigning:
        """What signs for those who accept them."""
        return InviteSigning(self.invites, MarkingKeyRing(), NAME)


class InviteCase(ImportTestCase):
    """Imports invites."""

    def setUp(self) -> None:
        """Nothing is open yet."""
        super().setUp()
        self.keys = self.folder / "old-keys"
        self.keys.mkdir()

    def here(self) -> Here:
        """Open the target."""
        records = SqliteRecords(str(self.target), StoppedReactor().callFromThread)
        records.database.open()
        self.addCleanup(records.database.close)
        return Here(records.database)

    def invite(self, token: str) -> Invite:
        """An invite that was taken."""
        found = self.here().invites.invite(token)
        assert found is not None
        return found

    def nothing_is_sent(self) -> None:
        """No message is due, and no delivery."""
        for table in ("invite_messages", "deliveries"):
            self.assertEqual(self.found(f"SELECT * FROM {table}"), [])

    async def told(self, here: Here) -> "list[Any]":
        """Bob's address becomes known; what homeservers are told then."""
        homeservers, clock = TalkingHomeservers(), Clock()
        clock.advance(NOW_MS / 1000)
        await here.invites.resolve(MAIL, BOB, NOW_MS)
        deliveries = Deliveries(
            DeliveryRecords(here.database),
            homeservers,
            MarkingKeyRing(),
            BackgroundTasks(clock),
            clock,
        )
        await deliveries.wake()
        while self.pending_deliveries(here):
            await _turn()
        return [
            (name, invite["room_id"], invite["signed"]["token"])
            for name, content in homeservers.told
            for invite in content["invites"]
        ]

    def pending_deliveries(self, here: Here) -> Any:
        """Those that are not over."""
        return here.database.rows("SELECT 1 FROM deliveries WHERE outcome IS NULL")


async def _turn() -> None:
    await deferLater(reactor, 0.01)
