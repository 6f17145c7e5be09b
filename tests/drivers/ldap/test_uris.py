from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.drivers.ldap.operations import Scope
from mxisd.drivers.ldap.server import Security
from mxisd.drivers.ldap.uris import Uri


class UriTests(SynchronousTestCase):
    """What servers point to."""

    def test_parts(self) -> None:
        """Host, port, base and scope are read; the rest is passed over."""
        for text, uri in (
            ("ldap://b", Uri(False, "b")),
            ("LDAPS://B.Example:1636/", Uri(True, "b.example", 1636)),
            ("ldap://b/dc=x,dc=y", Uri(False, "b", None, "dc=x,dc=y")),
            ("ldap://b/ou=A%20%C3%BC??one", Uri(False, "b", None, "ou=A ü", Scope.ONE)),
            (
                "ldap://[2001:db8::1]:389/dc=x?cn,mail?SUB?(a=b)?e=f",
                Uri(False, "2001:db8::1", 389, "dc=x", Scope.SUBTREE),
            ),
            ("ldap://b/dc=x????", Uri(False, "b", None, "dc=x")),
            ("ldap://b/dc=x??base", Uri(False, "b", None, "dc=x", Scope.BASE)),
        ):
            self.assertEqual(Uri.parse(text), uri, text)

    def test_what_cannot_be_followed(self) -> None:
        """Other schemes, no host, no port, no text."""
        for text in (
            "",
            "ldap:///dc=x",
            "ldapi://%2Frun%2Fldapi",
            "http://b/",
            "ldap://user@b/",
            "ldap://b:0/",
            "ldap://b:99999/",
            "ldap://b/dc=%FF",
            "ldap://b/dc=x??many",
            "ldap://b/" + "x" * 5000,
        ):
            self.assertRaises(ValueError, Uri.parse, text)

    @given(st.text(max_size=60) | st.text("ldaps:/[]%?#0123", max_size=40))
    def test_noise(self, text: str) -> None:
        """Any text is a URI or a ``ValueError``."""
        for each in (text, f"ldap://b{text}", f"ldap://b/{text}"):
            try:
                uri = Uri.parse(each)
            except ValueError:
                continue
            self.assertTrue(uri.host)

    def test_never_less_tls(self) -> None:
        """Ports change where TLS begins with the first byte; ``ldaps`` stays so."""
        for text, security, port, result in (
            ("ldap://b", Security.NONE, 389, Security.NONE),
            ("ldap://b", Security.START_TLS, 389, Security.START_TLS),
            ("ldap://b", Security.TLS, 636, Security.TLS),
            ("ldap://b:389", Security.TLS, 636, Security.TLS),
            ("ldap://b:3268", Security.TLS, 3269, Security.TLS),
            ("ldap://b:1389", Security.TLS, 1389, Security.TLS),
            ("ldaps://b", Security.NONE, 636, Security.TLS),
            ("ldaps://b:1636", Security.START_TLS, 1636, Security.TLS),
        ):
            uri = Uri.parse(text)
            self.assertEqual(uri.address(security).port, port)
            self.assertEqual(uri.security(security), result)
