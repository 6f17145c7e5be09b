"""What templates can say."""

from typing import Any

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.model.identifiers import UserId
from mxisd.model.notices import SPACE
from mxisd.model.threepids import canonical
from mxisd.notify.facts import facts, header_line, one_line
from mxisd.notify.names import NAME_LENGTH
from tests.notify.fakes import (
    ABOUT,
    BOB,
    HOSTILE,
    INVITE,
    LINK,
    MATRIX_ID_INVITE,
    NOTICES,
    TOKEN,
    UNBIND,
    VALIDATION,
)
from tests.notify.links import linked


class FactsTests(SynchronousTestCase):
    def test_everybody_has_these(self) -> None:
        """As mxisd called them."""
        for notice in NOTICES:
            found = facts(notice, ABOUT)
            self.assertEqual(found["DOMAIN"], "example.org")
            self.assertEqual(found["DOMAIN_PRETTY"], "Example.org")
            self.assertEqual(found["FROM_EMAIL"], "id@example.org")
            self.assertEqual(found["FROM_NAME"], "Example")
            self.assertEqual(found["RECIPIENT_MEDIUM"], "email")
            self.assertEqual(found["RECIPIENT_ADDRESS"], BOB.address)
            self.assertEqual(
                found["RECIPIENT_ADDRESS_URL_ENCODED"], "bob%40example.com"
            )

    def test_people_read_the_unicode_form(self) -> None:
        """Of a domain, whichever label the client gave."""
        ann = canonical("email", "ann@xn--fa-hia.example")
        found = facts(evolve(INVITE, threepid=ann), ABOUT)
        for name in ("RECIPIENT_ADDRESS", "INVITE_ADDRESS"):
            self.assertEqual(found[name], "ann@faß.example")

    def test_validation(self) -> None:
        """Token and link; the third is what mxisd really had there."""
        found = facts(VALIDATION, ABOUT)
        self.assertEqual(found["VALIDATION_TOKEN"], TOKEN)
        self.assertEqual(found["VALIDATION_LINK"], LINK)
        self.assertEqual(found["NEXT_URL"], LINK)

    def test_invites(self) -> None:
        """Names, or else identifiers."""
        found = facts(INVITE, ABOUT)
        self.assertEqual(found["SENDER_NAME_OR_ID"], "Alice Liddell")
        self.assertEqual(found["ROOM_NAME_OR_ID"], "Tea party")
        self.assertEqual(found["INVITE_ADDRESS_URL_ENCODED"], "bob%40example.com")
        bare: Any = {"sender_name": None, "room_name": " \n "}
        found = facts(evolve(INVITE, **bare), ABOUT)
        self.assertEqual(found["SENDER_NAME"], "")
        self.assertEqual(found["SENDER_NAME_OR_ID"], "@alice:example.org")
        self.assertEqual(found["ROOM_NAME_OR_ID"], "!tea:example.org")
        found = facts(MATRIX_ID_INVITE, ABOUT)
        self.assertEqual(found["RECIPIENT_ID"], "@bob:example.org")
        self.assertEqual(facts(UNBIND, ABOUT)["USER_ID"], "@bob:example.org")

    def test_spaces(self) -> None:
        """A space is not a room."""
        self.assertEqual(facts(INVITE, ABOUT)["IS_SPACE"], "")
        self.assertTrue(facts(evolve(INVITE, room_type=SPACE), ABOUT)["IS_SPACE"])

    def test_where_to_register(self) -> None:
        """The operator's placeholder, the request's URL if it is one, or the domain."""
        asked = evolve(INVITE, register_url="https://chat.example.org/register")
        self.assertEqual(facts(asked, ABOUT)["REGISTER_URL"], asked.register_url)
        self.assertEqual(facts(INVITE, ABOUT)["REGISTER_URL"], "https://example.org")
        for url in ("javascript:alert(1)", "data:,x", "https://[", "https://x\r\ny"):
            found = facts(evolve(INVITE, register_url=url, room_url=url), ABOUT)
            self.assertEqual(found["REGISTER_URL"], "https://example.org")
            self.assertEqual(found["ROOM_URL"], "")
        about = evolve(ABOUT, placeholders={"REGISTER_URL": "https://join.example.org"})
        found = facts(asked, about)
        self.assertEqual(found["REGISTER_URL"], "https://join.example.org")

    def test_placeholders_of_the_operator(self) -> None:
        """They add to ours, and replace none but two."""
        about = evolve(ABOUT, placeholders={"SUPPORT": "Tel. 1", "DOMAIN": "evil"})
        found = facts(VALIDATION, about)
        self.assertEqual((found["SUPPORT"], found["DOMAIN"]), ("Tel. 1", "example.org"))
        # It is younger than templates that have one of this name.
        about = evolve(ABOUT, placeholders={"SERVICE_NAME": "Ours"})
        self.assertEqual(facts(VALIDATION, about)["SERVICE_NAME"], "Ours")

    def test_what_a_homeserver_told(self) -> None:
        """Known placeholders win, the operator's too; strange keys are left out."""
        told = {
            "room_alias": "#a:b",
            "org.example.Tag": "a\r\nb",
            "room_name": "Told",
            "domain": "evil",
            "support": "evil",
            "a-b": "x",
            "a b": "x",
            "%DOMAIN%": "x",
            "ü": "x",
            "": "x",
        }
        about = evolve(ABOUT, placeholders={"SUPPORT": "Tel. 1"})
        found = facts(evolve(INVITE, facts=told), about)
        self.assertEqual(found["ROOM_ALIAS"], "#a:b")
        self.assertEqual(found["ORG_EXAMPLE_TAG"], "a b")
        self.assertEqual(found["ROOM_NAME"], "Tea party")
        self.assertEqual(found["DOMAIN"], "example.org")
        self.assertEqual(found["SUPPORT"], "Tel. 1")
        self.assertNotIn("x", found.values())
        self.assertEqual(len(found), len(list(found)))
        self.assertEqual(found.told["room_name"], "Told")
        self.assertEqual(found.told["sender_avatar_url"], "")
        self.assertEqual(facts(VALIDATION, ABOUT).told, {})

    @given(st.sampled_from(HOSTILE) | st.text())
    def test_names_are_one_line(self, name: str) -> None:
        """Without what turns text round, or hides in it, and not too long."""
        found = facts(evolve(INVITE, sender_name=name, room_name=name), ABOUT)
        for value in found.values():
            self.assertFalse(set(value) & set("\r\n\x00\u202e\u200b\u2028"))
            value.encode()
        for key in ("ROOM_NAME", "SENDER_NAME"):
            self.assertLessEqual(len(found[key]), NAME_LENGTH)

    def test_names_are_no_links(self) -> None:
        """Those that stand for a name, and the copies that a homeserver told, too."""
        name = "Win at https://evil.example/now"
        bare = {"sender": UserId("win", "evil.example"), "room_id": "!a:evil.example"}
        told = {"room_name": name, "sender_display_name": name * 3, "url": name}
        for changes in ({"sender_name": name, "room_name": name}, bare):
            empty: Any = {"sender_name": None, "room_name": None, "facts": told}
            found = facts(evolve(INVITE, **{**empty, **changes}), ABOUT)
            for key in (
                "SENDER_NAME",
                "SENDER_NAME_OR_ID",
                "SENDER_DISPLAY_NAME",
                "ROOM_NAME",
                "ROOM_NAME_OR_ID",
            ):
                self.assertEqual(linked(found[key]), [], key)
            for key in ("room_name", "sender_display_name"):
                self.assertEqual(linked(found.told[key]), [], key)
                self.assertLessEqual(len(found.told[key]), NAME_LENGTH)
            # What is data stays as it is: templates make addresses of it.
            self.assertEqual(found["URL"], name)
        self.assertEqual(found["SENDER_ID"], "@win:evil.example")
        self.assertEqual(found["ROOM_ID"], "!a:evil.example")

    def test_the_name_of_the_service(self) -> None:
        """The one that the operator gave it, or else the domain."""
        named = evolve(ABOUT, service_name="Chat\nat Example")
        for about, expected in ((ABOUT, "example.org"), (named, "Chat at Example")):
            self.assertEqual(facts(UNBIND, about)["SERVICE_NAME"], expected)


class OneLineTests(SynchronousTestCase):
    def test_lines(self) -> None:
        """White space is one space; a long text ends with dots."""
        for text, expected in (
            ("a\r\n b\t c ", "a b c"),
            ("Zoë 👩\u200d🚀", "Zoë 👩\u200d🚀"),
            ("a\u202eb", "ab"),
            ("abcdef", "abcd…"),
            ("Qui\u00a0?", "Qui\u00a0?"),
            ("a\u00a0\u00a0 b\u2003c", "a b c"),
        ):
            self.assertEqual(one_line(text, 4 if text == "abcdef" else None), expected)

    def test_headers(self) -> None:
        """A blank that keeps two words together stays one."""
        self.assertEqual(header_line("Qui\u00a0? =?x"), "Qui\u00a0? = ?x")
