"""Our own mails in a real browser, as mail programs of today show them."""

from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from mxisd.model.colours import DARK, LIGHT
from mxisd.notify.own_words import LANGUAGES
from tests.integration.chromium import Chromium, Tab, program
from tests.notify.fakes import VALIDATION
from tests.notify.written import ROOM_NOTICES, written

WIDTHS = (320, 1280)
CARD_WIDTH = 560
LONG_LINK = f"https://matrix.example.org/submitToken?sid={'x' * 150}"
MAILS = (
    evolve(VALIDATION, link=LONG_LINK),
    evolve(ROOM_NOTICES[0], sender_name="W" * 300, room_name="Ein Raum " * 30),
)


class MailLooksTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Start a browser."""
        program()
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        browser = Chromium(self.folder / "browser")
        self.addCleanup(browser.stop)
        self.tab = Tab(browser)

    def colour(self, element: str, name: str) -> str:
        """A colour of an element, as CSS has it."""
        found = f"document.querySelector('{element}')"
        rgb = self.tab.value(f"getComputedStyle({found}).{name}.match(/[0-9]+/g)")
        return "#" + "".join(f"{int(part):02x}" for part in rgb)

    def test_mails_fit_on_every_screen(self) -> None:
        """Nothing is cut off, and nobody scrolls sideways; a wide screen is no line."""
        page = self.folder / "mail.html"
        for language in LANGUAGES:
            for notice in MAILS:
                page.write_text(written(notice, language).html or "", encoding="utf-8")
                self.tab.open(page.as_uri())
                for width in WIDTHS:
                    self.tab.resize(width)
                    needed = self.tab.value("document.documentElement.scrollWidth")
                    self.assertLessEqual(needed, width)
                    card = "document.querySelector('.card').getBoundingClientRect()"
                    shown = self.tab.value(f"{card}.width")
                    self.assertEqual(shown, min(CARD_WIDTH, width - 24))

    def test_the_colours_of_day_and_night(self) -> None:
        """The reader's choice is everywhere in the mail."""
        page = self.folder / "mail.html"
        page.write_text(written(MAILS[0]).html or "", encoding="utf-8")
        self.tab.open(page.as_uri())
        for scheme, colours in (("light", LIGHT), ("dark", DARK)):
            self.tab.prefer(scheme)
            for element, text, ground in (
                ("body", None, colours.page),
                ("table.card", None, colours.card),
                ("h1", colours.text, None),
                ("td.wide", colours.text, None),
                ("td.small", colours.quiet, None),
                ("td.small a", colours.act, None),
                ("td.button a", colours.on_act, colours.act),
                ("td.foot", colours.quiet, None),
            ):
                if text is not None:
                    self.assertEqual(self.colour(element, "color"), text, element)
                if ground is not None:
                    found = self.colour(element, "backgroundColor")
                    self.assertEqual(found, ground, element)
