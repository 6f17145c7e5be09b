"""Colours that most people can read."""

from twisted.trial.unittest import SynchronousTestCase

from mxisd.model.colours import DARK, LIGHT
from tests.contrast import LARGE_TEXT, TEXT, contrast


class ColoursTests(SynchronousTestCase):
    def test_contrasts(self) -> None:
        """Text, links, and buttons, by day and by night (WCAG AA)."""
        for scheme in (LIGHT, DARK):
            for text, ground in (
                (scheme.text, scheme.card),
                (scheme.quiet, scheme.card),
                (scheme.quiet, scheme.page),
                (scheme.act, scheme.card),
                (scheme.on_act, scheme.act),
                (scheme.bad, scheme.card),
            ):
                self.assertGreaterEqual(contrast(text, ground), TEXT, (text, ground))
            self.assertGreaterEqual(contrast(scheme.text, scheme.page), LARGE_TEXT)

    def test_day_and_night(self) -> None:
        """The one is dark on light, the other light on dark."""
        self.assertEqual(contrast("#fff", "#000000"), 21)
        self.assertGreater(contrast(LIGHT.page, "#000"), 15)
        self.assertGreater(contrast(DARK.page, "#fff"), 15)
