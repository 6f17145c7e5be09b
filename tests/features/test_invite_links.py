"""Tests of where people go who are invited."""

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from mxisd.features.invite_links import InviteLinks
from mxisd.model.invites import Invite
from mxisd.model.web_clients import LOCATION, WebClient, WebClients
from tests.features.invite_doubles import SIGN_URL, made_links
from tests.records.invite_contract import INVITE

NAMED = WebClient.parse("https://app.example.org")
UNNAMED = WebClient.parse("https://other.example/app")


def invited(location: str = "") -> Invite:
    """An invite whose inviter's homeserver names this client."""
    return evolve(INVITE, facts={LOCATION: location, "room_name": "Tea party"})


class TargetTests(SynchronousTestCase):
    def setUp(self) -> None:
        """The operator trusts one client."""
        self.warned: list[WebClient] = []
        self.links = self.make(WebClients(allowed=frozenset({NAMED})))

    def make(self, clients: WebClients) -> InviteLinks:
        """The links, where these clients are named."""
        return made_links(clients, self.warned)

    def test_a_client_that_the_operator_named(self) -> None:
        """It gets what it takes to accept the invite, and nobody is warned."""
        link = str(self.links.target(invited(str(NAMED))))
        self.assertTrue(link.startswith(f"{NAMED}/#/room/%21room?email="), link)
        for part in ("signurl", "private_key"):
            self.assertIn(part, link)
        self.links.notice(invited(str(NAMED)))
        self.assertEqual(self.warned, [])

    def test_a_client_that_the_operator_did_not_name(self) -> None:
        """It shows the room, without a secret; the operator hears of it."""
        link = self.links.target(invited(str(UNNAMED)))
        self.assertEqual(link, f"{UNNAMED}/#/room/%21room?via=example.org")
        notice = self.links.notice(invited(str(UNNAMED)))
        self.assertEqual(notice.room_url, link)
        self.assertEqual(self.warned, [UNNAMED])

    def test_the_operators_own_client(self) -> None:
        """Whatever a homeserver names: everybody goes there, with everything."""
        links = self.make(WebClients(ours=NAMED))
        for location in ("", str(UNNAMED)):
            link = str(links.target(invited(location)))
            self.assertTrue(link.startswith(f"{NAMED}/#/room/"), link)
            self.assertIn("private_key", link)
            links.notice(invited(location))
        self.assertEqual(self.warned, [])

    def test_no_client(self) -> None:
        """Then people go to the operator's domain, as templates know it."""
        for location in ("", "https://app.example.org@evil.example"):
            self.assertIsNone(self.links.target(invited(location)))
            self.assertIsNone(self.links.notice(invited(location)).register_url)
        self.assertEqual(self.warned, [])

    def test_whose_signature_it_is(self) -> None:
        """Clients are told where we sign."""
        link = str(self.links.target(invited(str(NAMED))))
        self.assertIn(
            "signurl=" + SIGN_URL.replace(":", "%3A").replace("/", "%2F"), link
        )
