"""Invites of sydent; tests/integration/test_import_invites.py has a real one's."""

from typing import Any

from signedjson.key import decode_verify_key_bytes
from signedjson.sign import verify_signed_json
from unpaddedbase64 import encode_base64

from mxisd.errors import UnknownInvite
from mxisd.importing.writing import TWIN
from mxisd.model.invites import Invite
from mxisd.model.signing import key_bytes
from tests.importing.files import SYDENT, DatabaseFile
from tests.importing.invite_case import (
    BOB,
    KEY,
    MAIL,
    MINUTE_MS,
    NAME,
    OTHER_KEY,
    ROOM,
    SENDER,
    InviteCase,
)
from tests.importing.world import NOW_MS


class SydentInviteTests(InviteCase):
    """Those of sydent; tests/integration has those of a real one."""

    def setUp(self) -> None:
        """A file of sydent."""
        super().setUp()
        self.source = DatabaseFile(self.folder / "sydent.db", SYDENT)

    def add(self, token: Any, **values: Any) -> None:
        """Add an invite to it."""
        usual = {
            "medium": "email",
            "address": "bob@example.org",
            "room_id": ROOM,
            "sender": str(SENDER),
            "token": token,
            "received_ts": NOW_MS // 1000 - 60,
        }
        self.source.add("invite_tokens", **(usual | values))

    def add_key(self, key: Any) -> None:
        """Add the public half of a key to it."""
        self.source.add("ephemeral_public_keys", public_key=key)

    async def test_a_pending_invite_goes_on(self) -> None:
        """It has no key and no facts; its time is the one of its row."""
        self.add("t0ken")
        report = await self.take(self.source.path)
        self.assertIn("\n  invites: 1 taken\n  eph", report)
        self.assertNotIn("bob@", report)
        found = self.invite("t0ken")
        self.assertTrue(found.is_pending)
        self.assertIsNone(found.key)
        self.assertEqual(found.display_name, "b...@exa...")
        self.assertEqual(found.created_ms, NOW_MS - MINUTE_MS)
        self.nothing_is_sent()
        self.assertEqual(await self.told(self.here()), [("example.org", ROOM, "t0ken")])

    async def test_keys_in_mails_accept_invites(self) -> None:
        """Those that sydent has made, in both alphabets, as long as one is pending."""
        url_safe = KEY.public_key.replace("+", "-").replace("/", "_")
        self.add("t0ken")
        self.add_key(url_safe)
        report = await self.take(self.source.path)
        self.assertIn("ephemeral keys: 1 taken", report)
        here = self.here()
        for spelling in (url_safe, KEY.public_key):
            self.assertTrue(here.signing.is_valid(spelling))
        self.assertFalse(here.signing.is_valid(OTHER_KEY.public_key))
        private_key = encode_base64(KEY.seed, urlsafe=True)
        signed = here.signing.sign("t0ken", private_key, BOB)
        key = decode_verify_key_bytes("ed25519:0", key_bytes(KEY.public_key) or b"")
        verify_signed_json(signed, NAME, key)
        for bad in ("", "!", "AAAA", encode_base64(OTHER_KEY.seed)):
            self.assertRaises(UnknownInvite, here.signing.sign, "t0ken", bad, BOB)
        await here.invites.resolve(MAIL, BOB, NOW_MS)
        self.assertRaises(UnknownInvite, here.signing.sign, "t0ken", private_key, BOB)
        self.assertTrue(here.signing.is_valid(url_safe))

    async def test_our_own_invites_want_their_own_keys(self) -> None:
        """A key of sydent's does not open them."""
        self.add_key(KEY.public_key)
        await self.take(self.source.path)
        here = self.here()
        invite = Invite(
            token="ours",
            threepid=MAIL,
            room_id=ROOM,
            sender=SENDER,
            facts={},
            languages=(),
            key=OTHER_KEY,
            display_name="",
            created_ms=NOW_MS,
        )
        await here.invites.add_invite(invite, 0)
        private_key = encode_base64(KEY.seed)
        self.assertRaises(UnknownInvite, here.signing.sign, "ours", private_key, BOB)

    async def test_what_was_begun_is_delivered(self) -> None:
        """Sydent would have forgotten it if a homeserver had taken note."""
        self.add("1", sent_ts=NOW_MS // 1000 - 5)
        self.add("2", room_id="!2")
        report = await self.take(self.source.path)
        self.assertIn("invites: 2 taken\n", report)
        self.assertTrue(self.invite("1").is_pending)
        told = {token for _server, _room, token in await self.told(self.here())}
        self.assertEqual(told, {"1", "2"})

    async def test_odd_rows_are_left_out_one_by_one(self) -> None:
        """Wrong types, illegal addresses, tokens used twice, and what is no key."""
        self.add("1", address="nobody")
        self.add("2", sender="alice")
        self.add("3", received_ts="soon")
        self.add(b"\xff")
        self.add("old", room_id="!old", received_ts=-(2**63))
        self.add("good", received_ts=None)
        self.add("good", room_id="!other")
        self.add("twin")
        for key in ("AAAA", "!", "", b"k", KEY.public_key, KEY.public_key):
            self.add_key(key)
        report = await self.take(self.source.path)
        self.assertIn("  invites: 2 taken", report)
        self.assertIn(f"1 left out: {TWIN}", report)
        self.assertIn("ephemeral keys: 1 taken", report)
        self.assertNotIn("nobody", report)
        self.assertEqual(
            self.found("SELECT token, created_ms FROM invites"),
            [("old", 0), ("good", NOW_MS)],
        )
