"""The links of messages, as browsers open them."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from twisted.internet.defer import CancelledError

from mxisd.errors import LimitExceeded, RecordsUnavailable
from mxisd.features.validation import ValidationPolicy
from mxisd.model.sessions import LIFE_MS
from mxisd.web.pages import OwnPages
from tests.features.session_doubles import MemorySessions
from tests.web.sessions import FORM, ValidationTestCase
from tests.web.world import V1, V2, Answer

NEXT = "https://app.example.org/?a=b#/c"


class LinkTests(ValidationTestCase):
    """What people see who open the link."""

    def link(self, base: str = V2, **changes: Any) -> str:
        """The link of a message."""
        self.begun(base, **changes)
        return self.world.notifier.last.link

    def test_a_link_proves_the_address(self) -> None:
        """Without login, as often as it is opened, in the reader's language."""
        for base in (V1, V2):
            given = self.begun(base)
            link = self.world.notifier.last.link
            for language, text in (("fr", "confirmée"), ("de", "bestätigt")):
                answer = self.open(link, language)
                self.assertEqual(answer.status, 200)
                self.assertIn(text, answer.body.decode())
                self.assertEqual(
                    answer.headers["Content-Type"], "text/html; charset=utf-8"
                )
            self.assertEqual(self.validated(given, base).status, 200)

    def test_the_page_says_what_was_proved(self) -> None:
        """The address, and for whom; who has no valid link learns no address."""
        self.begun()
        link = self.world.notifier.last.link
        answer = self.open(link)
        for text in ("alice@example.org", "Chat at Example"):
            self.assertIn(text, answer.body.decode())
        for broken in (link + "x", link.replace("client_secret=", "client_secret=x")):
            answer = self.open(broken)
            self.assertNotIn("alice@example.org", answer.body.decode())
            self.assertIn("Chat at Example", answer.body.decode())

    def test_a_look_proves_nothing(self) -> None:
        """HEAD is what link checkers send."""
        given = self.begun()
        answer = self.open(self.world.notifier.last.link, method="HEAD")
        self.assertEqual(answer.status, 200)
        self.assert_refused(self.validated(given), 400, "M_SESSION_NOT_VALIDATED")

    def test_links_out_of_html(self) -> None:
        """Somebody copied it with its ``&amp;``."""
        link = self.link().replace("&", "&amp;")
        self.assertEqual(self.open(link).status, 200)

    def test_people_are_led_on(self) -> None:
        """With the session ID in the query; the second time, too."""
        given = self.begun(next_link=NEXT)
        for _ in range(2):
            answer = self.open(self.world.notifier.last.link)
            self.assertEqual(answer.status, 302)
            expected = f"https://app.example.org/?a=b&sid={given['sid']}#/c"
            self.assertEqual(answer.headers["Location"], expected)
            self.assertEqual(answer.headers["Referrer-Policy"], "no-referrer")

    def test_clients_are_not_led_on(self) -> None:
        """A POST is answered, never redirected."""
        given = self.begun(next_link=NEXT)
        self.assertEqual(self.submit(given).content, {"success": True})

    def test_people_are_not_led_astray(self) -> None:
        """Other schemes, and hosts that are not allowed, end on our page."""
        self.world.validation_policy = ValidationPolicy(
            next_link_hosts={"app.example.org"}
        )
        self.restart()
        for number, link in enumerate(
            ("file:///etc", "javascript:1", "//x.org", "https://evil.example/", "")
        ):
            email = f"{number}@example.org"
            opened = self.open(self.link(next_link=link, email=email))
            self.assertEqual(opened.status, 200, link)
            self.assertNotIn("Location", opened.headers)

    def test_failures_are_pages(self) -> None:
        """With the right status, in words that help."""
        link = self.link()
        cases = [
            (link + "x", 400, "not valid"),
            (link.replace("sid=", "sid=x"), 404, "not valid"),
            (link.partition("?")[0], 400, "not valid"),
        ]
        for broken, status, text in cases:
            answer = self.open(broken)
            self.assertEqual(answer.status, status)
            self.assertIn(text, answer.body.decode())
        self.world.clock.advance(LIFE_MS / 1000)
        answer = self.open(link)
        self.assertEqual(answer.status, 400)
        self.assertIn("a day", answer.body.decode())

    def test_a_problem_of_ours_is_a_page(self) -> None:
        """With 503."""

        class Broken(MemorySessions):
            async def judge(self, sid: str, on_token: Any) -> Any:
                raise RecordsUnavailable("gone")

        link = self.link()
        self.world.sessions = Broken(self.world.sessions.sessions)
        self.restart()
        answer = self.open(link)
        self.assertEqual(answer.status, 503)
        self.assertIn("a few minutes", answer.body.decode())

    def assert_page(self, answer: Answer, status: int, text: str) -> None:
        """A page that says something to people."""
        self.assertEqual(answer.status, status)
        self.assertEqual(answer.headers["Content-Type"], "text/html; charset=utf-8")
        self.assertEqual(answer.headers["Cache-Control"], "no-store")
        self.assertIn(text, answer.body.decode())

    def test_links_that_cannot_be_read_are_pages(self) -> None:
        """People mistype, and programs cut in the middle of a character."""
        for base in (V1, V2):
            link = self.link(base)
            for broken in (
                link + "%ff",
                link + "&x=%00",
                link.partition("?")[0] + "?token=%ff",
                link + "&x" * 200,
            ):
                self.assert_page(self.open(broken), 400, "not valid")
                self.assertEqual(self.open(broken, method="HEAD").body, b"")

    def failing(self, error: Exception) -> Answer:
        """Open a link while something goes wrong."""

        class Broken(MemorySessions):
            async def judge(self, sid: str, on_token: Any) -> Any:
                raise error

        link = self.link()
        self.world.sessions = Broken(self.world.sessions.sessions)
        self.restart()
        return self.open(link)

    def test_what_nobody_foresaw_is_a_page(self) -> None:
        """It is in the log, as ever."""
        self.assert_page(self.failing(KeyError("what")), 500, "a few minutes")
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_a_server_that_stops_is_a_page(self) -> None:
        """The link can be opened again."""
        self.assert_page(self.failing(CancelledError()), 503, "a few minutes")

    def test_too_much_at_once_is_a_page(self) -> None:
        """It says nothing bad of the link, and when to come back."""
        answer = self.failing(LimitExceeded(7))
        self.assert_page(answer, 429, "a few minutes")
        self.assertEqual(answer.headers["Retry-After"], "7")

    def test_the_path_names_the_medium(self) -> None:
        """A link of an e-mail proves no phone number, whatever is made of it."""
        given = self.begun()
        link = self.world.notifier.last.link
        for other in ("msisdn", "badge"):
            broken = link.replace("/validate/email/", f"/validate/{other}/")
            self.assert_page(self.open(broken), 404, "not valid")
        self.assert_refused(self.validated(given), 400, "M_SESSION_NOT_VALIDATED")

    def test_clients_get_no_pages(self) -> None:
        """A POST is a client's."""
        answer = self.ask("POST", f"{V1}/validate/email/submitToken?token=%ff")
        self.assert_refused(answer, 400, "M_INVALID_PARAM")

    def test_own_pages(self) -> None:
        """The operator's files are shown."""
        self.restart(pages=OwnPages(b"<p>yes", b"<p>no"))
        link = self.link()
        self.assertEqual(self.open(link + "%ff").body, b"<p>no")
        self.assertEqual(self.open(link).body, b"<p>yes")
        self.assertEqual(self.open(link + "x").body, b"<p>no")


class ButtonTests(ValidationTestCase):
    """With ``confirm``."""

    def setUp(self) -> None:
        """Ask first."""
        super().setUp()
        self.restart(asks_first=True)

    def press(
        self, given: Mapping[str, str], medium: str = "email", query: str = ""
    ) -> Answer:
        """Press the button."""
        path = f"{V2}/validate/{medium}/confirmToken{query}"
        return self.ask("POST", path, urlencode(given).encode(), headers=FORM)

    def test_the_link_alone_proves_nothing(self) -> None:
        """The page asks; the button proves, and again without harm."""
        given = self.begun()
        link = self.world.notifier.last.link
        for _ in range(2):
            answer = self.open(link)
            self.assertIn("<form", answer.body.decode())
            self.assertIn("alice@example.org", answer.body.decode())
        self.assert_refused(self.validated(given), 400, "M_SESSION_NOT_VALIDATED")
        for _ in range(2):
            answer = self.press(given)
            self.assertEqual(answer.status, 200)
            self.assertIn("confirmed", answer.body.decode())
        self.assertEqual(self.validated(given).status, 200)
        self.assertNotIn("<form", self.open(link).body.decode())

    def test_the_button_leads_on(self) -> None:
        """By 303, so that browsers get the next page; its host may be posted to."""
        given = self.begun(next_link=NEXT)
        asked = self.open(self.world.notifier.last.link)
        policy = asked.headers["Content-Security-Policy"]
        self.assertIn("form-action 'self' https://app.example.org;", policy)
        answer = self.press(given)
        self.assertEqual(answer.status, 303)
        self.assertIn(given["sid"], answer.headers["Location"])

    def test_clients_need_no_button(self) -> None:
        """They post the token."""
        self.assertEqual(self.submit(self.begun()).status, 200)

    def test_a_broken_link_has_no_button(self) -> None:
        """The reader learns at once."""
        self.begun()
        link = self.world.notifier.last.link.replace("sid=", "sid=x")
        self.assertEqual(self.open(link).status, 404)

    def test_the_path_names_the_medium(self) -> None:
        """There is no button for another one, and pressing it is of no use."""
        given = self.begun()
        link = self.world.notifier.last.link
        self.assertEqual(self.open(link.replace("/email/", "/msisdn/")).status, 404)
        self.assertEqual(self.press(given, "msisdn").status, 404)
        self.assert_refused(self.validated(given), 400, "M_SESSION_NOT_VALIDATED")

    def test_failures_are_pages(self) -> None:
        """Whoever presses it is somebody at a browser."""
        answers = [
            self.press(self.begun(), query="?x=%ff"),
            self.press({"x": "\0"}),
            self.press({}),
        ]
        for answer in answers:
            self.assertEqual(answer.status, 400)
            self.assertIn("<h1", answer.body.decode())

    def test_wrong_tokens_count_here_too(self) -> None:
        """Nobody guesses through the button."""
        given = self.begun()
        for _ in range(5):
            self.assertEqual(self.press(given | {"token": "0"}).status, 400)
        self.assertEqual(self.press(given).status, 404)
