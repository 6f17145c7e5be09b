"""Tests of what invites are, and of what homeservers' answers mean."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from unpaddedbase64 import encode_base64

from mxisd.model.identifiers import UserId
from mxisd.model.invites import (
    BlockLists,
    Delivery,
    Invite,
    Verdict,
    delay_ms,
    may_invite,
    redacted,
    verdict,
)
from mxisd.model.signing import SigningKey
from mxisd.model.threepids import ThreePid, canonical

ALICE = UserId.parse("@alice:Example.org")
BOB = UserId.parse("@bob:example.com")
SEED = b"\xfb\xff" * 16


def invite(token: str = "t") -> Invite:
    """A pending invite."""
    return Invite(
        token=token,
        threepid=canonical("email", "bob@example.com"),
        room_id="!room",
        sender=ALICE,
        facts={},
        languages=(),
        key=SigningKey("0", SEED),
        display_name="b...",
        created_ms=0,
    )


class InviteTests(SynchronousTestCase):
    def test_the_key_in_every_spelling(self) -> None:
        """Standard and URL-safe base64, a blank for a plus; nothing else."""
        text = encode_base64(SEED)
        for spelling in (
            text,
            text + "=",
            text.replace("+", "-").replace("/", "_"),
            text.replace("+", " "),
        ):
            self.assertTrue(invite().has_key(spelling))
        for other in ("", "é", text[:-2], encode_base64(bytes(32))):
            self.assertFalse(invite().has_key(other))

    def test_secrets_are_not_shown(self) -> None:
        """Neither the token nor the key are in what a log may print."""
        shown = repr(invite("swordfish"))
        self.assertNotIn("swordfish", shown)
        self.assertNotIn(repr(SEED), shown)

    def test_redaction(self) -> None:
        """Three characters of each part, one of short ones, none of the shortest."""
        for address, shown in (
            ("robert@example.org", "rob...@exa..."),
            ("bob@b.org", "b...@b.o..."),
            ("b@o.c", "...@o..."),
            ("robert@bücher.org", "rob...@büc..."),
        ):
            self.assertEqual(redacted(canonical("email", address)), shown)
        self.assertEqual(redacted(canonical("msisdn", "+491711234567")), "491...")

    @given(st.from_regex(r"[a-z]{1,20}@[a-z.]{1,20}", fullmatch=True))
    def test_redaction_hides_something(self, address: str) -> None:
        """No part is ever shown as a whole."""
        local, _, domain = redacted(ThreePid("email", address)).partition("@")
        for shown, part in zip((local, domain), address.split("@"), strict=True):
            self.assertLess(len(shown.removesuffix("...")), len(part))

    def test_block_lists(self) -> None:
        """Each list refuses by itself; server names have no case."""
        self.assertFalse(BlockLists().refuse(ALICE, "!room"))
        for lists in (
            BlockLists(homeservers={"example.org"}),
            BlockLists(senders={"@alice:Example.org"}),
            BlockLists(rooms={"!room"}),
        ):
            self.assertTrue(lists.refuse(ALICE, "!room"))
            self.assertFalse(lists.refuse(BOB, "!other"))

    def test_roles(self) -> None:
        """One of the roles is enough, and no required role is no restriction."""
        for roles, required, expected in (
            (set(), set(), True),
            ({"a"}, set(), True),
            ({"a", "b"}, {"b", "c"}, True),
            ({"a"}, {"b"}, False),
            (set(), {"b"}, False),
        ):
            self.assertIs(may_invite(roles, required), expected)


class DeliveryTests(SynchronousTestCase):
    def test_answers(self) -> None:
        """What is done, final, asked elsewhere, or repeated."""
        for status, expected in (
            (200, Verdict.DELIVERED),
            (204, Verdict.DELIVERED),
            (400, Verdict.REFUSED),
            (403, Verdict.REFUSED),
            (404, Verdict.ELSEWHERE),
            (405, Verdict.ELSEWHERE),
            (302, Verdict.LATER),
            (401, Verdict.LATER),
            (429, Verdict.LATER),
            (500, Verdict.LATER),
            (502, Verdict.LATER),
        ):
            self.assertIs(verdict(status, 60_000), expected, status)

    def test_a_young_invite_may_not_be_in_the_room_yet(self) -> None:
        """A 403 is final only after a minute; a 400 always."""
        self.assertIs(verdict(403, 59_999), Verdict.LATER)
        self.assertIs(verdict(400, 0), Verdict.REFUSED)

    def test_delays(self) -> None:
        """Five seconds, then twice as long each time, up to an hour."""
        self.assertEqual([delay_ms(n) for n in (1, 2, 3)], [5000, 10000, 20000])
        self.assertEqual({delay_ms(n) for n in (11, 100, 10**9)}, {3_600_000})

    def test_the_message(self) -> None:
        """What homeservers want, and exactly two keys to sign."""
        delivery = Delivery(invite=invite(), owner=BOB, failures=0, due_ms=0)
        whose = {
            "medium": "email",
            "address": "bob@example.com",
            "mxid": "@bob:example.com",
        }
        to_sign = {"mxid": "@bob:example.com", "token": "t"}
        self.assertEqual(delivery.to_sign(), to_sign)
        one = {
            **whose,
            "room_id": "!room",
            "sender": "@alice:Example.org",
            "signed": {**to_sign, "signatures": {}},
        }
        content = delivery.content({**to_sign, "signatures": {}})
        self.assertEqual(content, {**whose, "invites": [one]})
