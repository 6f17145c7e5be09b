from twisted.trial.unittest import SynchronousTestCase

from mxisd.drivers.ldap.server import Address, SocketAddress


class AddressTests(SynchronousTestCase):
    """Addresses in messages."""

    def test_text(self) -> None:
        """An address is written as operators know it."""
        for address, text in (
            (Address("ldap.example.org", 389), "ldap.example.org:389"),
            (Address("::1", 636), "[::1]:636"),
            (SocketAddress("/run/slapd/ldapi"), "/run/slapd/ldapi"),
        ):
            self.assertEqual(str(address), text)
