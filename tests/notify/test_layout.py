"""HTML of mails that old programs show, too."""

import re

from attrs import asdict
from twisted.trial.unittest import SynchronousTestCase

from mxisd.model.colours import DARK, LIGHT
from mxisd.model.notices import UnbindNotice
from tests.notify.written import Elements, everything


class LayoutTests(SynchronousTestCase):
    """HTML that old programs show, too."""

    def test_it_is_whole(self) -> None:
        """Every element ends; language and direction are told."""
        for language, _, words in everything():
            elements = Elements(words.html or "")
            self.assertEqual(elements.open, [])
            (root,) = elements.named("html")
            self.assertEqual(root, {"lang": language, "dir": "ltr"})
            self.assertEqual(len(elements.named("h1")), 1)
            for picture in elements.named("img"):
                self.assertIn("alt", picture)

    def test_tables(self) -> None:
        """Cells have the padding, tables the width; programs read them as no tables."""
        for _, _, words in everything():
            elements = Elements(words.html or "")
            tables = elements.named("table")
            self.assertGreaterEqual(len(tables), 3)
            for table in tables:
                self.assertEqual(table["role"], "presentation")
                for name in ("cellpadding", "cellspacing", "border"):
                    self.assertEqual(table[name], "0")
            # Outlook for Windows knows no max-width, and no padding but that of cells.
            for tag, attributes in elements.found:
                style = attributes.get("style", "")
                if "max-width" in style:
                    self.assertRegex(attributes.get("width", ""), r"^\d+$", tag)
                if "padding:" in style.replace("padding: 0;", ""):
                    self.assertIn(tag, ("td", "a"))
            self.assertEqual(elements.named("div"), [])

    def test_the_button(self) -> None:
        """A cell with a colour and a padding, around a link with the same."""
        for _, notice, words in everything():
            elements = Elements(words.html or "")
            cells = [
                (cell, elements.found[at + 1])
                for at, (_, cell) in enumerate(elements.found)
                if cell.get("class") == "button"
            ]
            self.assertEqual(len(cells), 0 if isinstance(notice, UnbindNotice) else 1)
            for cell, (tag, link) in cells:
                self.assertEqual(cell["bgcolor"], LIGHT.act)
                self.assertIn("mso-padding-alt: 12px 24px", cell["style"])
                self.assertEqual(tag, "a")
                self.assertIn("padding: 12px 24px", link["style"])
                self.assertIn(f"background-color: {LIGHT.act}", link["style"])

    def test_colours(self) -> None:
        """None but those of the schemes, whose contrasts are known."""
        known = {*asdict(LIGHT).values(), *asdict(DARK).values()}
        for _, _, words in everything():
            found = set(re.findall(r"#[0-9a-f]{3,6}\b", words.html or ""))
            self.assertLessEqual(found, known)
            self.assertIn("prefers-color-scheme: dark", words.html or "")
            for colour in (DARK.page, DARK.card, DARK.text, DARK.quiet):
                self.assertIn(f"{colour} !important", words.html or "")
