"""Tests of invitations over HTTP, from the request to what is told to whom."""

import json
from typing import Any
from urllib.parse import urlencode

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from signedjson.key import decode_verify_key_bytes
from signedjson.sign import verify_signed_json
from twisted.internet.defer import Deferred
from unpaddedbase64 import decode_base64, encode_base64

from mxisd.errors import MessageNotSent, RecordsUnavailable, StoreUnavailable
from mxisd.features.invitations import InvitePolicy
from mxisd.features.invite_messages import TRIES
from mxisd.features.sender_roles import SenderRoles
from mxisd.model.identifiers import UserId
from mxisd.model.invites import BlockLists
from mxisd.model.signing import SigningKey
from mxisd.model.threepids import canonical
from mxisd.ports import Resolution
from mxisd.records.chunks import CHUNK
from mxisd.records.database import Transaction
from mxisd.records.invite_rows import ADD_INVITE, invite_row
from mxisd.records.invites import InviteRecords
from mxisd.records.key_files import KeyRing
from mxisd.records.key_folders import StoredKey
from tests.features.invite_doubles import Roles
from tests.records.instant import InstantDatabase
from tests.records.invite_contract import INVITE
from tests.resolver.doubles import BOB, BOB_ID
from tests.web.world import KEY, PUBLIC_URL, V1, V2, ApiTestCase

SENDER = str(BOB_ID)
EVE = canonical("email", "eve@example.org")
EVE_ID = UserId.parse("@eve:far.org")
STORE, SIGN = f"{V2}/store-invite", f"{V2}/sign-ed25519"
HOUR = 3600

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def invitation(**changes: Any) -> dict[str, Any]:
    """What Synapse sends."""
    usual = {
        "medium": "email",
        "address": "Eve@Example.org",
        "room_id": "!room",
        "sender": SENDER,
        "sender_display_name": "Bob",
        "room_name": "A room",
        "room_type": "m.space",
        "room_avatar_url": "",
    }
    return usual | changes


class InvitationCase(ApiTestCase):
    """Nobody is known but Bob, who invites."""

    def setUp(self) -> None:
        """Nobody is found in the clear."""
        super().setUp()
        self.world.resolver.resolution = Resolution({})
        # Delivered later, so that what was sent is seen first.
        self.invitations = self.world.invitations()

    def policy(self, **changes: Any) -> None:
        """Build the API again, with another policy."""
        self.world.invite_policy = InvitePolicy(**changes)
        self.restart()
        self.invitations = self.world.invitations()

    def store(self, **changes: Any) -> Any:
        """Invite somebody, and expect it to work."""
        answer = self.post(STORE, invitation(**changes), self.token)
        self.assertEqual(answer.status, 200, answer.body)
        return answer.content

    def later(self, seconds: float) -> None:
        """Let time pass; Bob's account token may be over by then."""
        self.world.clock.advance(seconds)
        self.token = self.world.log_in()

    def refused(self, status: int, errcode: str, **changes: Any) -> Any:
        """Invite somebody, and expect that it does not work."""
        answer = self.post(STORE, invitation(**changes), self.token)
        self.assert_refused(answer, status, errcode)
        return answer.content

    def known(self, threepid: Any = EVE, user_id: UserId = EVE_ID) -> None:
        """Learn whose an address is."""
        learning = self.invitations.on_threepid_known(threepid, user_id)
        self.successResultOf(Deferred.fromCoroutine(learning))

    def sweep(self) -> None:
        """Look for all who are pending."""
        self.successResultOf(Deferred.fromCoroutine(self.invitations.sweep()))

    def told(self) -> list[tuple[str, str]]:
        """Which homeservers were told of which rooms."""
        return [
            (name, each["room_id"])
            for name, content in self.world.homeservers.told
            for each in content["invites"]
        ]

    def is_valid(self, key: str, base: str = V2) -> Any:
        """Whether the key of an invite is valid."""
        query = urlencode({"public_key": key})
        path = f"{base}/pubkey/ephemeral/isvalid?{query}"
        return self.get(path).content["valid"]


class StoreTests(InvitationCase):
    def test_the_reply(self) -> None:
        """A token, both keys with their URLs, and a redacted address."""
        content = self.store()
        self.assertEqual(content["display_name"], "e...@exa...")
        self.assertEqual(content["public_key"], KEY.public_key)
        first, second = content["public_keys"]
        url = f"{PUBLIC_URL}{V2}/pubkey"
        expected = {"public_key": KEY.public_key, "key_validity_url": f"{url}/isvalid"}
        self.assertEqual(first, expected)
        self.assertEqual(second["key_validity_url"], f"{url}/ephemeral/isvalid")
        for base in (V1, V2):
            self.assertTrue(self.is_valid(second["public_key"], base))
            self.assertFalse(self.is_valid(KEY.public_key, base))

    def test_the_message(self) -> None:
        """It goes to the canonical address, with what the homeserver told."""
        self.store()
        (notice,) = self.world.notifier.invites
        self.assertEqual(notice.threepid, EVE)
        self.assertEqual(notice.sender, BOB_ID)
        self.assertEqual(
            (notice.sender_name, notice.room_name, notice.room_type),
            ("Bob", "A room", "m.space"),
        )

    def test_a_domain_in_other_letters(self) -> None:
        """The message goes to the A-label, and either label names the same invite."""
        content = self.store(address="Ann@Faß.example")
        (notice,) = self.world.notifier.invites
        self.assertEqual(notice.threepid.address, "ann@xn--fa-hia.example")
        self.assertEqual(content["display_name"], "a...@faß...")
        again = self.store(address="ann@xn--fa-hia.example")
        self.assertEqual(again["token"], content["token"])
        other = self.store(address="ann@fass.example")
        self.assertNotEqual(other["token"], content["token"])
        for address in ("ann@fa\u00adß.example", "a\u200bnn@faß.example"):
            self.refused(400, "M_INVALID_EMAIL", address=address)

    def test_everything_is_kept(self) -> None:
        """Also what nobody knows; what is no text as JSON."""
        content = self.store(
            strange={"a": [1]}, access_token="x", **{"a.b": True, "none": None}
        )
        records = InviteRecords(self.world.invite_database)
        invite = records.invite(content["token"])
        assert invite is not None
        self.assertEqual(invite.facts["strange"], '{"a": [1]}')
        self.assertEqual(invite.facts["a.b"], "true")
        self.assertEqual(invite.facts["room_name"], "A room")
        self.assertNotIn("none", invite.facts)
        self.assertNotIn("access_token", invite.facts)

    def test_languages(self) -> None:
        """Of the request; what its body says goes first."""
        for number, (said, expected) in enumerate(
            (({}, ("fr",)), ({"org.matrix.lang": "de"}, ("de", "fr")))
        ):
            body = invitation(room_id=f"!{number}", **said)
            headers = {"Accept-Language": "fr"}
            answer = self.ask("POST", STORE, body, self.token, headers)
            self.assertEqual(answer.status, 200, answer.body)
            self.assertEqual(self.world.notifier.invites[-1].languages, expected)

    def test_the_same_again(self) -> None:
        """Another spelling is the same invite, and no second message for now."""
        first, second = self.store(), self.store(address="EVE@example.org")
        self.assertEqual(first, second)
        self.assertEqual(len(self.world.notifier.invites), 1)
        self.assertNotEqual(first["token"], self.store(room_id="!other")["token"])

    def test_a_message_that_was_lost(self) -> None:
        """Whoever invites again an hour later has it sent once more."""
        first = self.store()
        for seconds, count in ((HOUR - 1, 1), (1, 2), (0, 2), (HOUR - 1, 2), (1, 3)):
            self.later(seconds)
            self.assertEqual(self.store(), first)
            self.assertEqual(len(self.world.notifier.invites), count)

    def test_a_message_that_is_still_tried(self) -> None:
        """It is not begun anew; once it is given up, it is an hour later."""
        self.world.notifier.trouble = MessageNotSent("no")
        self.store()
        for _ in range(TRIES - 1):
            self.later(HOUR)
            self.store()
            self.successResultOf(Deferred.fromCoroutine(self.invitations.wake()))
        self.assertEqual(len(self.world.notifier.invites), TRIES)
        for seconds, count in ((HOUR - 1, 0), (1, 1)):
            self.later(seconds)
            self.store()
            self.assertEqual(len(self.world.notifier.invites), TRIES + count)

    def test_a_message_that_is_sent_again_counts(self) -> None:
        """As the first one did; where it is too many, nothing is sent."""
        self.store()
        self.later(HOUR)
        for number in range(5):
            self.store(room_id=f"!{number}")
        self.refused(429, "M_LIMIT_EXCEEDED")
        self.later(60)
        self.store()
        self.assertEqual(len(self.world.notifier.invites), 7)

    def test_nobody_can_be_told_again(self) -> None:
        """It is said, and the invite is still there."""
        token = self.store()["token"]
        self.world.notifier.media = set()
        self.later(HOUR)
        self.refused(400, "M_UNRECOGNIZED")
        self.world.notifier.media = {"email"}
        self.assertEqual(self.store()["token"], token)

    def test_who_became_known_is_not_told_again(self) -> None:
        """Their homeserver will be, by the next sweep; the invite is the same."""
        first = self.store()
        self.later(HOUR)
        self.world.resolver.resolution = Resolution({EVE: EVE_ID})
        self.assertEqual(self.store(), first)
        self.assertEqual(len(self.world.notifier.invites), 1)
        self.sweep()
        self.assertEqual(self.told(), [("far.org", "!room")])

    def test_a_message_that_fails(self) -> None:
        """The invite is stored, and the message tried again."""
        self.world.notifier.trouble = MessageNotSent("no")
        content = self.store()
        self.world.notifier.trouble = None
        self.world.clock.advance(5)
        self.store(room_id="!other")
        self.assertEqual(len(self.world.notifier.invites), 3)
        self.assertTrue(self.is_valid(content["public_keys"][1]["public_key"]))

    def test_records_that_fail(self) -> None:
        """503, and nobody was told anything."""
        self.world.invite_database.trouble = RecordsUnavailable("full")
        self.refused(503, "M_UNKNOWN")
        self.assertEqual(self.world.notifier.invites, [])

    def test_records_that_fail_afterwards(self) -> None:
        """What is stored is stored; it is sent when they work again."""
        self.world.invite_database.works_for = 1
        self.store()
        self.assertEqual(self.world.notifier.invites, [])
        self.world.invite_database.works_for = None
        self.store(room_id="!other")
        self.assertEqual(len(self.world.notifier.invites), 2)

    def test_another_signing_key(self) -> None:
        """A room hears for good of the key that its delivery will be signed with."""
        old, new = (SigningKey(serial, bytes(32)) for serial in ("old", "new"))
        old = evolve(old, seed=bytes(range(32)))
        for current, expected in ((old, old), (new, old)):
            stored = [StoredKey(old, True), StoredKey(new, True)]
            self.world.key_ring = KeyRing("example.org", current, stored, [])
            self.restart()
            reply = self.store()
            self.assertEqual(reply["public_key"], expected.public_key)
        found = self.world.invite_records().invite(reply["token"])
        assert found is not None
        self.assertEqual(found.key_id, "ed25519:old")
        for stored in ([StoredKey(new, True)], [StoredKey(old, False)]):
            self.world.key_ring = KeyRing(
                "example.org", new, [*stored, StoredKey(new, True)], []
            )
            self.restart()
            self.assertEqual(self.store()["public_key"], new.public_key)
            self.assertEqual(self.store(room_id="!new")["public_key"], new.public_key)

    def test_the_whole_address(self) -> None:
        """If the operator wants it so."""
        self.policy(full_display_name=True)
        self.assertEqual(self.store()["display_name"], "eve@example.org")

    def test_only_in_ones_own_name(self) -> None:
        """The sender is the owner of the token."""
        self.refused(403, "M_UNAUTHORIZED", sender="@alice:example.org")
        answer = self.post(STORE, invitation())
        self.assert_refused(answer, 401, "M_UNAUTHORIZED")

    def test_blocked(self) -> None:
        """By homeserver, sender and room."""
        for lists in (
            BlockLists(homeservers={"example.org"}),
            BlockLists(senders={SENDER}),
            BlockLists(rooms={"!room"}),
        ):
            self.policy(blocked=lists)
            self.refused(403, "M_FORBIDDEN")

    def test_roles(self) -> None:
        """Who has none of the roles is refused, in v1 too, and nothing is kept."""
        roles = Roles({SENDER: {"guests"}})
        self.policy(senders=SenderRoles({"staff"}, [roles]))
        content = self.refused(403, "M_FORBIDDEN")
        self.assertIn("role", content["error"])
        answer = self.post(f"{V1}/store-invite", invitation())
        self.assert_refused(answer, 403, "M_FORBIDDEN")
        # Nor does it matter whether the address is known.
        self.refused(403, "M_FORBIDDEN", address=BOB.address)
        self.sweep()
        self.assertEqual(self.world.resolver.asked, [])
        self.assertEqual(self.world.notifier.invites, [])
        roles.roles[SENDER].add("staff")
        self.store()
        self.post(f"{V1}/store-invite", invitation(room_id="!v1"))
        self.assertEqual(len(self.world.notifier.invites), 2)

    def test_roles_that_cannot_be_told(self) -> None:
        """503, never a refusal; and nothing is kept."""
        roles = Roles(trouble=StoreUnavailable("down"))
        self.policy(senders=SenderRoles({"staff"}, [roles]))
        self.refused(503, "M_UNKNOWN")
        self.sweep()
        self.assertEqual(self.world.resolver.asked, [])

    def test_roles_of_others(self) -> None:
        """Nobody is asked in whose name the requester may not invite anyway."""
        roles = Roles()
        self.policy(senders=SenderRoles({"staff"}, [roles]))
        self.refused(403, "M_UNAUTHORIZED", sender="@alice:example.org")
        self.assertEqual(roles.asked, [])

    def test_bad_requests(self) -> None:
        """Each is answered as the specification wants it."""
        for changes, status, errcode in (
            ({"medium": "pigeon"}, 400, "M_UNRECOGNIZED"),
            ({"medium": ""}, 400, "M_INVALID_PARAM"),
            ({"medium": 5}, 400, "M_INVALID_PARAM"),
            ({"address": None}, 400, "M_MISSING_PARAMS"),
            ({"address": "a@b@c"}, 400, "M_INVALID_EMAIL"),
            ({"address": "a@b.c\r\nBcc: d@e.f"}, 400, "M_INVALID_EMAIL"),
            ({"address": "Eve <eve@example.org>"}, 400, "M_INVALID_EMAIL"),
            ({"address": '"e v"@example.org'}, 400, "M_INVALID_EMAIL"),
            ({"address": "a" * 500 + "@b.c"}, 400, "M_INVALID_EMAIL"),
            ({"medium": "msisdn", "address": "12"}, 400, "M_INVALID_ADDRESS"),
            ({"room_id": None}, 400, "M_MISSING_PARAMS"),
            ({"room_id": ""}, 400, "M_INVALID_PARAM"),
            ({"sender": "bob"}, 400, "M_INVALID_PARAM"),
        ):
            self.refused(status, errcode, **changes)
        self.assertEqual(self.world.notifier.invites, [])

    def test_phones(self) -> None:
        """Invited, unless their country is not sent messages."""
        self.store(medium="msisdn", address="+49 171 1234567")
        self.policy(reaches=lambda country: country != "DE")
        self.refused(
            400,
            "M_DESTINATION_REJECTED",
            medium="msisdn",
            address="491711234568",
        )

    def test_rooms_of_any_shape(self) -> None:
        """Nothing is read out of a room's ID."""
        for number, room in enumerate(("!a:b", "$aroom:fake.test", "x", "!ü/../?%")):
            self.store(room_id=room, address=f"eve{number}@example.org")

    def test_limits(self) -> None:
        """Five messages in a row to one address; the same invite is no message."""
        for number in range(5):
            self.store(room_id=f"!{number}")
        self.store(room_id="!0")
        self.refused(429, "M_LIMIT_EXCEEDED", room_id="!5")

    def test_v1(self) -> None:
        """For near requesters, as JSON or as a form, with the URLs of v1."""
        form = urlencode(invitation(address="a@example.org")).encode()
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = self.ask("POST", f"{V1}/store-invite", form, headers=kind)
        self.assertEqual(answer.status, 200)
        self.assertEqual(
            answer.content["public_keys"][1]["key_validity_url"],
            f"{PUBLIC_URL}{V1}/pubkey/ephemeral/isvalid",
        )
        answer = self.post(f"{V1}/store-invite", invitation())
        self.assertEqual(answer.status, 200)
        far = {"X-Forwarded-For": "192.0.2.1"}
        answer = self.ask("POST", f"{V1}/store-invite", invitation(), headers=far)
        self.assert_refused(answer, 403, "M_FORBIDDEN")

    def test_v1_is_closed(self) -> None:
        """But for signing: mails link to it for ever."""
        self.restart(v1=False)
        answer = self.post(f"{V1}/store-invite", invitation())
        self.assert_refused(answer, 404, "M_UNRECOGNIZED")
        answer = self.post(f"{V1}/sign-ed25519", {})
        self.assert_refused(answer, 400, "M_MISSING_PARAMS")


class KnownTests(InvitationCase):
    def test_found_by_hash(self) -> None:
        """The homeserver could have known: it is told who it is."""
        content = self.refused(400, "M_THREEPID_IN_USE", address=BOB.address)
        self.assertEqual(content["mxid"], str(BOB_ID))

    def test_another_spelling(self) -> None:
        """The homeserver could not know: the invite is taken and delivered."""
        self.world.resolver.resolution = Resolution({BOB: BOB_ID})
        content = self.store(address="Bob@Example.org")
        self.assertEqual(self.told(), [])
        self.assertEqual(self.world.notifier.invites, [])
        self.assertFalse(self.is_valid(content["public_keys"][1]["public_key"]))
        self.world.clock.advance(2)
        self.store()
        self.assertEqual(self.told(), [("example.org", "!room")])
        (signed,) = [
            each["signed"]
            for _, told in self.world.homeservers.told
            for each in told["invites"]
        ]
        self.assertEqual(signed["token"], content["token"])
        key = decode_verify_key_bytes(KEY.key_id, decode_base64(KEY.public_key))
        verify_signed_json(signed, "example.org", key)
        self.assertEqual(set(signed), {"mxid", "token", "signatures"})

    def test_limits(self) -> None:
        """Nobody is sent a message, but the account cannot ask for ever."""
        self.world.resolver.resolution = Resolution({EVE: EVE_ID})
        for number in range(20):
            self.store(room_id=f"!{number}")
        self.refused(429, "M_LIMIT_EXCEEDED")

    def test_no_message_is_needed(self) -> None:
        """Who is known is invited even where nobody can be sent a message."""
        self.world.notifier.media = set()
        content = self.refused(400, "M_THREEPID_IN_USE", address=BOB.address)
        self.assertEqual(content["mxid"], str(BOB_ID))
        self.refused(400, "M_UNRECOGNIZED")
        self.world.resolver.resolution = Resolution({EVE: EVE_ID})
        self.store()
        self.world.clock.advance(2)
        self.sweep()
        self.store(room_id="!second")
        self.assertEqual(self.told(), [("far.org", "!room")])

    def test_refused_if_the_operator_wants_it(self) -> None:
        """Whoever is known in any way."""
        self.policy(accept_known=False)
        self.world.resolver.resolution = Resolution({EVE: EVE_ID})
        content = self.refused(400, "M_THREEPID_IN_USE")
        self.assertEqual(content["mxid"], str(EVE_ID))

    def test_a_store_that_is_down(self) -> None:
        """The invite is taken; the next sweep asks again."""
        self.world.resolver.resolution = Resolution({}, frozenset({"staff"}))
        self.store()
        self.world.resolver.resolution = Resolution({EVE: EVE_ID})
        self.sweep()
        self.assertEqual(self.told(), [("far.org", "!room")])


class ResolutionTests(InvitationCase):
    def test_all_rooms_of_a_person(self) -> None:
        """Each homeserver is told of each room; nobody else's is touched."""
        key = self.store()["public_keys"][1]["public_key"]
        self.store(room_id="!second")
        self.store(address="adam@example.org", room_id="!adam")
        self.known()
        self.assertEqual(self.told(), [("far.org", "!room"), ("far.org", "!second")])
        self.assertFalse(self.is_valid(key))
        self.known()
        self.assertEqual(len(self.told()), 2)

    def test_invited_again_after_that(self) -> None:
        """It is an invite of its own."""
        first = self.store()["token"]
        self.known()
        self.assertNotEqual(self.store()["token"], first)

    def test_one_question_for_all(self) -> None:
        """A sweep asks once, on our own behalf, and resolves whom it finds."""
        self.store()
        self.store(address="adam@example.org")
        self.world.resolver.asked.clear()
        self.world.resolver.resolution = Resolution({EVE: EVE_ID})
        self.sweep()
        (asked,) = self.world.resolver.asked
        self.assertEqual(len(asked), 2)
        self.assertEqual(self.told(), [("far.org", "!room")])
        self.sweep()
        self.assertEqual(len(self.world.resolver.asked[-1]), 1)

    def test_very_many_are_asked_for_some_at_a_time(self) -> None:
        """A store is asked no more at once than it can answer in time."""
        self.add_invites(CHUNK + 1)
        self.sweep()
        asked = [len(each) for each in self.world.resolver.asked]
        self.assertEqual(asked, [CHUNK, 1])
        self.assertIn(EVE, self.world.resolver.asked[1])
        self.world.resolver.resolution = Resolution({EVE: EVE_ID})
        self.sweep()
        self.assertEqual(self.told(), [("far.org", "!room")])

    def add_invites(self, count: int) -> None:
        """Pending invites; the last one is for Eve."""
        invites = [
            evolve(
                INVITE,
                token=f"token{number}",
                threepid=canonical("email", f"guest{number}@example.org"),
                created_ms=number,
            )
            for number in range(count)
        ]
        invites[-1] = evolve(invites[-1], threepid=EVE)

        async def work(tx: Transaction) -> None:
            await tx.run_many(ADD_INVITE, [invite_row(each) for each in invites])

        writing = self.world.invite_database.transact(work)
        self.successResultOf(Deferred.fromCoroutine(writing))

    def test_other_servers_are_asked_only_if_the_operator_likes(self) -> None:
        """When an invite comes, and in a sweep, too."""
        self.world.recurses = True
        for recursive in (True, False):
            self.policy(recursive=recursive)
            self.world.resolver.contexts.clear()
            self.store(room_id=f"!{recursive}")
            self.sweep()
            asked = [each.recursive for each in self.world.resolver.contexts]
            self.assertEqual(asked, [recursive] * 2)

    def test_nobody_is_pending(self) -> None:
        """Then nobody is asked."""
        self.sweep()
        self.assertEqual(self.world.resolver.asked, [])

    def test_expiration(self) -> None:
        """Old invites end, and go to whom the operator names."""
        self.policy(expires_after_ms=60_000, expired_to=UserId.parse("@x:example.org"))
        key = self.store()["public_keys"][1]["public_key"]
        self.world.clock.advance(59)
        self.sweep()
        self.assertTrue(self.is_valid(key))
        self.world.clock.advance(1)
        self.sweep()
        self.assertFalse(self.is_valid(key))
        self.assertEqual(self.told(), [("example.org", "!room")])

    def test_nothing_expires_at_once_while_a_store_is_down(self) -> None:
        """The store may know whose the address is; it is waited for as long again."""
        self.policy(expires_after_ms=60_000)
        self.store()
        adam = self.store(address="adam@example.org")["public_keys"][1]["public_key"]
        down = frozenset({"staff"})
        self.world.resolver.resolution = Resolution({}, down)
        self.world.clock.advance(60)
        self.sweep()
        self.world.resolver.resolution = Resolution({EVE: EVE_ID}, down)
        self.sweep()
        self.assertEqual(self.told(), [("far.org", "!room")])
        for seconds, is_valid in ((59, True), (1, False)):
            self.world.clock.advance(seconds)
            self.sweep()
            self.assertEqual(self.is_valid(adam), is_valid)

    def test_expiration_to_nobody(self) -> None:
        """Then they only end."""
        self.policy(expires_after_ms=1)
        key = self.store()["public_keys"][1]["public_key"]
        self.world.clock.advance(1)
        self.sweep()
        self.assertFalse(self.is_valid(key))
        self.assertEqual(self.told(), [])

    def test_ended_invites_are_forgotten(self) -> None:
        """After the time that the operator sets; without one, never."""
        for kept_ms, count in ((None, 1), (5_000, 0)):
            self.world.invite_database = InstantDatabase()
            self.policy(expires_after_ms=1, kept_ms=kept_ms)
            token = self.store()["token"]
            self.world.clock.advance(1)
            self.sweep()
            for left in (1, count):
                self.purge()
                found = self.world.invite_records().invite(token)
                self.assertEqual(found is not None, bool(left))
                self.world.clock.advance(5)

    def purge(self) -> None:
        """Let the janitor come."""
        purging = self.invitations.purge()
        self.successResultOf(Deferred.fromCoroutine(purging))


class SigningTests(InvitationCase):
    def setUp(self) -> None:
        """Invite Eve."""
        super().setUp()
        self.stored = self.store()
        records = InviteRecords(self.world.invite_database)
        invite = records.invite(self.stored["token"])
        assert invite is not None and invite.key is not None
        self.request = {
            "mxid": "@eve:far.org",
            "token": self.stored["token"],
            "private_key": encode_base64(invite.key.seed),
        }

    def assert_signed(self, content: Any) -> None:
        """By the key that the room knows."""
        self.assertEqual(content["sender"], SENDER)
        self.assertEqual(set(content), {"mxid", "sender", "token", "signatures"})
        public = decode_base64(self.stored["public_keys"][1]["public_key"])
        key = decode_verify_key_bytes("ed25519:0", public)
        verify_signed_json(content, "example.org", key)

    def test_signed(self) -> None:
        """In v2 as JSON, in v1 also in the query string alone."""
        self.assert_signed(self.post(SIGN, self.request, self.token).content)
        path = f"{V1}/sign-ed25519"
        self.assert_signed(self.post(path, self.request).content)
        query = f"{path}?{urlencode(self.request)}"
        self.assert_signed(self.ask("POST", query).content)

    def test_refused(self) -> None:
        """Another token, another key, no login in v2, and what is no user."""
        for changes in (
            {"token": "x"},
            {"private_key": "AAAA"},
            {"private_key": "é"},
            {"private_key": self.stored["public_keys"][1]["public_key"]},
        ):
            answer = self.post(SIGN, self.request | changes, self.token)
            self.assert_refused(answer, 404, "M_UNRECOGNIZED")
        answer = self.post(SIGN, self.request | {"mxid": "eve"}, self.token)
        self.assert_refused(answer, 400, "M_INVALID_PARAM")
        answer = self.post(SIGN, self.request)
        self.assert_refused(answer, 401, "M_UNAUTHORIZED")

    def test_refused_when_it_is_over(self) -> None:
        """The key goes with the invite."""
        self.known()
        answer = self.post(SIGN, self.request, self.token)
        self.assert_refused(answer, 404, "M_UNRECOGNIZED")


class HostileTests(InvitationCase):
    @given(
        st.dictionaries(
            st.sampled_from(sorted(invitation())) | st.text(), ANY_JSON, max_size=6
        )
    )
    @settings(max_examples=100)
    def test_nothing_is_our_fault(self, changes: dict[str, Any]) -> None:
        """Whatever is sent, the answer is none of a fault of ours."""
        body = json.dumps(invitation() | changes).encode()
        for path in (STORE, f"{V1}/store-invite", SIGN, f"{V1}/sign-ed25519"):
            answer = self.ask("POST", path, body, self.token)
            self.assertIn(answer.status, (200, 400, 403, 404, 429), answer.body)

    @given(st.text(max_size=40))
    @settings(max_examples=100, deadline=None)
    def test_any_address(self, text: str) -> None:
        """It is invited, or refused as what it is not."""
        for medium in ("email", "msisdn"):
            body = json.dumps(invitation(address=text, medium=medium)).encode()
            answer = self.ask("POST", STORE, body, self.token)
            self.assertIn(answer.status, (200, 400, 429), answer.body)

    def test_deep_nesting(self) -> None:
        """Too deep to be kept is too deep."""
        for depth in (100, 900, 990, 5000, 30000):
            nested = b"[" * depth + b"]" * depth
            body = json.dumps(invitation(room_id=f"{depth}")).encode()
            body = body[:-1] + b', "x": ' + nested + b"}"
            answer = self.ask("POST", STORE, body, self.token)
            self.assertIn(answer.status, (200, 400), depth)

    def test_names_are_kept_as_they_are(self) -> None:
        """What they do in a message is the message's business."""
        name = '<script>"\r\nBcc: a@b.c\r\n%TOKEN% {{ 7*7 }}'
        self.store(room_name=name, sender_display_name=name)
        (notice,) = self.world.notifier.invites
        self.assertEqual((notice.room_name, notice.sender_name), (name, name))
