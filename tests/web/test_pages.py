"""The pages for people."""

import hashlib
import re
from base64 import b64encode
from html.parser import HTMLParser
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mxisd.errors import (
    NoValidSession,
    RecordsUnavailable,
    SessionExpired,
    TokenIncorrect,
)
from mxisd.web.exchange import Reply
from mxisd.web.pages import OwnPages, Pages
from mxisd.web.pages.texts import ALL, ENGLISH, FRENCH, GERMAN, Texts, texts_in

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
        self.pages = Pages(OwnPages())

    def all_pages(self, language: str = "en") -> list[Reply]:
        """One of each."""
        languages = (language,)
        return [
            self.pages.success(languages, "email"),
            self.pages.success(languages, "msisdn"),
            self.pages.failure(languages, 404, NoValidSession("no")),
            self.pages.failure(languages, 400, SessionExpired("no")),
            self.pages.failure(languages, 503, RecordsUnavailable("no")),
            self.pages.question(languages, "email", "confirm", FIELDS, None),
            self.pages.question(languages, "msisdn", "confirm", FIELDS, "https://a/"),
        ]

    def test_they_are_whole(self) -> None:
        """Every element ends; language, title, heading and main part are there."""
        for language in ALL:
            for reply in self.all_pages(language):
                elements = Elements(reply)
                self.assertEqual(elements.open, [])
                self.assertEqual(elements.named("html"), [{"lang": language}])
                for name in ("title", "main", "h1"):
                    self.assertEqual(len(elements.named(name)), 1, name)
                self.assertEqual(header(reply, b"Content-Language"), language)

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
        for reply in self.all_pages()[:5]:
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

    def test_own_pages_are_served_as_they_are(self) -> None:
        """Byte for byte, with the status that belongs to them."""
        pages = Pages(OwnPages(b"\xffyes $title", b"no"))
        success = pages.success(("de",), "email")
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
        said = [text for each in ALL.values() for text in (each.expired, each.button)]
        self.assertEqual(len(set(said)), len(said))
