"""What it takes to accept an invite, for templates."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

import mxisd
from mxisd.model.invite_links import notice_of
from mxisd.model.invites import Invite
from mxisd.notify.engines import Place, template
from mxisd.notify.facts import Facts, facts
from tests.notify.fakes import ABOUT
from tests.records.invite_contract import INVITE

SIGN = "https://id.example.org/sign"
KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
SIGN_URL = f"{SIGN}?token=first&private_key={KEY}"
NAMES = (
    "INVITE_TOKEN",
    "INVITE_PRIVATE_KEY",
    "INVITE_SIGN_URL",
    "INVITE_SIGN_URL_URL_ENCODED",
)


def known(invite: Invite) -> Facts:
    """What can be said about an invite."""
    return facts(notice_of(invite, None, SIGN), ABOUT)


class InviteFactsTests(SynchronousTestCase):
    def test_values(self) -> None:
        """The key is in an alphabet that can stand in links as it is."""
        found = known(INVITE)
        expected = ("first", KEY, SIGN_URL, quote(SIGN_URL, safe=""))
        self.assertEqual(tuple(found[name] for name in NAMES), expected)
        self.assertEqual(quote(KEY, safe=""), KEY)

    def test_an_invite_that_another_server_made(self) -> None:
        """We have no key; templates show nothing there, and do not fail."""
        found = known(evolve(INVITE, key=None))
        self.assertEqual(tuple(found[name] for name in NAMES), ("first", "", "", ""))

    def test_homeservers_have_no_say(self) -> None:
        """Whatever they call what they tell."""
        told = {name.lower(): "evil" for name in NAMES}
        found = known(evolve(INVITE, facts=told))
        self.assertNotIn("evil", [found[name] for name in NAMES])

    def test_templates(self) -> None:
        """Links to a client, of either kind of template, sign the invite."""
        app = "https://app/#/room/x?email=y&signurl="
        for source, is_jinja in (
            (f"{app}%INVITE_SIGN_URL_URL_ENCODED%", False),
            (app + "{{ invite_sign_url | urlencode }}", True),
            (
                app + "{{ 'https://id.example.org/sign?token=' | urlencode }}"
                "{{ invite_token }}%26private_key%3D{{ invite_private_key }}",
                True,
            ),
        ):
            link = template(source, Place.TEXT, is_jinja=is_jinja)(known(INVITE))
            query = urlsplit(link).fragment.partition("?")[2]
            self.assertEqual(parse_qs(query)["signurl"], [SIGN_URL])

    def test_templates_of_sydent(self) -> None:
        """What the documentation calls their variables here is there."""
        page = (
            Path(mxisd.__file__).parent.parent / "docs/notifications.rst"
        ).read_text()
        table = page.partition("\nsydent  ")[2].partition("Senders of your own")[0]
        names = set(re.findall(r"``([A-Z_]+)``", table))
        self.assertGreaterEqual(names, {*NAMES[:3], "ROOM_NAME", "SENDER_ID"})
        told = {"org.matrix.web_client_location": "https://app"}
        self.assertEqual(names - set(known(evolve(INVITE, facts=told))), set())

    def test_nothing_shows_them_by_accident(self) -> None:
        """Neither a notice nor what templates are given does, in a log."""
        notice: Any = notice_of(INVITE, None, SIGN)
        for shown in (repr(notice), repr(known(INVITE)), str(notice)):
            for secret in (KEY, "first", SIGN):
                self.assertNotIn(secret, shown)
