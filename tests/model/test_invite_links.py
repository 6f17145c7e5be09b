"""Tests of the links of invites, and of what people are told."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase
from unpaddedbase64 import decode_base64

from mxisd.model.invite_links import (
    accepting_url,
    notice_of,
    private_key,
    room_url,
    signing_url,
)
from mxisd.model.notices import InviteNotice
from mxisd.model.secret import Secret
from mxisd.model.threepids import canonical
from mxisd.model.web_clients import WebClient
from tests.records.invite_contract import INVITE, KEY, MAIL

APP = WebClient.parse("https://app.example.org/element")
SIGN = "https://id.example.org/sign"
HEADER_LENGTH = 4000
"""Of nginx, as long as nobody configures anything."""


def values(link: str) -> Any:
    """The parameters of a link that opens a client."""
    _, _, query = urlsplit(link).fragment.partition("?")
    return {key: value for key, (value,) in parse_qs(query, True).items()}


class RoomTests(SynchronousTestCase):
    def test_the_page_of_the_room(self) -> None:
        """Nothing but the room, and the homeserver through which it is found."""
        link = room_url(APP, INVITE)
        expected = "https://app.example.org/element/#/room/%21room?via=example.org"
        self.assertEqual(link, expected)

    def test_rooms_of_any_shape(self) -> None:
        """None gets out of its place."""
        link = room_url(APP, evolve(INVITE, room_id="!a/b?c#d&é\r\n:x"))
        self.assertTrue(link.isascii() and link.isprintable())
        path, _, query = urlsplit(link).fragment.partition("?")
        self.assertEqual(path, "/room/%21a%2Fb%3Fc%23d%26%C3%A9%0D%0A%3Ax")
        self.assertEqual(query, "via=example.org")


class AcceptingTests(SynchronousTestCase):
    def link(self, **facts: str) -> Any:
        """The parameters of the link of an invite."""
        return values(accepting_url(APP, evolve(INVITE, facts=facts), SIGN))

    def test_the_link(self) -> None:
        """As Element reads it: the client can get the invite signed."""
        link = accepting_url(APP, evolve(INVITE, facts={"room_name": "A&B #1"}), SIGN)
        url = urlsplit(link)
        self.assertEqual((url.netloc, url.path), ("app.example.org", "/element/"))
        self.assertTrue(url.fragment.startswith("/room/%21room?"))
        found = values(link)
        self.assertEqual(found["email"], MAIL.address)
        self.assertEqual(found["room_name"], "A&B #1")
        sign, _, given = found["signurl"].partition("?")
        self.assertEqual(sign, SIGN)
        key = parse_qs(given)["private_key"][0]
        self.assertEqual(decode_base64(key), KEY.seed)
        self.assertEqual(parse_qs(given)["token"], ["first"])

    def test_names(self) -> None:
        """As Element shows them before anybody has joined."""
        found = self.link(
            sender_display_name="Al", room_avatar_url="mxc://a/b", room_type="m.space"
        )
        self.assertEqual(found["inviter_name"], "Al")
        self.assertEqual(found["room_avatar_url"], "mxc://a/b")
        self.assertEqual(found["room_type"], "m.space")

    def test_a_phone_number_stays_out(self) -> None:
        """No client could do anything with it."""
        phone = evolve(INVITE, threepid=canonical("msisdn", "491711234567"))
        link = accepting_url(APP, phone, SIGN)
        self.assertNotIn("email", values(link))
        self.assertNotIn("4917", link)

    def test_an_invite_that_another_server_made(self) -> None:
        """It is opened all the same; only its addressee has what it takes to sign."""
        keyless = evolve(INVITE, key=None)
        found = values(accepting_url(APP, keyless, SIGN))
        self.assertEqual(found["email"], MAIL.address)
        self.assertNotIn("signurl", found)
        self.assertIsNone(signing_url(keyless, SIGN))
        self.assertIsNone(private_key(keyless))

    def test_no_link_is_too_long(self) -> None:
        """Whatever a homeserver told, reverse proxies take it in a header."""
        facts = dict.fromkeys(
            ("room_name", "sender_display_name", "room_avatar_url", "room_type"),
            "\U0001f600" * 5000,
        )
        invite = evolve(INVITE, facts=facts, room_id="!" + "ü" * 120)
        link = accepting_url(APP, invite, SIGN)
        self.assertLess(len(link), HEADER_LENGTH)
        self.assertEqual(values(link)["room_avatar_url"], "")


class NoticeTests(SynchronousTestCase):
    def test_facts(self) -> None:
        """What the homeserver told; what it left empty is not there."""
        facts = {
            "room_name": "",
            "room_alias": "#a:b",
            "room_type": "m.space",
            "sender_display_name": "Al <b>\r\n%TOKEN%",
        }
        notice = notice_of(evolve(INVITE, facts=facts), "https://a/", SIGN)
        self.assertEqual(notice.room_name, "#a:b")
        self.assertEqual(notice.room_type, "m.space")
        self.assertEqual(notice.sender_name, "Al <b>\r\n%TOKEN%")
        self.assertEqual(notice.languages, ("de", "en-GB"))
        self.assertEqual(notice.facts, facts)
        self.assertEqual((notice.register_url, notice.room_url), ("https://a/",) * 2)
        self.assertIsNone(notice_of(INVITE, None, SIGN).room_url)

    def test_a_name_that_is_none(self) -> None:
        """Synapse gives the user ID of whoever has no name; it is told once."""
        facts = {"sender_display_name": str(INVITE.sender)}
        notice = notice_of(evolve(INVITE, facts=facts), None, SIGN)
        self.assertIsNone(notice.sender_name)


class WholeNoticeTests(SynchronousTestCase):
    def test_what_a_person_is_told(self) -> None:
        """All that the invite has, and where it leads."""
        facts = {
            "room_name": "Tea party",
            "room_alias": "#tea:example.org",
            "room_type": "m.space",
            "sender_display_name": "Alice",
        }
        invite = evolve(INVITE, facts=facts)
        notice = notice_of(invite, "https://id.example.org/i?x", SIGN)
        self.assertEqual(
            notice,
            InviteNotice(
                threepid=MAIL,
                sender=INVITE.sender,
                sender_name="Alice",
                room_id=INVITE.room_id,
                room_name="Tea party",
                room_type="m.space",
                register_url="https://id.example.org/i?x",
                room_url="https://id.example.org/i?x",
                languages=INVITE.languages,
                facts=facts,
                token=Secret(INVITE.token),
                private_key=Secret(private_key(invite) or ""),
                sign_url=Secret(signing_url(invite, SIGN) or ""),
            ),
        )
        named = notice_of(evolve(invite, facts={"room_alias": "#a:b"}), None, SIGN)
        self.assertEqual((named.room_name, named.room_type), ("#a:b", None))
