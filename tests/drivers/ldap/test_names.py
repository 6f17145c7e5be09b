from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.drivers.ldap.names import domain_of, first_value

FIRST_VALUES = {
    "cn=Staff,ou=groups,dc=x": "Staff",
    "CN = Staff ,OU=x": "Staff",
    r"cn=A\, B,ou=x": "A, B",
    r"cn=A\2C B,ou=x": "A, B",
    r"cn=M\C3\BCller": "Müller",
    r"cn=a\+b+sn=c,ou=x": "a+b",
    r"cn=\FF": "\ufffd",
    "Staff": None,
    "": None,
    "=x": None,
}
DOMAINS = {
    "cn=x,dc=Corp,dc=example,dc=org": "corp.example.org",
    "cn=x,DC = a , DC = b": "a.b",
    r"cn=dc\=x,dc=a": "a",
    "dc=a,ou=x,dc=b": "b",
    "cn=x": "",
    "": "",
}


class NameTests(SynchronousTestCase):
    """What distinguished names tell."""

    def test_first_value(self) -> None:
        """Escapes are resolved; what is no name has no value."""
        for dn, value in FIRST_VALUES.items():
            self.assertEqual(first_value(dn), value, dn)

    def test_domain(self) -> None:
        """The domain is what the name ends with."""
        for dn, domain in DOMAINS.items():
            self.assertEqual(domain_of(dn), domain, dn)

    @given(st.text())
    def test_any_text(self, dn: str) -> None:
        """Whatever a directory holds, nothing is raised."""
        first_value(dn)
        domain_of(dn)
