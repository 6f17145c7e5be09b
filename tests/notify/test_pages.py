"""The page about messages says what the code says."""

import re
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

import mxisd
from mxisd.config.loader import load
from mxisd.config.reference import render
from mxisd.notify.facts import facts
from mxisd.notify.gateway import GatewaySettings
from mxisd.notify.sendgrid import SendGridSettings
from mxisd.notify.smtp import SmtpSettings
from mxisd.notify.twilio import TwilioSettings
from mxisd.plugins import find_senders
from tests.config.fakes import FOUNDATION
from tests.notify.fakes import ABOUT, NOTICES

PAGE = Path(mxisd.__file__).parent.parent / "docs" / "notifications.rst"
SETTINGS: dict[str, Any] = {
    "smtp": SmtpSettings,
    "sendgrid": SendGridSettings,
    "twilio": TwilioSettings,
    "http": GatewaySettings,
}


class PageTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Read it."""
        self.page = PAGE.read_text(encoding="utf-8")

    def test_keys(self) -> None:
        """It ends with every key of every connector."""
        keys = "\n".join(
            render(settings, f"{name}.") for name, settings in SETTINGS.items()
        )
        _, _, written = self.page.partition("Keys of the connectors\n" + 22 * "-")
        self.assertEqual(written.strip(), keys.strip())

    def test_examples(self) -> None:
        """Each one loads without a warning."""
        found = re.findall(r"yaml\n\n((?:    .*\n|\n)+)", self.page)
        texts = [re.sub(r"(?m)^    ", "", each) for each in found]
        for text in (each for each in texts if "events:" not in each):
            loaded = load(
                FOUNDATION + text,
                environment=dict.fromkeys(re.findall(r"\$\{(\w+)\}", text), "x"),
                read_file=str,
                factories={},
                sender_factories=find_senders(),
            )
            self.assertEqual(loaded.warnings, ())

    def test_placeholders(self) -> None:
        """Each is named."""
        for notice in NOTICES:
            for name in facts(notice, ABOUT):
                self.assertIn(f"``{name.removesuffix('_URL_ENCODED')}``", self.page)
