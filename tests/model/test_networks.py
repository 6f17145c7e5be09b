"""Which addresses are one neighbour's."""

from ipaddress import ip_address

from twisted.trial.unittest import SynchronousTestCase

from mxisd.model.networks import network_of, site_of
from mxisd.model.requesters import Origin


class NetworkTests(SynchronousTestCase):
    def test_networks_and_sites(self) -> None:
        """IPv4 inside IPv6 is IPv4; of some requesters no address is known."""
        for text, network, site in (
            ("192.0.2.1", "192.0.2.1", None),
            ("::ffff:192.0.2.1", "192.0.2.1", None),
            ("2001:db8:1:2:3::4", "2001:db8:1:2::/64", "2001:db8:1::/48"),
            ("2001:db8:1:ffff::", "2001:db8:1:ffff::/64", "2001:db8:1::/48"),
        ):
            origin = Origin(ip_address(text))
            self.assertEqual((network_of(origin), site_of(origin)), (network, site))
        self.assertEqual(network_of(Origin(None)), "None")
        self.assertIsNone(site_of(Origin(None)))
