"""What every place for invites, deliveries and messages must do."""

from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, gatherResults
from zope.interface.verify import verifyObject

from mxisd.model.identifiers import UserId
from mxisd.model.invites import Delivery, Ending, Invite, Verdict
from mxisd.model.signing import SigningKey, key_bytes
from mxisd.model.threepids import ThreePid, canonical
from mxisd.ports import (
    IDeliveryRecords,
    IInviteLinkRecords,
    IInviteMessageRecords,
    IInviteRecords,
    Pending,
)
from mxisd.records.chunks import CHUNK
from mxisd.records.database import Transaction
from mxisd.records.deliveries import DeliveryRecords
from mxisd.records.invite_links import InviteLinkRecords
from mxisd.records.invite_messages import InviteMessageRecords
from mxisd.records.invite_rows import ADD_INVITE, invite_row
from mxisd.records.invites import ADOPT_KEY, InviteRecords, end_invites

MAIL = canonical("email", "Strauß@example.org")
OTHER = canonical("email", "other@example.org")
OWNER = UserId.parse("@owner:Owner.org")
KEY = SigningKey("0", bytes(range(32)))
INVITE = Invite(
    token="first",
    threepid=MAIL,
    room_id="!room",
    sender=UserId.parse("@Sänder:example.org"),
    facts={"room_name": "Ü\n<b>", "any.thing": "[1]"},
    languages=("de", "en-GB"),
    key=KEY,
    display_name="str...@exa...",
    created_ms=2**50,
)


def resolved(invite: Invite, owner: UserId = OWNER) -> Invite:
    """The same one, whose owner was known at once."""
    return evolve(
        invite, ended_ms=invite.created_ms, ending=Ending.RESOLVED, owner=owner
    )


class InvitesContract:
    """A test case mixes it in, and provides ``database()``."""

    assertEqual: Any
    assertIsNone: Any
    assertTrue: Any
    assertFalse: Any

    def database(self) -> Any:
        """The database under test."""
        raise NotImplementedError

    @property
    def invites(self) -> InviteRecords:
        """Invites."""
        return InviteRecords(self.database())

    @property
    def deliveries(self) -> DeliveryRecords:
        """Deliveries."""
        return DeliveryRecords(self.database())

    @property
    def messages(self) -> InviteMessageRecords:
        """Messages."""
        return InviteMessageRecords(self.database())

    @property
    def links(self) -> InviteLinkRecords:
        """Links."""
        return InviteLinkRecords(self.database())

    async def test_it_provides_the_interfaces(self) -> None:
        """The records are what the ports say."""
        verifyObject(IInviteRecords, self.invites)
        verifyObject(IDeliveryRecords, self.deliveries)
        verifyObject(IInviteMessageRecords, self.messages)
        verifyObject(IInviteLinkRecords, self.links)

    async def test_an_invite_is_found(self) -> None:
        """By its token; every field comes back."""
        self.assertIsNone(self.invites.invite("first"))
        for invite in (INVITE, resolved(evolve(INVITE, token="second"))):
            self.assertEqual(await self.invites.add_invite(invite, 0), invite)
            found = self.invites.invite(invite.token)
            self.assertEqual(found, invite)
            assert found is not None
            self.assertEqual(found.threepid.lowered, MAIL.lowered)

    async def test_the_same_invite_is_kept_once(self) -> None:
        """Also of many at the same time; another room or sender is another invite."""
        same = [evolve(INVITE, token=f"{n}") for n in range(10)]
        adding = [
            Deferred.fromCoroutine(self.invites.add_invite(each, 0)) for each in same
        ]
        self.assertEqual(await gatherResults(adding), [same[0]] * 10)
        for other in (
            evolve(INVITE, token="room", room_id="!other"),
            evolve(INVITE, token="sender", sender=OWNER),
            evolve(INVITE, token="person", threepid=OTHER),
        ):
            self.assertEqual(await self.invites.add_invite(other, 0), other)
        twin = self.invites.twin(MAIL, "!room", INVITE.sender)
        self.assertEqual(twin, same[0])
        await self.invites.resolve(MAIL, OWNER, 5)
        self.assertIsNone(self.invites.twin(MAIL, "!room", INVITE.sender))

    async def test_a_key_lives_as_long_as_its_invite(self) -> None:
        """No longer, and no other key does."""
        key = key_bytes(KEY.public_key)
        assert key is not None
        self.assertFalse(self.invites.is_live_key(key))
        await self.invites.add_invite(INVITE, 0)
        self.assertTrue(self.invites.is_live_key(key))
        self.assertFalse(self.invites.is_live_key(bytes(32)))
        await self.invites.expire(2**50, None, 1)
        self.assertFalse(self.invites.is_live_key(key))

    async def test_an_invite_may_be_without_a_key(self) -> None:
        """It is found, and resolved; a room that asks again gets another one."""
        keyless = evolve(INVITE, token="keyless", key=None)
        await self.invites.add_invite(keyless, 0)
        self.assertEqual(self.invites.invite("keyless"), keyless)
        self.assertIsNone(self.invites.twin(MAIL, "!room", INVITE.sender))
        self.assertEqual(await self.invites.add_invite(INVITE, 0), INVITE)
        twin = self.invites.twin(MAIL, "!room", INVITE.sender)
        self.assertEqual(twin, INVITE)
        self.assertEqual(await self.invites.resolve(MAIL, OWNER, 7), 2)

    async def test_adopted_keys_live(self) -> None:
        """Whether there are invites that may have them, or not."""
        await self.invites.add_invite(evolve(INVITE, key=None), 0)
        self.assertFalse(self.invites.is_live_key(bytes(32)))

        async def work(tx: Transaction) -> None:
            await tx.run(ADOPT_KEY, bytes(32))

        await self.database().transact(work)
        self.assertTrue(self.invites.is_live_key(bytes(32)))

    async def test_all_invites_of_a_person_are_resolved(self) -> None:
        """With a delivery each; those of others, and the message, are left alone."""
        second = evolve(INVITE, token="second", room_id="!second")
        for each in (INVITE, second, evolve(INVITE, token="o", threepid=OTHER)):
            await self.invites.add_invite(each, 0)
        pending = await self.invites.pending_threepids()
        self.assertEqual(pending, Pending(frozenset({MAIL, OTHER})))
        self.assertEqual(await self.invites.resolve(MAIL, OWNER, 7), 2)
        self.assertEqual(await self.invites.resolve(MAIL, INVITE.sender, 8), 0)
        pending = await self.invites.pending_threepids()
        self.assertEqual(pending, Pending(frozenset({OTHER})))
        found = self.invites.invite("first")
        expected = evolve(INVITE, ended_ms=7, ending=Ending.RESOLVED, owner=OWNER)
        self.assertEqual(found, expected)
        self.assertEqual(self.deliveries.servers_due(7), ["owner.org"])
        self.assertEqual(self.due_messages(0), ["o"])

    async def add_many(self, count: int) -> None:
        """Invites to as many addresses, several of them at the same time."""
        invites = [
            evolve(
                INVITE,
                token=f"token{number}",
                threepid=ThreePid("email", f"guest{number}@example.org"),
                created_ms=1 + number // 7,
            )
            for number in range(count)
        ]

        async def work(tx: Transaction) -> None:
            await tx.run_many(ADD_INVITE, [invite_row(each) for each in invites])

        await self.database().transact(work)

    async def test_many_addresses_are_told_some_at_a_time(self) -> None:
        """All of them, each once, even if invites end or come meanwhile."""
        await self.add_many(2 * CHUNK + 1)
        told = [await self.invites.pending_threepids()]
        for threepid in sorted(told[0].threepids, key=str)[:10]:
            await self.invites.resolve(threepid, OWNER, 7)
        while told[-1].end is not None:
            told.append(await self.invites.pending_threepids(told[-1].end))
        self.assertEqual([len(each.threepids) for each in told], [CHUNK, CHUNK, 1])
        everybody = frozenset().union(*(each.threepids for each in told))
        self.assertEqual(len(everybody), 2 * CHUNK + 1)

    async def test_many_invites_end(self) -> None:
        """All that are old enough do, and are forgotten later."""
        await self.add_many(CHUNK + 7)
        count = await self.invites.expire(CHUNK // 7, None, 5)
        self.assertTrue(0 < count < CHUNK + 7)
        self.assertEqual(await self.invites.expire(CHUNK, OWNER, 6), CHUNK + 7 - count)
        self.assertEqual(await self.invites.purge_invites(5), count)

    async def test_ended_invites_are_forgotten(self) -> None:
        """With all that was done about them, unless something is still to be done."""
        for token in ("pending", "expired", "waiting", "delivered"):
            invite = evolve(INVITE, token=token, room_id=f"!{token}", created_ms=1)
            if token in ("waiting", "delivered"):
                invite = resolved(invite)
            await self.invites.add_invite(invite, 0)
        await self.deliveries.delivery_ended("delivered", Verdict.DELIVERED, 5, "200")
        await self.database().transact(self.expire_one)
        self.assertEqual(await self.invites.purge_invites(0), 0)
        self.assertEqual(await self.invites.purge_invites(7), 2)
        for token, is_there in (
            ("pending", True),
            ("expired", False),
            ("waiting", True),
            ("delivered", False),
        ):
            found = self.invites.invite(token)
            self.assertEqual(found is not None, is_there, token)
        rows = self.database().rows("SELECT token FROM deliveries")
        self.assertEqual(rows, [("waiting",)])
        rows = self.database().rows("SELECT token FROM invite_messages")
        self.assertEqual(rows, [("pending",)])

    async def expire_one(self, tx: Any) -> None:
        """End the invite of that name."""
        await end_invites(tx, [("expired",)], Ending.EXPIRED, None, 7)

    async def test_expired_invites_end(self) -> None:
        """To the millisecond, with a delivery if there is somebody to deliver to."""
        for number in range(4):
            invite = evolve(
                INVITE, token=f"{number}", room_id=f"{number}", created_ms=number
            )
            await self.invites.add_invite(invite, 0)
        self.assertEqual(await self.invites.expire(1, None, 9), 2)
        self.assertEqual(self.deliveries.servers_due(9), [])
        self.assertEqual(await self.invites.expire(2, OWNER, 9), 1)
        self.assertEqual(self.deliveries.servers_due(9), ["owner.org"])
        found = self.invites.invite("2")
        assert found is not None
        self.assertEqual((found.ending, found.owner), (Ending.EXPIRED, OWNER))
        found = self.invites.invite("3")
        assert found is not None
        self.assertTrue(found.is_pending)

    async def test_a_known_owner_is_a_delivery_from_the_start(self) -> None:
        """And no message; it is due when it is said to be."""
        await self.invites.add_invite(resolved(INVITE), 12)
        self.assertEqual(self.due_messages(99), [])
        self.assertEqual(self.deliveries.servers_due(11), [])
        self.assertIsNone(self.deliveries.next_delivery("owner.org", 11))
        expected = Delivery(invite=resolved(INVITE), owner=OWNER, failures=0, due_ms=12)
        found = self.deliveries.next_delivery("owner.org", 12)
        self.assertEqual(found, expected)

    async def test_a_failed_delivery_waits(self) -> None:
        """Until it is due again, or everything is; the oldest comes first."""
        await self.invites.add_invite(resolved(INVITE), 1)
        second = evolve(INVITE, token="second")
        await self.invites.add_invite(resolved(second), 2)
        await self.deliveries.delivery_failed("first", 50, "HTTP 500")
        self.assertEqual(self.due_delivery(49), ("second", 0))
        await self.deliveries.delivery_ended("second", Verdict.DELIVERED, 3, "")
        self.assertIsNone(self.due_delivery(49))
        self.assertEqual(self.due_delivery(50), ("first", 1))
        await self.deliveries.expedite_deliveries(10)
        self.assertEqual(self.due_delivery(10), ("first", 1))

    async def test_what_has_not_been_tried_keeps_its_time(self) -> None:
        """A restart does not take the head start away that a homeserver needs."""
        await self.invites.add_invite(resolved(INVITE), 50)
        await self.deliveries.expedite_deliveries(10)
        self.assertIsNone(self.due_delivery(49))

    async def test_deliveries_of_a_server_are_postponed(self) -> None:
        """Those that would be due before, and of no other server."""
        far = UserId.parse("@far:far.org")
        for token, due_ms in (("a", 1), ("b", 2), ("c", 99)):
            invite = resolved(evolve(INVITE, token=token))
            await self.invites.add_invite(invite, due_ms)
        await self.invites.add_invite(resolved(evolve(INVITE, token="f"), far), 3)
        self.assertEqual(self.deliveries.servers_due(9), ["owner.org", "far.org"])
        await self.deliveries.delivery_failed("b", 50, "down")
        await self.deliveries.postpone_deliveries("owner.org", 50, "down")
        self.assertEqual(self.deliveries.servers_due(49), ["far.org"])
        self.assertEqual(self.deliveries.servers_due(50), ["far.org", "owner.org"])
        self.assertEqual(self.due_delivery(50), ("b", 1))
        await self.deliveries.expedite_deliveries(10)
        self.assertEqual(self.deliveries.servers_due(10), ["far.org", "owner.org"])
        rows = self.database().rows("SELECT token, due_ms FROM deliveries ORDER BY 1")
        self.assertEqual(rows, [("a", 10), ("b", 9), ("c", 99), ("f", 3)])

    async def test_an_answer_that_came_late(self) -> None:
        """It takes the place of the one before, and is no try of its own."""
        await self.invites.add_invite(resolved(INVITE), 1)
        await self.deliveries.delivery_failed("first", 50, "HTTP 405")
        await self.deliveries.delivery_answered("first", "HTTP 500")
        self.assertEqual(self.due_delivery(50), ("first", 1))
        sql = "SELECT answer FROM deliveries"
        self.assertEqual(self.database().rows(sql), [("HTTP 500",)])
        await self.deliveries.delivery_ended("first", Verdict.REFUSED, 3, "HTTP 403")
        await self.deliveries.delivery_answered("first", "HTTP 500")
        self.assertEqual(self.database().rows(sql), [("HTTP 403",)])

    async def test_an_ended_delivery_is_kept(self) -> None:
        """For the operator, with the last answer; it is never due again."""
        await self.invites.add_invite(resolved(INVITE), 1)
        await self.deliveries.delivery_ended("first", Verdict.REFUSED, 3, "HTTP 403")
        await self.deliveries.expedite_deliveries(10)
        self.assertEqual(self.deliveries.servers_due(2**60), [])
        rows = self.database().rows("SELECT outcome, answer, ended_ms FROM deliveries")
        self.assertEqual(rows, [("refused", "HTTP 403", 3)])

    async def test_messages(self) -> None:
        """They are due, fail, wait, and end; an ended one is never sent again."""
        await self.invites.add_invite(INVITE, 5)
        self.assertEqual(self.due_messages(4), [])
        self.assertEqual(self.messages.due_messages(5, 9), [(INVITE, 0)])
        await self.messages.message_failed("first", 20, "busy")
        self.assertEqual(self.due_messages(19), [])
        self.assertEqual(self.messages.due_messages(20, 9), [(INVITE, 1)])
        await self.messages.expedite_messages(6)
        self.assertEqual(self.due_messages(6), ["first"])
        await self.messages.message_ended("first", "sent", 7)
        await self.messages.expedite_messages(8)
        self.assertEqual(self.due_messages(2**60), [])

    async def test_a_message_is_sent_again(self) -> None:
        """If it ended so long ago; once, however many ask for it at a time."""
        await self.invites.add_invite(INVITE, 0)
        self.assertEqual(await self.told_again(2**60, 9), (False, False))
        await self.messages.message_failed("first", 2**60, "no")
        await self.messages.message_ended("first", "given up", 20)
        self.assertEqual(await self.told_again(19, 30), (False, False))
        self.assertTrue(self.invites.is_told("first", 20))
        asking = [
            Deferred.fromCoroutine(self.invites.tell_again("first", 20, 30))
            for _ in range(2)
        ]
        self.assertEqual(sorted(await gatherResults(asking)), [False, True])
        self.assertEqual(self.due_messages(29), [])
        due = self.messages.due_messages(30, 9)
        self.assertEqual(
            [(each.token, failures) for each, failures in due], [("first", 0)]
        )

    async def test_an_invite_without_a_message(self) -> None:
        """Another server has sent it when it made the invite."""
        await self.add_many(1)
        self.assertEqual(await self.told_again(0, 9, "token0"), (False, False))
        self.assertEqual(await self.told_again(1, 9, "token0"), (True, True))
        self.assertEqual(self.due_messages(9), ["token0"])

    async def test_whose_invite_has_ended_is_not_told_again(self) -> None:
        """There is nothing to tell any more, nor of an invite that never was."""
        await self.invites.add_invite(INVITE, 0)
        await self.messages.message_ended("first", "sent", 1)
        await self.invites.resolve(MAIL, OWNER, 2)
        self.assertEqual(await self.told_again(2**60, 9), (False, False))
        self.assertEqual(await self.told_again(2**60, 9, "none"), (False, False))

    async def told_again(
        self, before_ms: int, now_ms: int, token: str = "first"
    ) -> tuple[bool, bool]:
        """Whether a message seems to be over, and whether it is sent again."""
        is_told = self.invites.is_told(token, before_ms)
        return is_told, await self.invites.tell_again(token, before_ms, now_ms)

    async def test_a_link(self) -> None:
        """An invite has one code, whoever asks for one first; it leads to it."""
        await self.invites.add_invite(INVITE, 0)
        self.assertIsNone(self.links.linked_invite("a"))
        adding = [
            Deferred.fromCoroutine(self.links.link("first", code)) for code in "abc"
        ]
        self.assertEqual(await gatherResults(adding), ["a"] * 3)
        self.assertEqual(self.links.linked_invite("a"), INVITE)
        for code in ("b", "A", "", "first"):
            self.assertIsNone(self.links.linked_invite(code))

    async def test_a_link_goes_with_its_invite(self) -> None:
        """It tells how the invite ended, until that is forgotten."""
        await self.invites.add_invite(INVITE, 0)
        await self.links.link("first", "a")
        await self.invites.expire(2**50, None, 1)
        found = self.links.linked_invite("a")
        assert found is not None
        self.assertEqual(found.ending, Ending.EXPIRED)
        await self.invites.purge_invites(1)
        self.assertIsNone(self.links.linked_invite("a"))
        self.assertEqual(self.database().rows("SELECT * FROM invite_links"), [])

    async def test_no_invite_to_link_to(self) -> None:
        """It was forgotten meanwhile: the link leads nowhere."""
        self.assertEqual(await self.links.link("gone", "a"), "a")
        self.assertIsNone(self.links.linked_invite("a"))

    async def test_so_many_messages(self) -> None:
        """At most as many as are asked for, the oldest first."""
        for number in range(5):
            invite = evolve(INVITE, token=f"{number}", room_id=f"{number}")
            await self.invites.add_invite(invite, 10 - number)
        due = self.messages.due_messages(10, 2)
        self.assertEqual([invite.token for invite, _ in due], ["4", "3"])

    async def test_messages_of_some_mediums(self) -> None:
        """Those that have to wait are left out."""
        for token, medium in (("a", "email"), ("b", "msisdn"), ("c", "xmpp")):
            invite = evolve(INVITE, token=token, threepid=ThreePid(medium, token))
            await self.invites.add_invite(invite, 5)
        for without, expected in (
            (["email"], ["b", "c"]),
            (["email", "xmpp"], ["b"]),
            (["email", "msisdn", "xmpp"], []),
        ):
            due = self.messages.due_messages(5, 9, without)
            self.assertEqual(sorted(invite.token for invite, _ in due), expected)

    def due_delivery(self, now_ms: int) -> tuple[str, int] | None:
        """The next one, and how often it has failed."""
        found = self.deliveries.next_delivery("owner.org", now_ms)
        return None if found is None else (found.invite.token, found.failures)

    def due_messages(self, now_ms: int) -> list[str]:
        """The tokens of what is due."""
        due = self.messages.due_messages(now_ms, 99)
        return [invite.token for invite, _ in due]
