"""The short links in messages about invites, as browsers and others open them."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs

from mxisd.errors import RecordsUnavailable
from mxisd.features.invitations import InvitePolicy
from mxisd.importing.writing import write_invites
from mxisd.model.web_clients import LOCATION, WebClient, WebClients
from mxisd.web.pages.texts import ALL, GERMAN
from mxisd.web.routes import ADMIN
from tests.records.invite_contract import INVITE
from tests.web.test_invitations import EVE, EVE_ID, InvitationCase
from tests.web.world import OPERATORS_TOKEN, PUBLIC_URL, Answer

APP = "https://app.example.org"
PLACE = "/_matrix/identity/i"


class ShortLinkTests(InvitationCase):
    def setUp(self) -> None:
        """Invite Eve; the operator trusts the client of her inviter's homeserver."""
        super().setUp()
        self.trust(WebClients(allowed=frozenset({WebClient.parse(APP)})))
        self.stored = self.store(**{LOCATION: APP})
        link = self.world.notifier.invites[-1].register_url
        assert link is not None
        self.assertTrue(link.startswith(PUBLIC_URL + PLACE), link)
        self.path = link.removeprefix(PUBLIC_URL)

    def trust(self, clients: WebClients) -> None:
        """Build the API again, where the operator names other clients."""
        self.world.web_clients = clients
        self.restart(**self.world.settings)

    def open(self, path: str, method: str = "GET", language: str = "en") -> Answer:
        """Follow a link, as far as we lead."""
        return self.ask(method, path, headers={"Accept-Language": language})

    def assert_discreet(self, answer: Answer) -> None:
        """Neither caches nor other sites learn of the link."""
        self.assertEqual(answer.headers["Cache-Control"], "no-store")
        self.assertEqual(answer.headers["Referrer-Policy"], "no-referrer")

    def assert_over(self, path: str) -> None:
        """There is a page that says so, in the reader's language."""
        for language, texts in ALL.items():
            answer = self.open(path, language=language)
            self.assertEqual(answer.status, 404)
            self.assertIn(texts.over, answer.body.decode())
            self.assertEqual(answer.headers["Content-Language"], language)
            self.assertNotIn("Location", answer.headers)
            self.assert_discreet(answer)

    def test_a_link_leads_to_the_client(self) -> None:
        """As often as it is opened, with what it takes to accept the invite."""
        for _ in range(2):
            answer = self.open(self.path)
            self.assertEqual((answer.status, answer.body), (303, b""))
            link = answer.headers["Location"]
            self.assertTrue(link.startswith(f"{APP}/#/room/%21room?"), link)
            self.assert_discreet(answer)
        _, _, query = urlsplit(link).fragment.partition("?")
        sign = urlsplit(parse_qs(query)["signurl"][0])
        self.assertEqual(f"{sign.scheme}://{sign.netloc}", PUBLIC_URL)
        answer = self.ask("POST", f"{sign.path}?{sign.query}&mxid=%40eve%3Afar.org")
        self.assertEqual(answer.content["token"], self.stored["token"])

    def test_a_client_that_nobody_trusts(self) -> None:
        """It shows the room; neither it nor the way there knows a secret."""
        self.trust(WebClients())
        answer = self.open(self.path)
        expected = f"{APP}/#/room/%21room?via=example.org"
        self.assertEqual((answer.status, answer.headers["Location"]), (303, expected))

    def test_a_look_tells_nothing(self) -> None:
        """HEAD is what link checkers send; links that lead nowhere are no different."""
        for path in (self.path, f"{PLACE}?{'0' * 22}", PLACE):
            answer = self.open(path, "HEAD")
            self.assertEqual((answer.status, answer.body), (200, b""))
            self.assertNotIn("Location", answer.headers)
            self.assert_discreet(answer)

    def test_opening_changes_nothing(self) -> None:
        """Mail scanners open links; the invite is pending all the same."""
        for method in ("GET", "HEAD", "GET"):
            self.open(self.path, method)
        self.assertTrue(self.is_valid(self.stored["public_keys"][1]["public_key"]))
        self.assertEqual(self.told(), [])
        self.assertEqual(len(self.world.notifier.invites), 1)

    def test_who_has_registered(self) -> None:
        """They are led to the room, to which they are invited by now."""
        self.known(EVE, EVE_ID)
        answer = self.open(self.path)
        expected = f"{APP}/#/room/%21room?via=example.org"
        self.assertEqual((answer.status, answer.headers["Location"]), (303, expected))

    def test_an_invite_that_is_over(self) -> None:
        """Its link says so."""
        self.world.invite_policy = InvitePolicy(expires_after_ms=1)
        self.invitations = self.world.invitations()
        self.world.clock.advance(1)
        self.sweep()
        self.assert_over(self.path)

    def test_links_that_never_were(self) -> None:
        """Or were cut off: the same page."""
        for path in (
            PLACE,
            f"{PLACE}?",
            self.path[:-1],
            f"{PLACE}?a=b&c",
            f"{PLACE}?%00",
        ):
            answer = self.open(path)
            self.assertEqual(answer.status, 400 if "%00" in path else 404, path)
            self.assertIn(ALL["en"].over, answer.body.decode())
        self.assert_over(self.path + "x")

    def test_what_others_do_to_links(self) -> None:
        """Some add an equals sign, some parameters of their own."""
        for path in (f"{self.path}=", f"{self.path}&utm_source=mail", f"{self.path}&x"):
            self.assertEqual(self.open(path).status, 303, path)

    def test_tables_that_cannot_be_asked(self) -> None:
        """The reader is asked to come again; that is no end of the invite."""

        def fail(*_parameters: Any) -> Any:
            raise RecordsUnavailable("full")

        database: Any = self.world.invite_database
        database.rows = fail
        answer = self.open(self.path, language="de")
        self.assertEqual(answer.status, 503)
        self.assertIn(GERMAN.later, answer.body.decode())

    def test_it_is_always_served(self) -> None:
        """Mails link to it, whichever versions of the API are open."""
        self.restart(v1=False, v2=False)
        self.assertEqual(self.open(self.path).status, 303)

    def test_the_log_keeps_quiet(self) -> None:
        """It knows neither the code nor where it leads."""
        with capturedLogs() as events:
            for method in ("GET", "HEAD", "POST"):
                self.open(self.path, method)
        code = self.path.partition("?")[2]
        for secret in (code, self.stored["token"], EVE.address):
            self.assertNotIn(secret, repr(events))

    def test_invites_of_other_servers(self) -> None:
        """Or of earlier versions: they get a link when their message is sent again."""
        imported = evolve(
            INVITE, token="imported", threepid=EVE, facts={LOCATION: APP}, key=None
        )
        self.successResultOf(
            Deferred.fromCoroutine(
                self.world.invite_database.transact(
                    lambda tx: write_invites(tx, [imported])
                )
            )
        )
        path = f"{ADMIN}/invites/imported/resend"
        answer = self.post(path, token=OPERATORS_TOKEN)
        self.assertEqual(answer.status, 200, answer.body)
        link = self.world.notifier.invites[-1].register_url or ""
        answer = self.open(link.removeprefix(PUBLIC_URL))
        self.assertEqual(answer.status, 303)
        self.assertIn("/%21room?email=eve%40example.org", answer.headers["Location"])
