"""Pages of our tables, and what operators change in them."""

from typing import Any

from attrs import evolve
from twisted.internet import reactor
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from mxisd.model.associations import Association
from mxisd.model.identifiers import UserId
from mxisd.model.invites import Ending, Verdict
from mxisd.model.overviews import (
    DeliveryState,
    Errand,
    InviteOverview,
    InviteState,
    Page,
    Wanted,
)
from mxisd.model.secret import Secret
from mxisd.model.sessions import ValidationSession
from mxisd.model.threepids import canonical
from mxisd.ports import IInterventions, IOverviews
from mxisd.records.bindings import BindingRecords
from mxisd.records.deliveries import DeliveryRecords
from mxisd.records.interventions import Interventions
from mxisd.records.invite_messages import InviteMessageRecords
from mxisd.records.invites import InviteRecords
from mxisd.records.overviews import Overviews
from mxisd.records.sessions import SessionRecords
from mxisd.records.sqlite import SqliteRecords
from tests.records.invite_contract import INVITE, MAIL, OTHER, OWNER, resolved

ALICE = UserId.parse("@alice:example.org")


def session(number: int) -> ValidationSession:
    """One of many."""
    return ValidationSession(
        sid=f"s{number}",
        threepid=MAIL if number % 2 else OTHER,
        secret_digest=bytes(32),
        token=Secret("t"),
        changed_ms=number // 2,
    )


class RecordsCase(TestCase):
    """Has tables of its own."""

    def setUp(self) -> None:
        """Open an empty file."""
        in_reactor = reactor.callFromThread  # type: ignore[attr-defined]
        records = SqliteRecords(self.mktemp(), in_reactor)
        records.startService()
        self.addCleanup(records.stopService)
        self.database = records.database
        self.overviews = Overviews(self.database)
        self.interventions = Interventions(self.database)
        self.invites = InviteRecords(self.database)
        self.deliveries = DeliveryRecords(self.database)

    async def all_pages(self, page: Any, wanted: Wanted) -> list[Any]:
        """Turn page after page; none but the last may be short."""
        items: list[Any] = []
        while True:
            found: Page[Any] = await page(wanted)
            items += found.items
            if found.end is None:
                return items
            self.assertEqual(len(found.items), wanted.limit)
            wanted = evolve(wanted, after=found.end)

    async def tokens(self, **wanted: Any) -> list[str]:
        """The invites of a page."""
        page = await self.overviews.invites(Wanted(**wanted))
        return [each.invite.token for each in page.items]

    async def delivered(self, **wanted: Any) -> list[str]:
        """The deliveries of a page."""
        page = await self.overviews.deliveries(Wanted(**wanted))
        return [each.invite.token for each in page.items]


class OverviewTests(RecordsCase):
    """What is listed."""

    async def test_it_provides_the_interfaces(self) -> None:
        """The records are what the ports say."""
        verifyObject(IOverviews, self.overviews)
        verifyObject(IInterventions, self.interventions)

    async def test_bindings(self) -> None:
        """In the order of the addresses; by address, by owner, page by page."""
        self.assertEqual(await self.overviews.bindings(Wanted()), Page([]))
        made = [
            Association.bound(canonical("email", f"u{n}@example.org"), owner, n)
            for n, owner in enumerate([ALICE, OWNER, ALICE, OWNER, ALICE])
        ]
        made.append(Association.bound(MAIL, ALICE, 9))
        for each in reversed(made):
            await BindingRecords(self.database).bind(each)
        ordered = sorted(made, key=lambda each: each.threepid.address)
        for limit in (1, 2, 5, 6, 7):
            listed = await self.all_pages(self.overviews.bindings, Wanted(limit=limit))
            self.assertEqual(listed, ordered)
        found = await self.overviews.bindings(Wanted(threepid=MAIL))
        self.assertEqual(found, Page([made[-1]]))
        self.assertEqual(found.items[0].threepid.lowered, MAIL.lowered)
        found = await self.overviews.bindings(Wanted(user_id=OWNER))
        self.assertEqual(found, Page([made[1], made[3]]))
        found = await self.overviews.bindings(Wanted(user_id=OWNER, threepid=MAIL))
        self.assertEqual(found, Page([]))

    async def test_sessions(self) -> None:
        """The newest first, also of those that changed at the same time."""
        made = [session(number) for number in range(9)]
        for each in made:
            await SessionRecords(self.database).add_session(each)
        for limit in (1, 2, 4, 9):
            listed = await self.all_pages(self.overviews.sessions, Wanted(limit=limit))
            self.assertEqual(
                [each.sid for each in listed], [f"s{n}" for n in range(8, -1, -1)]
            )
        found = await self.overviews.sessions(Wanted(threepid=MAIL, limit=2))
        self.assertEqual([each.sid for each in found.items], ["s7", "s5"])

    async def test_invites(self) -> None:
        """The newest first; by address, sender and state."""
        for number in range(5):
            await self.invites.add_invite(
                evolve(
                    INVITE,
                    token=f"{number}",
                    room_id=f"!{number}",
                    created_ms=number,
                    sender=ALICE if number % 2 else INVITE.sender,
                    threepid=OTHER if number == 4 else MAIL,
                ),
                0,
            )
        await self.invites.expire(0, None, 7)
        await self.invites.resolve(OTHER, OWNER, 8)
        await self.interventions.revoke_invite("3", None, 9)
        for limit in (1, 2, 5):
            listed = await self.all_pages(self.overviews.invites, Wanted(limit=limit))
            self.assertEqual([each.invite.token for each in listed], list("43210"))
        self.assertEqual(await self.tokens(threepid=MAIL), list("3210"))
        self.assertEqual(await self.tokens(user_id=ALICE), list("31"))
        self.assertEqual(await self.tokens(state=InviteState.PENDING), list("21"))
        self.assertEqual(await self.tokens(state=InviteState.EXPIRED), ["0"])
        self.assertEqual(await self.tokens(state=InviteState.RESOLVED), ["4"])
        self.assertEqual(await self.tokens(state=InviteState.REVOKED), ["3"])

    async def test_what_was_done_about_an_invite(self) -> None:
        """Its message and its delivery are told with it."""
        await self.invites.add_invite(INVITE, 5)
        message = Errand(recipient="email", failures=0, due_ms=5)
        expected = InviteOverview(invite=INVITE, message=message, delivery=None)
        self.assertEqual(self.overviews.invite("first"), expected)
        self.assertEqual(expected.state, InviteState.PENDING)
        await self.invites.resolve(MAIL, OWNER, 7)
        await self.deliveries.delivery_failed("first", 70, "busy")
        found = self.overviews.invite("first")
        assert found is not None
        self.assertEqual(found.invite.owner, OWNER)
        self.assertEqual(found.state, InviteState.RESOLVED)
        self.assertEqual(
            found.message,
            evolve(message, ended_ms=7, outcome="needless"),
        )
        delivery = Errand(recipient="owner.org", failures=1, due_ms=70, answer="busy")
        self.assertEqual(found.delivery, delivery)
        self.assertIsNone(self.overviews.invite("other"))

    async def test_deliveries(self) -> None:
        """By whom they are about, and by what became of them."""
        for number in range(4):
            invite = evolve(INVITE, token=f"{number}", created_ms=number)
            owner = ALICE if number == 2 else OWNER
            await self.invites.add_invite(resolved(invite, owner), 0)
        await self.invites.add_invite(INVITE, 0)
        await self.deliveries.delivery_ended("0", Verdict.DELIVERED, 5, "200")
        await self.deliveries.delivery_ended("1", Verdict.REFUSED, 5, "403")
        await self.interventions.revoke_delivery("2", 6)
        listed = await self.all_pages(self.overviews.deliveries, Wanted(limit=3))
        self.assertEqual([each.invite.token for each in listed], list("3210"))
        self.assertEqual(await self.delivered(user_id=ALICE), ["2"])
        for state, token in zip(DeliveryState, "3012", strict=True):
            self.assertEqual(await self.delivered(state=state), [token])


class InterventionTests(RecordsCase):
    """What is changed by hand."""

    async def test_an_invite_is_revoked(self) -> None:
        """Once; nobody is sent a message any more, and its key is no longer good."""
        await self.invites.add_invite(INVITE, 0)
        self.assertTrue(await self.interventions.revoke_invite("first", None, 8))
        self.assertFalse(await self.interventions.revoke_invite("first", None, 9))
        self.assertFalse(await self.interventions.revoke_invite("other", None, 9))
        expected = evolve(INVITE, ended_ms=8, ending=Ending.REVOKED)
        self.assertEqual(self.invites.invite("first"), expected)
        messages = InviteMessageRecords(self.database)
        self.assertEqual(messages.due_messages(2**60, 9), [])
        self.assertEqual(self.deliveries.servers_due(2**60), [])

    async def test_a_revoked_invite_goes_to_somebody(self) -> None:
        """Who refuses it in its addressee's place."""
        await self.invites.add_invite(INVITE, 0)
        await self.interventions.revoke_invite("first", OWNER, 8)
        self.assertEqual(self.deliveries.servers_due(8), ["owner.org"])

    async def test_a_message_is_sent_again(self) -> None:
        """Whether it had been sent, given up, or was never there; not after the end."""
        messages = InviteMessageRecords(self.database)
        await self.invites.add_invite(INVITE, 0)
        await messages.message_failed("first", 2**40, "busy")
        await messages.message_ended("first", "given up", 5)
        self.assertTrue(await self.interventions.resend_message("first", 7))
        self.assertEqual(messages.due_messages(7, 9), [(INVITE, 0)])

        async def forget(tx: Any) -> None:
            await tx.run("DELETE FROM invite_messages")

        await self.database.transact(forget)
        self.assertTrue(await self.interventions.resend_message("first", 8))
        self.assertEqual(messages.due_messages(8, 9), [(INVITE, 0)])
        await self.invites.expire(2**60, None, 9)
        self.assertFalse(await self.interventions.resend_message("first", 9))
        self.assertEqual(messages.due_messages(2**60, 9), [])

    async def test_a_delivery_is_tried_again(self) -> None:
        """Even one that was refused or revoked."""
        await self.invites.add_invite(resolved(INVITE), 0)
        await self.deliveries.delivery_failed("first", 2**40, "busy")
        await self.deliveries.delivery_ended("first", Verdict.REFUSED, 5, "403")
        self.assertTrue(await self.interventions.resend_delivery("first", 7))
        self.assertFalse(await self.interventions.resend_delivery("other", 7))
        due = self.deliveries.next_delivery("owner.org", 7)
        assert due is not None
        self.assertEqual((due.failures, due.due_ms), (0, 7))
        self.assertTrue(await self.interventions.revoke_delivery("first", 8))
        self.assertFalse(await self.interventions.revoke_delivery("first", 9))
        self.assertIsNone(self.deliveries.next_delivery("owner.org", 2**60))
        await self.interventions.resend_delivery("first", 10)
        self.assertIsNotNone(self.deliveries.next_delivery("owner.org", 10))

    async def test_a_session_is_closed(self) -> None:
        """It is as if it had never been."""
        sessions = SessionRecords(self.database)
        await sessions.add_session(session(1))
        self.assertTrue(await self.interventions.close_session("s1"))
        self.assertFalse(await self.interventions.close_session("s1"))
        self.assertIsNone(sessions.session("s1"))
