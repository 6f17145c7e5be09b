"""Tests of where people go who are invited."""

import math
from typing import Any
from urllib.parse import quote

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mxisd.errors import RecordsUnavailable, UnknownInvite
from mxisd.features.invite_links import CODE_LENGTH, InviteLinks
from mxisd.model.invites import Ending, Invite
from mxisd.model.notices import InviteNotice
from mxisd.model.web_clients import LOCATION, WebClient, WebClients
from mxisd.randomness import SystemRandom
from mxisd.records.database import Transaction
from mxisd.records.invites import InviteRecords, end_invites
from tests.features.doubles import CountingRandom
from tests.features.invite_doubles import ADDRESSES, made_links
from tests.records.instant import InstantDatabase
from tests.records.invite_contract import INVITE

NAMED = WebClient.parse("https://app.example.org")
UNNAMED = WebClient.parse("https://other.example/app")
TRUSTING = WebClients(allowed=frozenset({NAMED}))


class InviteLinksCase(SynchronousTestCase):
    def setUp(self) -> None:
        """The operator trusts one client."""
        self.warned: list[WebClient] = []
        self.random = CountingRandom()
        self.database = InstantDatabase()
        self.links = self.make(TRUSTING)

    def make(self, clients: WebClients) -> InviteLinks:
        """The links, where these clients are named."""
        return made_links(self.database, clients, self.warned, self.random)

    def invited(self, location: object, token: str = "first", **changes: Any) -> Invite:
        """Somebody is invited, whose inviter's homeserver names this client."""
        facts = {LOCATION: str(location), "room_name": "Tea party"}
        invite = evolve(
            INVITE, token=token, room_id=f"!{token}", facts=facts, **changes
        )
        adding = InviteRecords(self.database).add_invite(invite, 0)
        return self.successResultOf(Deferred.fromCoroutine(adding))

    def notice(self, invite: Invite) -> InviteNotice:
        """What the person is told."""
        telling = self.links.notice(invite)
        return self.successResultOf(Deferred.fromCoroutine(telling))

    def code(self, invite: Invite) -> str:
        """The code of the link that a person got."""
        link = self.notice(invite).register_url
        assert link is not None
        place, _, code = link.partition("?")
        self.assertEqual(place, ADDRESSES.short)
        return code

    def end(self, ending: Ending) -> None:
        """The invite ends."""

        async def work(tx: Transaction) -> None:
            await end_invites(tx, [("first",)], ending, None, 7)

        self.successResultOf(Deferred.fromCoroutine(self.database.transact(work)))


class NoticeTests(InviteLinksCase):
    def test_a_short_link(self) -> None:
        """It says nothing of the invite, and is the same whenever it is sent."""
        invite = self.invited(NAMED)
        notice = self.notice(invite)
        link = notice.register_url or ""
        self.assertEqual(notice.room_url, link)
        self.assertRegex(link, rf"\A{ADDRESSES.short}\?[0-9A-Za-z]{{22}}\Z")
        self.assertEqual(self.notice(invite).register_url, link)
        self.assertNotEqual(self.code(self.invited(NAMED, "second")), self.code(invite))

    def test_nobody_guesses_a_link(self) -> None:
        """Its code has 128 random bits, and no more characters than it needs."""
        self.assertGreaterEqual(CODE_LENGTH * math.log2(62), 128)
        self.assertLess((CODE_LENGTH - 1) * math.log2(62), 128)
        self.links = made_links(self.database, TRUSTING, random=SystemRandom())
        codes = {self.code(self.invited(NAMED, f"{n}")) for n in range(50)}
        self.assertEqual(len(codes), 50)
        self.assertEqual({len(each) for each in codes}, {CODE_LENGTH})

    def test_the_operator_hears_of_a_client_that_they_did_not_name(self) -> None:
        """And of no other one."""
        for location in (NAMED, "", "https://app.example.org@evil.example"):
            self.notice(self.invited(location, f"t{location}"))
        self.assertEqual(self.warned, [])
        self.code(self.invited(UNNAMED))
        self.assertEqual(self.warned, [UNNAMED])
        self.links = self.make(WebClients(ours=NAMED))
        self.code(self.invited(UNNAMED))
        self.assertEqual(self.warned, [UNNAMED])

    def test_no_client(self) -> None:
        """Then people go to the operator's domain, as templates know it."""
        notice = self.notice(self.invited(""))
        self.assertEqual((notice.register_url, notice.room_url), (None, None))

    def test_a_link_is_recorded_before_it_is_sent(self) -> None:
        """Otherwise it would lead nowhere after a restart."""
        invite = self.invited(NAMED)
        self.database.trouble = RecordsUnavailable("full")
        telling = Deferred.fromCoroutine(self.links.notice(invite))
        self.failureResultOf(telling, RecordsUnavailable)


class FollowTests(InviteLinksCase):
    def test_a_client_that_the_operator_named(self) -> None:
        """It gets what it takes to accept the invite."""
        link = self.links.follow(self.code(self.invited(NAMED)))
        self.assertTrue(link.startswith(f"{NAMED}/#/room/%21first?email="), link)
        self.assertIn(f"signurl={quote(ADDRESSES.sign, safe='')}%3Ftoken%3Dfirst", link)
        self.assertIn("private_key", link)

    def test_a_client_that_the_operator_did_not_name(self) -> None:
        """It shows the room, without any secret."""
        link = self.links.follow(self.code(self.invited(UNNAMED)))
        self.assertEqual(link, f"{UNNAMED}/#/room/%21first?via=example.org")

    def test_the_operators_own_client(self) -> None:
        """Whatever a homeserver names: everybody goes there, with everything."""
        self.links = self.make(WebClients(ours=NAMED))
        for location in ("", UNNAMED):
            code = self.code(self.invited(location, f"t{location}"))
            link = self.links.follow(code)
            self.assertTrue(link.startswith(f"{NAMED}/#/room/"), link)
            self.assertIn("private_key", link)

    def test_what_is_configured_today_counts(self) -> None:
        """A client that is no longer trusted gets nothing of old invites either."""
        code = self.code(self.invited(NAMED))
        self.links = self.make(WebClients())
        self.assertNotIn("private_key", self.links.follow(code))
        code = self.code(self.invited(UNNAMED, "second"))
        self.links = self.make(WebClients(allowed=frozenset({UNNAMED})))
        self.assertIn("private_key", self.links.follow(code))

    def test_a_client_that_is_gone(self) -> None:
        """Then the operator's domain is what is left."""
        self.links = self.make(WebClients(ours=NAMED))
        code = self.code(self.invited(""))
        self.links = self.make(WebClients())
        self.assertEqual(self.links.follow(code), ADDRESSES.home)

    def test_who_has_registered(self) -> None:
        """They are invited by now: the client shows the room; the key is of no use."""
        code = self.code(self.invited(NAMED))
        self.end(Ending.RESOLVED)
        link = self.links.follow(code)
        self.assertEqual(link, f"{NAMED}/#/room/%21first?via=example.org")

    def test_an_invite_that_came_to_nothing(self) -> None:
        """Expired, revoked, or never there: nothing is told of it."""
        code = self.code(self.invited(NAMED))
        for ending in (Ending.EXPIRED, Ending.REVOKED):
            self.end(ending)
            self.assertRaises(UnknownInvite, self.links.follow, code)
        for other in ("", "first", code[:-1], f"{code} "):
            self.assertRaises(UnknownInvite, self.links.follow, other)

    def test_an_invite_that_another_server_made(self) -> None:
        """It has a link, too; what it takes to accept it is in its first message."""
        code = self.code(self.invited(NAMED, key=None))
        link = self.links.follow(code)
        self.assertTrue(link.startswith(f"{NAMED}/#/room/%21first?email="), link)
        self.assertNotIn("signurl", link)
