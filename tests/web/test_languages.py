"""Which languages somebody reads."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.web.languages import accepted_languages, is_language


class LanguagesTests(SynchronousTestCase):
    def test_headers(self) -> None:
        """Sorted by weight, in order where that is the same, refused ones left out."""
        cases: dict[str, tuple[str, ...]] = {
            "": (),
            "de": ("de",),
            "fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5": ("fr-CH", "fr", "en", "de"),
            "en;q=0.2, de ; q=0.9,fr": ("fr", "de", "en"),
            "en;q=0, de;q=1.0": ("de",),
            "en;q=x, de;v=1, fr;q=-1, ,;,": (),
            "en\r\nX: y, d\u00e9": (),
        }
        for header, expected in cases.items():
            self.assertEqual(accepted_languages(header), expected, header)

    def test_long_headers_are_cut(self) -> None:
        """Nobody reads so many languages."""
        self.assertEqual(len(accepted_languages("en," * 10_000)), 10)

    @given(st.text())
    def test_any_header_is_read(self, header: str) -> None:
        """What comes out are language tags."""
        for tag in accepted_languages(header):
            self.assertTrue(is_language(tag))
