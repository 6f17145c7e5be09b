"""Invites of mxisd and ma1sd, whose tables are the same."""

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from signedjson.key import decode_verify_key_bytes
from signedjson.sign import verify_signed_json
from twisted.trial.unittest import SynchronousTestCase
from unpaddedbase64 import encode_base64

from mxisd.errors import UnknownInvite
from mxisd.importing.invites import NO_PRIVATE_KEY, ma1sd_invites
from mxisd.importing.refusing import ImportRefused
from mxisd.importing.values import Circumstances
from mxisd.importing.writing import HERE, TWIN
from mxisd.model.invites import Ending, Invite
from mxisd.model.signing import SigningKey, key_bytes
from mxisd.records.key_folders import EPHEMERAL, save_key
from tests.importing.files import MA1SD, MXISD, DatabaseFile
from tests.importing.invite_case import (
    BOB,
    KEY,
    MAIL,
    MINUTE_MS,
    NAME,
    OTHER_KEY,
    PROPERTIES,
    ROOM,
    SENDER,
    InviteCase,
)
from tests.importing.world import NOW_MS

NAMES = st.text() | st.sampled_from(["created_at", "e_key_serial", "e_key_public"])


class MxisdInviteTests(InviteCase):
    """Those of mxisd and ma1sd, whose tables are the same."""

    def setUp(self) -> None:
        """A file of mxisd."""
        super().setUp()
        self.source = DatabaseFile(self.folder / "old.db", MXISD)

    def add(self, token: str, table: str = "invite_3pid", **values: Any) -> None:
        """Add an invite to it."""
        usual = {
            "id": token,
            "token": token,
            "sender": str(SENDER),
            "medium": "email",
            "address": "Bob@Example.org",
            "roomId": ROOM,
            "properties": json.dumps(PROPERTIES),
        }
        self.source.add(table, **(usual | values))

    def add_ended(self, token: str, **values: Any) -> None:
        """Add one that is over."""
        usual = {
            "resolvedTo": str(BOB),
            "resolvedAt": NOW_MS - 1,
            "couldPublish": 1,
            "publishAttempts": 1,
        }
        self.add(token, "invite_3pid_history", **(usual | values))

    async def test_a_pending_invite_goes_on(self) -> None:
        """With its token, its key, its time, and all that the homeserver told."""
        save_key(self.keys, EPHEMERAL, KEY)
        self.add("t0ken")
        report = await self.take(self.source.path, keys=self.keys)
        self.assertIn("pending invites: 1 taken", report)
        self.assertNotIn(NO_PRIVATE_KEY, report)
        self.assertNotIn("ob@", report)
        expected = Invite(
            token="t0ken",
            threepid=MAIL,
            room_id=ROOM,
            sender=SENDER,
            facts={"room_name": "Ü <b>", "com.example.unknown": "kept"},
            languages=(),
            key=SigningKey("0", KEY.seed),
            display_name="b...@exa...",
            created_ms=NOW_MS - MINUTE_MS,
            key_id="ed25519:1",
        )
        self.assertEqual(self.invite("t0ken"), expected)
        self.nothing_is_sent()

    async def test_its_key_accepts_it(self) -> None:
        """No other one does; its signature is what the room expects."""
        save_key(self.keys, EPHEMERAL, KEY)
        self.add("t0ken")
        await self.take(self.source.path, keys=self.keys)
        signing = self.here().signing
        self.assertTrue(signing.is_valid(KEY.public_key))
        signed = signing.sign("t0ken", encode_base64(KEY.seed), BOB)
        self.assertEqual((signed["token"], signed["mxid"]), ("t0ken", str(BOB)))
        key = decode_verify_key_bytes("ed25519:0", key_bytes(KEY.public_key) or b"")
        verify_signed_json(signed, NAME, key)
        other = encode_base64(OTHER_KEY.seed)
        self.assertRaises(UnknownInvite, signing.sign, "t0ken", other, BOB)

    async def test_a_key_store_at_its_old_place_is_found(self) -> None:
        """As a rule the folder is the one that this server goes on with."""
        save_key(Path(self.config.key.path), EPHEMERAL, KEY)
        self.add("t0ken")
        await self.take(self.source.path)
        self.assertTrue(self.invite("t0ken").has_key(encode_base64(KEY.seed)))

    async def test_without_its_key_an_invite_is_still_delivered(self) -> None:
        """A missing, broken, invalid or wrong file costs the key alone."""
        wrong = {"version": "0", "is_valid": True, "key": encode_base64(b"w" * 32)}
        invalid = {**wrong, "is_valid": False, "key": encode_base64(KEY.seed)}
        contents = [None, "no JSON", json.dumps(wrong), json.dumps(invalid)]
        folder = self.keys / "ephemeral" / "ed25519"
        folder.mkdir(parents=True)
        for number, content in enumerate(contents):
            properties = {**PROPERTIES, "e_key_serial": f"serial{number}"}
            if content is not None:
                (folder / f"serial{number}").write_text(content)
            self.add(
                f"{number}", roomId=f"!{number}", properties=json.dumps(properties)
            )
        self.add("4", roomId="!4", properties=None)
        path = json.dumps({**PROPERTIES, "e_key_serial": "../ed25519/serial2"})
        self.add("5", roomId="!5", properties=path)
        report = await self.take(self.source.path, keys=self.keys)
        self.assertIn(f"pending invites: 6 taken\n    6 {NO_PRIVATE_KEY}", report)
        here = self.here()
        private_key = encode_base64(KEY.seed)
        self.assertRaises(UnknownInvite, here.signing.sign, "3", private_key, BOB)
        pending = await here.invites.pending_threepids()
        self.assertEqual(pending.threepids, {MAIL})
        expected = [("example.org", f"!{n}", f"{n}") for n in range(6)]
        self.assertEqual(sorted(await self.told(here)), expected)

    async def test_the_same_invite_again_is_another_one_without_its_key(self) -> None:
        """The room would else lose the key by which the mail of old is accepted."""
        self.add("t0ken")
        await self.take(self.source.path)
        self.assertIsNone(self.here().invites.twin(MAIL, ROOM, SENDER))

    async def test_ended_invites_are_kept(self) -> None:
        """With owner and time; nobody is told again, or can accept them."""
        save_key(self.keys, EPHEMERAL, KEY)
        self.add_ended("t0ken")
        report = await self.take(self.source.path, keys=self.keys)
        self.assertIn("\n  ended invites: 1 taken\n  pending", report)
        found = self.invite("t0ken")
        self.assertEqual((found.ending, found.owner), (Ending.RESOLVED, BOB))
        self.assertEqual(found.ended_ms, NOW_MS - 1)
        self.assertEqual(found.created_ms, NOW_MS - MINUTE_MS)
        here = self.here()
        self.assertEqual(await self.told(here), [])
        private_key = encode_base64(KEY.seed)
        self.assertRaises(UnknownInvite, here.signing.sign, "t0ken", private_key, BOB)
        self.nothing_is_sent()

    async def test_what_is_over_is_not_pending(self) -> None:
        """A crash of mxisd between two tables left an invite in both of them."""
        self.add_ended("t0ken")
        self.add("t0ken")
        report = await self.take(self.source.path)
        self.assertIn(f"pending invites: 0 taken\n    1 left out: {HERE}", report)
        self.assertFalse(self.invite("t0ken").is_pending)

    async def test_a_duplicate_is_left_out(self) -> None:
        """Of the same person, room and sender, in any spelling; no other ones."""
        self.add("1")
        self.add("2", address="BOB@example.ORG")
        self.add("3", roomId="!other")
        self.add("4", sender=str(BOB))
        report = await self.take(self.source.path)
        self.assertIn(f"pending invites: 3 taken\n    1 left out: {TWIN}", report)
        self.assertEqual(
            self.found("SELECT token FROM invites ORDER BY token"),
            [("1",), ("3",), ("4",)],
        )

    async def test_odd_rows_are_left_out_one_by_one(self) -> None:
        """Wrong types, illegal addresses, and what is no JSON."""
        self.add("1", address="nobody")
        self.add("2", sender="alice")
        self.add("3", properties="no JSON")
        self.add("4", properties="[]")
        self.add("5", roomId=b"\x00")
        self.add("6", medium="no medium")
        self.add("", roomId="!6")
        self.add_ended("7", resolvedTo="bob")
        self.add_ended("8", resolvedAt="yesterday")
        self.add("good")
        report = await self.take(self.source.path)
        self.assertIn("ended invites: 0 taken", report)
        self.assertIn("pending invites: 1 taken", report)
        self.assertIn("1 left out: the properties are not JSON", report)
        self.assertNotIn("nobody", report)
        self.assertEqual(self.found("SELECT token FROM invites"), [("good",)])

    async def test_odd_properties_are_dropped(self) -> None:
        """What is no text is no fact, and what is no time is now."""
        properties = {
            "created_at": "soon",
            "number": 1,
            "null": None,
            "empty": "",
            "half": "\ud800",
        }
        self.add("1", properties=json.dumps(properties))
        self.add("2", roomId="!2", properties=json.dumps({"created_at": "9" * 5000}))
        self.add("3", roomId="!3", properties=json.dumps({"created_at": "9" * 14}))
        await self.take(self.source.path)
        self.assertEqual(self.invite("1").facts, {"empty": ""})
        for token in "123":
            self.assertEqual(self.invite(token).created_ms, NOW_MS)

    async def test_the_second_time_changes_nothing(self) -> None:
        """An invite that has ended since then stays so; a new one is taken."""
        self.add("1")
        await self.take(self.source.path)
        await self.here().invites.resolve(MAIL, BOB, NOW_MS)
        self.add("2")
        report = await self.take(self.source.path)
        self.assertIn("pending invites: 1 taken, 1 dealt with earlier", report)
        self.assertFalse(self.invite("1").is_pending)

    async def test_a_dry_run_takes_nothing(self) -> None:
        """Its report is the one of the import."""
        self.add("1")
        self.add_ended("2")
        dry = await self.take(self.source.path, is_dry_run=True)
        self.assertFalse(self.target.exists())
        self.assertTrue(dry.startswith(await self.take(self.source.path)))

    async def test_a_folder_that_is_none_is_refused(self) -> None:
        """A slip of the pen must not cost the keys."""
        self.add("1")
        with self.assertRaisesRegex(ImportRefused, "no folder with keys"):
            await self.take(self.source.path, keys=self.folder / "kyes")
        self.assertFalse(self.target.exists())

    async def test_keys_that_may_not_be_read_are_refused(self) -> None:
        """Another user can import them; nothing is taken without its key for ever."""
        # Not even root can read that.
        (self.keys / "ephemeral/ed25519" / KEY.serial).mkdir(parents=True)
        self.add("1")
        with self.assertRaisesRegex(ImportRefused, "a key cannot be read"):
            await self.take(self.source.path, keys=self.keys)

    async def test_ma1sds_are_the_same(self) -> None:
        """Its tables of invites are those of mxisd."""
        self.source = DatabaseFile(self.folder / "ma1sd.db", MA1SD)
        self.add("1")
        report = await self.take(self.source.path)
        self.assertIn("(of ma1sd)", report)
        self.assertTrue(self.invite("1").is_pending)


class PropertiesTests(SynchronousTestCase):
    @given(st.dictionaries(NAMES, st.none() | st.text() | st.floats()))
    def test_any_properties_are_read(self, properties: "dict[str, Any]") -> None:
        """Their facts can be written, and their times are not of the future."""
        circumstances = Circumstances(
            now_ms=NOW_MS,
            token_life_ms=1,
            allowed=None,
            next_link_hosts=None,
            keys=Path("no-keys"),
        )
        part = ma1sd_invites(circumstances)[1]
        row = (json.dumps(properties), "t", str(SENDER), "email", "a@example.org", ROOM)
        (invite,), _ = part.values([(1, *row)])
        self.assertLessEqual(invite.created_ms, NOW_MS)
        json.dumps(dict(invite.facts), ensure_ascii=False).encode()
