"""The pages for people."""

import hashlib
import re
from base64 import b64encode
from html.parser import HTMLParser
from typing import Any

from attrs import asdict
from twisted.trial.unittest import SynchronousTestCase

from mxisd.errors import (
    NoValidSession,
    RecordsUnavailable,
    SessionExpired,
    TokenIncorrect,
    UnknownInvite,
)
from mxisd.model.colours import DARK, LIGHT
from mxisd.model.threepids import ThreePid, canonical
from mxisd.web.exchange import Reply
from mxisd.web.pages import OwnPages, Pages
from mxisd.web.pages.texts import ALL, ENGLISH, FRENCH, GERMAN, Texts, texts_in

EMAIL, PHONE = ThreePid("email", "bob@example.com"), ThreePid("msisdn", "447700900001")
SERVICE = "Chat & Co. at <Example>"
FIELDS = {"sid": "a", "client_secret": "b=.-", "token": "<b>\"'&amp;"}


class Elements(HTMLParser):
    """
    The elements of a page.

    :ivar open: Those that were begun and not ended.
    """

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(reply.body.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        """Note an element."""
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Elements end in order."""
        assert self.open.pop() == tag

    def named(self, name: str) -> list[dict[str, str | None]]:
        """The attributes of all elements of a name."""
        return [attributes for tag, attributes in self.found if tag == name]


def header(reply: Reply, name: bytes) -> str:
    """A header of a reply."""
    return dict(reply.headers)[name].decode()


class PagesTests(SynchronousTestCase):
    """The built-in ones."""

    def setUp(self) -> None:
        """Have pages."""
        self.pages = Pages(OwnPages(), SERVICE)

    def all_pages(self, language: str = "en") -> list[Reply]:
        """One of each."""
        languages = (language,)
        return [
            self.pages.success(languages, EMAIL),
            self.pages.success(languages, PHONE),
            self.pages.failure(languages, 404, NoValidSession("no")),
            self.pages.failure(languages, 400, SessionExpired("no")),
            self.pages.failure(languages, 503, RecordsUnavailable("no")),
            self.pages.uninvited(languages, 404, UnknownInvite("no")),
            self.pages.uninvited(languages, 503, RecordsUnavailable("no")),
            self.pages.question(languages, EMAIL, "confirm", FIELDS, None),
            self.pages.question(languages, PHONE, "confirm", FIELDS, "https://a/"),
        ]

    def test_they_are_whole(self) -> None:
        """Every element ends; language, title, heading and main part are there."""
        for language in ALL:
            for reply in self.all_pages(language):
                elements = Elements(reply)
                self.assertEqual(elements.open, [])
                expected = {"lang": language, "dir": "ltr"}
                self.assertEqual(elements.named("html"), [expected])
                for name in ("title", "main", "h1"):
                    self.assertEqual(len(elements.named(name)), 1, name)
                self.assertEqual(header(reply, b"Content-Language"), language)

    def test_whose_they_are(self) -> None:
        """Each has the name of the service, once more where it is asked for."""
        for language in ALL:
            pages = self.all_pages(language)
            for number, reply in enumerate(pages):
                name = "Chat &amp; Co. at &lt;Example&gt;"
                found = reply.body.decode().count(name)
                self.assertEqual(found, 2 if reply in pages[-2:] else 1, number)

    def test_which_address_they_are_about(self) -> None:
        """As people read it; a failure tells none, since nobody proved anything."""
        idn = canonical("email", "ann@xn--fa-hia.example")
        odd = ThreePid("email", "a{b}$c&d@example.com")
        for language in ALL:
            for threepid, shown in (
                (EMAIL, "bob@example.com"),
                (PHONE, "+447700900001"),
                (idn, "ann@faß.example"),
                (odd, "a{b}$c&amp;d@example.com"),
            ):
                for reply in (
                    self.pages.success((language,), threepid),
                    self.pages.question((language,), threepid, "confirm", {}, None),
                ):
                    expected = f'<strong dir="auto">{shown}</strong>'
                    self.assertEqual(reply.body.decode().count(expected), 1)
            for reply in self.all_pages(language)[2:5]:
                self.assertNotIn(b"<strong", reply.body)

    def test_colours(self) -> None:
        """Those of the mails, by day and by night, and no others."""
        for reply in self.all_pages():
            found = set(re.findall(r"#[0-9a-f]{3,6}\b", reply.body.decode()))
            known = {*asdict(LIGHT).values(), *asdict(DARK).values()}
            self.assertLessEqual(found, known)
            for scheme in (LIGHT, DARK):
                for name in ("page", "card", "text", "act", "on_act", "bad"):
                    self.assertIn(getattr(scheme, name), found)

    def test_they_need_nothing(self) -> None:
        """No script, no link, no picture, no address of anywhere."""
        for reply in self.all_pages():
            elements = Elements(reply)
            for name in ("script", "link", "img", "iframe", "a", "object"):
                self.assertEqual(elements.named(name), [])
            self.assertNotRegex(reply.body, rb"(?i)https?:|url\(|@import| on\w+=")
            self.assertNotIn(b"$", reply.body)

    def test_the_policy_allows_the_style_alone(self) -> None:
        """By its hash, which browsers compute of what they see."""
        for reply in self.all_pages():
            style = re.search(rb"<style>(.*)</style>", reply.body, re.DOTALL)
            assert style is not None
            digest = b64encode(hashlib.sha256(style[1]).digest()).decode()
            policy = header(reply, b"Content-Security-Policy")
            self.assertIn("default-src 'none'", policy)
            self.assertIn(f"style-src 'sha256-{digest}';", policy)
            self.assertIn("frame-ancestors 'none'", policy)

    def test_secrets_stay_where_they_are(self) -> None:
        """The address goes neither to other servers nor to caches."""
        for reply in self.all_pages():
            self.assertEqual(header(reply, b"Referrer-Policy"), "no-referrer")
            self.assertEqual(header(reply, b"Cache-Control"), "no-store")

    def test_the_form_holds_what_it_is_given(self) -> None:
        """Unchanged, whatever it looks like; and it goes nowhere else."""
        *_, plain, linked = self.all_pages()
        elements = Elements(plain)
        given = {each["name"]: each["value"] for each in elements.named("input")}
        self.assertEqual(given, FIELDS)
        self.assertEqual(
            elements.named("form"), [{"method": "post", "action": "confirm"}]
        )
        self.assertEqual(elements.named("button"), [{"type": "submit"}])
        self.assertNotIn(b"<b>", plain.body)
        policies = [header(r, b"Content-Security-Policy") for r in (plain, linked)]
        self.assertIn("form-action 'self';", policies[0])
        self.assertIn("form-action 'self' https://a;", policies[1])

    def test_only_the_form_goes_anywhere(self) -> None:
        """The other pages have none, and may have none."""
        for reply in self.all_pages()[:7]:
            self.assertEqual(Elements(reply).named("form"), [])
            policy = header(reply, b"Content-Security-Policy")
            self.assertIn("form-action 'none'", policy)

    def test_the_reason_is_told(self) -> None:
        """An old link, a wrong one, and a problem of ours are different texts."""
        for error, text in (
            (SessionExpired("x"), GERMAN.expired),
            (NoValidSession("x"), GERMAN.unknown),
            (TokenIncorrect("x"), GERMAN.unknown),
            (RecordsUnavailable("x"), GERMAN.later),
        ):
            reply = self.pages.failure(("de",), 400, error)
            self.assertIn(text, reply.body.decode())

    def test_an_invitation_that_is_over(self) -> None:
        """Is not one that we cannot look up now; nor does it concern any token."""
        pages = Pages(OwnPages(b"yes", b"no"), SERVICE)
        for error, title, text in (
            (UnknownInvite("x"), GERMAN.over, GERMAN.renew),
            (RecordsUnavailable("x"), GERMAN.failure, GERMAN.later),
        ):
            body = pages.uninvited(("de",), 400, error).body.decode()
            self.assertIn(f"<h1>{title}</h1>", body)
            self.assertIn(text, body)

    def test_own_pages_are_served_as_they_are(self) -> None:
        """Byte for byte, with the status that belongs to them."""
        pages = Pages(OwnPages(b"\xffyes $title", b"no"), SERVICE)
        success = pages.success(("de",), EMAIL)
        failure = pages.failure(("de",), 404, NoValidSession("x"))
        self.assertEqual((success.status, success.body), (200, b"\xffyes $title"))
        self.assertEqual((failure.status, failure.body), (404, b"no"))
        self.assertNotIn(b"Content-Security-Policy", dict(success.headers))
        self.assertEqual(header(failure, b"Referrer-Policy"), "no-referrer")


class TextsTests(SynchronousTestCase):
    """The languages."""

    def test_the_most_wanted_language_that_we_have(self) -> None:
        """Regions do not matter; English is for everybody else."""
        cases: dict[tuple[str, ...], Texts] = {
            (): ENGLISH,
            ("de",): GERMAN,
            ("de-AT", "en"): GERMAN,
            ("ja", "FR-ca", "de"): FRENCH,
            ("ja",): ENGLISH,
            ("deu",): ENGLISH,
        }
        for languages, expected in cases.items():
            self.assertIs(texts_in(languages), expected)

    def test_nothing_is_missing(self) -> None:
        """Each language says everything, in words of its own."""
        for media in (GERMAN.proved, GERMAN.asked, FRENCH.proved, FRENCH.asked):
            self.assertEqual(set(media), {"email", "msisdn"})
        for each in ALL.values():
            for text in (*each.proved.values(), *each.asked.values()):
                self.assertIn("{address}", text)
        said = [text for each in ALL.values() for text in (each.expired, each.button)]
        self.assertEqual(len(set(said)), len(said))

    def test_french_typography(self) -> None:
        """High signs never stand alone at the beginning of a line."""
        texts = asdict(FRENCH)
        media = (*texts.pop("proved").values(), *texts.pop("asked").values())
        for text in (*texts.values(), *media):
            self.assertNotRegex(text, "[^\u00a0][:;?!»]|«[^\u00a0]|'")
