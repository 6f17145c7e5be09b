"""Names that strangers chose, before people read them."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.notify.names import NAME_LENGTH, QUOTES, cut, harmless, quoted, shown_id
from tests.notify.links import linked


class HarmlessTests(SynchronousTestCase):
    def test_no_link_is_left(self) -> None:
        """Of whatever programs take for one, and it can still be read."""
        for name, expected in (
            ("Win at https://evil.example", "Win at https: //evil. example"),
            ("evil.example/login", "evil. example/login"),
            ("www.evil.example", "www. evil. example"),
            ("WWW.2evil", "WWW. 2evil"),
            ("HTTPS://EVIL/x", "HTTPS: //EVIL/x"),
            ("mail eve@evil.example", "mail eve@evil. example"),
            ("mailto:eve@evil", "mailto: eve@evil"),
            ("tel:+4930123456", "tel: +4930123456"),
            ("http://2130706433/", "http: //2130706433/"),
            ("router 192.0.2.1", "router 192. 0. 2. 1"),
            ("1.2.3.4.5.6.7", "1. 2. 3. 4. 5. 6. 7"),
            (r"\\evil\share", r"\evil\share"),
            ("evil。example", "evil。 example"),
            ("evil․example", "evil․ example"),
            ("evil．example", "evil． example"),
            ("бар.рф", "бар. рф"),
            ("evil.\u200dexample", "evil. \u200dexample"),
            ("evil.\u00adexample", "evil. \u00adexample"),
        ):
            self.assertEqual(harmless(name), expected)
            self.assertEqual(linked(harmless(name)), [], name)

    def test_usual_names_stay(self) -> None:
        """What nobody links is not touched."""
        for name in (
            "Tea party",
            "Dr. Zoë Müller-Łukasz",
            "Samstag, 12.11.2026, 20:15 Uhr",
            "Version 1.2…",
            "AC/DC & friends :-)",
            "Was nun? Na ja...",
            "田中さん",
            "Tom 👩\u200d🚀",
            "c:\\temp",
        ):
            self.assertEqual(harmless(name).replace("c: ", "c:"), name)

    def test_initials_are_set_apart(self) -> None:
        """As they should be anyway."""
        self.assertEqual(harmless("J.R.R.Tolkien"), "J. R. R. Tolkien")

    def test_long_names_are_cut(self) -> None:
        """With what made them harmless; dots say so."""
        self.assertEqual(NAME_LENGTH, 60)  # as the manual says
        self.assertEqual(harmless("x" * 60), "x" * 60)
        self.assertEqual(harmless("x" * 300), "x" * (NAME_LENGTH - 1) + "…")
        self.assertLessEqual(len(harmless("a.b" * 100)), NAME_LENGTH)
        self.assertEqual(cut("ab cd", 4), "ab…")
        self.assertEqual(cut("👩\u200d🚀 x", 3), "👩…")

    @given(st.text("ab.:/@w。 \u200d1", max_size=40))
    def test_any_text(self, name: str) -> None:
        """Nothing in it is a link, and doing it again changes nothing."""
        found = harmless(name)
        self.assertEqual(linked(found), [])
        self.assertEqual(harmless(found), found)


class QuotedTests(SynchronousTestCase):
    def test_marks(self) -> None:
        """Each language has its own."""
        for language, expected in (
            ("en", "“Tom”"),
            ("de", "„Tom“"),
            ("fr", "«\u00a0Tom\u00a0»"),
        ):
            self.assertEqual(quoted("Tom", QUOTES[language]), expected)

    def test_nobody_ends_the_quotation(self) -> None:
        """Marks of any kind inside of it are single ones."""
        for sign in '“”„‟«»"＂〝〞〟❝❞':
            name = f"Tea{sign} is over. Call {sign}1"
            for language in ("en", "de", "fr"):
                found = quoted(name, QUOTES[language])
                self.assertNotIn(sign, found[1:-1])
                self.assertIn("Tea' is over. Call '1", found)

    def test_names_from_right_to_left(self) -> None:
        """They turn nothing round that stands beside them; others need no sign."""
        for name in ("שלום 1", "سلام"):
            self.assertEqual(quoted(name, QUOTES["en"]), f"“\u2068{name}\u2069”")


class ShownIdTests(SynchronousTestCase):
    def test_of_strangers(self) -> None:
        """An ID is no link, either: its owner may own the domain."""
        for given_id, expected in (
            ("@tom:evil.example", "@tom:evil. example"),
            ("@evil.example/x:example.org", "@evil. example/x:example.org"),
            ("@tom:example.org:8448", "@tom:example. org: 8448"),
            ("!tea:evil.example", "!tea:evil. example"),
            ("!opaque", "!opaque"),
        ):
            found = shown_id(given_id, "example.org")
            self.assertEqual(found, expected)

    def test_ours_stay(self) -> None:
        """Our own domain is a link to ourselves."""
        self.assertEqual(
            shown_id("@tom:example.org", "example.org"), "@tom:example.org"
        )

    def test_long_ones(self) -> None:
        """Both halves are cut, so that one sees where it is from."""
        found = shown_id(f"@{'x' * 200}:{'y' * 30}.evil", "example.org")
        self.assertLess(len(found), 110)
        self.assertIn("…:yyyy", found)
