"""Tests of Google's signing keys."""

from typing import Any

from treq.testing import StubTreq
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Request

from mxisd.errors import StoreUnavailable
from mxisd.stores.firebase.keys import SigningKeys
from tests.integration.firebase_backend import signing_key


class Page(Resource):
    """One text for every path."""

    isLeaf = True

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def render(self, request: Request) -> bytes:
        """That text."""
        return self.text.encode()


class KeysTests(SynchronousTestCase):
    """What may be shown as keys."""

    def shown(self, text: str) -> Any:
        """The first key of such a page."""
        keys = SigningKeys(StubTreq(Page(text)), Clock(), "http://google.test/")
        return keys.key("k1")

    def test_what_is_no_key_is_left_out(self) -> None:
        """Weak keys and broken certificates do not spoil the good ones."""
        good = signing_key("first").certificate.replace("\n", "\\n")
        weak = signing_key("weak", 1024).certificate.replace("\n", "\\n")
        page = f'{{"k0": 5, "k2": "-----BEGIN", "k3": "{weak}", "k1": "{good}"}}'
        key = self.successResultOf(self.shown(page))
        public_key = signing_key("first").private_key.public_key()
        self.assertEqual(key.public_numbers(), public_key.public_numbers())

    def test_no_key_at_all(self) -> None:
        """The store cannot answer."""
        weak = signing_key("weak", 1024).certificate.replace("\n", "\\n")
        for page in ("{}", f'{{"k1": "{weak}"}}', '{"k1": null}', "[]", "5", ""):
            self.failureResultOf(self.shown(page), StoreUnavailable)
