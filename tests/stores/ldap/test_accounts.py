from twisted.trial.unittest import SynchronousTestCase

from mxisd.drivers.ldap.decoder import Entry
from mxisd.stores.ldap.accounts import STATE_ATTRIBUTES, is_disabled

ON = (
    ("useraccountcontrol", b"512"),
    ("useraccountcontrol", b"66048"),
    ("useraccountcontrol", b"nonsense"),
    ("nsaccountlock", b"FALSE"),
    ("logindisabled", b"false"),
    ("sambaacctflags", b"[U          ]"),
    ("pwdaccountlockedtime", b"20260101000000Z"),
    ("description", b"514"),
)
OFF = (
    ("useraccountcontrol", b"514"),
    ("useraccountcontrol", b"66050"),
    ("nsaccountlock", b"TRUE"),
    ("nsaccountlock", b"true"),
    ("logindisabled", b"TRUE"),
    ("sambaacctflags", b"[UD         ]"),
    ("pwdaccountlockedtime", b"000001010000Z"),
)


class DisabledTests(SynchronousTestCase):
    """How products say that an account is switched off."""

    def test_signs(self) -> None:
        """Each product's own sign counts, and nothing that looks alike."""
        for name, value in ON:
            self.assertFalse(is_disabled(Entry(b"cn=x", {name: [value]})), name)
        for name, value in OFF:
            self.assertTrue(is_disabled(Entry(b"cn=x", {name: [value]})), name)
        self.assertFalse(is_disabled(Entry(b"cn=x", {})))

    def test_what_is_asked_for(self) -> None:
        """Every sign is among the attributes that are asked for."""
        asked = {name.lower() for name in STATE_ATTRIBUTES}
        self.assertEqual(asked, {name for name, _ in OFF})
