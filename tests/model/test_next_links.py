"""Where people are led after they opened a link."""

from urllib.parse import parse_qsl, urlsplit

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.model.next_links import followable, web_origin, with_sid

GOOD = (
    "https://app.example.org",
    "http://app.example.org:8080/#/register?x=y",
    "HTTPS://App.Example.org/a%20b?c=d&e#f",
    "https://[::1]:8443/",
    "https://example.org/ünterwegs?q=ß",
)
BAD = (
    "",
    "/relative",
    "//example.org/",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "data:text/html,hello",
    "vector://vector/webapp/",
    "https:",
    "https:///path",
    "https://",
    "https:app.example.org",
    "https://app.example.org@evil.example/",
    "https://user:pass@app.example.org/",
    "https://evil.example\\@app.example.org/",
    "https://app.example.org\\.evil.example/",
    "https://app.example.org:port/",
    "https://[::1",
    "https://münchen.example/",
    "https://app.example.org;script-src/",
    "https://app.example.org/\r\nSet-Cookie: a=b",
    "https://app.example.org/\u202e",
    "https://app.example.org/a b",
    " https://app.example.org/",
    "https://app.example.org/" + "a" * 5000,
)


class FollowableTests(SynchronousTestCase):
    def test_the_web_can_be_reached(self) -> None:
        """http and https, by any host that is written plainly."""
        for link in GOOD:
            self.assertTrue(followable(link, None), link)

    def test_nothing_else_can(self) -> None:
        """Other schemes, tricks with the host, and what is no URL."""
        for link in BAD:
            self.assertFalse(followable(link, None), link)

    def test_hosts_can_be_chosen(self) -> None:
        """The whole name counts, in any case, on any port."""
        hosts = frozenset({"app.example.org", "[::1]"})
        self.assertEqual(
            [link for link in GOOD if followable(link, hosts)], list(GOOD[:4])
        )
        for link in ("https://sub.app.example.org/", "https://app.example.org.evil/"):
            self.assertFalse(followable(link, hosts))
        self.assertFalse(followable(GOOD[0], frozenset()))

    @given(st.text(max_size=60))
    def test_every_followable_link_fits_a_header(self, rest: str) -> None:
        """Whatever follows the host, a Location header is one line of ASCII."""
        link = f"https://app.example.org/{rest}"
        if followable(link, None):
            location = with_sid(link, "abc")
            self.assertTrue(location.isascii() and location.isprintable())
            self.assertTrue(location.startswith("https://app.example.org/"))

    @given(st.text())
    def test_any_text_is_judged(self, text: str) -> None:
        """Nothing makes the judgement fail."""
        followable(text, None)
        followable(f"https://{text}", None)


class WithSidTests(SynchronousTestCase):
    def test_the_session_joins_the_query(self) -> None:
        """What the link had stays, its fragment too."""
        cases = {
            "https://a.org": "https://a.org?sid=x.y",
            "https://a.org/p?": "https://a.org/p?sid=x.y",
            "https://a.org/p?q=1&r=#/f?g=h": "https://a.org/p?q=1&r=&sid=x.y#/f?g=h",
            "https://a.org/%C3%BC?q=%26": "https://a.org/%C3%BC?q=%26&sid=x.y",
            "https://a.org/ü": "https://a.org/%C3%BC?sid=x.y",
        }
        for link, expected in cases.items():
            self.assertEqual(with_sid(link, "x.y"), expected)

    def test_odd_session_ids_are_escaped(self) -> None:
        """An ``=`` in a session ID arrives as it was."""
        query = urlsplit(with_sid("https://a.org/?b=c", "a=b")).query
        self.assertEqual(parse_qsl(query), [("b", "c"), ("sid", "a=b")])

    def test_the_origin_alone(self) -> None:
        """Scheme, host and port, for a content policy."""
        self.assertEqual(web_origin("http://a.org:81/b?c#d"), "http://a.org:81")
