"""Tests of what counts as a public address."""

from ipaddress import IPv4Address, ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.drivers.http.addresses import may_reach

REFUSED = """
    0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1
    127.1.2.3 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.2.1
    192.88.99.1 192.168.0.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1
    224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
    :: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 64:ff9b::7f00:1 64:ff9b::a00:1
    64:ff9b:1::1 100::1 fc00::1 fd12:3456::1 fe80::1 fe80::1%eth0 fec0::1 ff02::1
    ff0e::1 2001:db8::1 2001:2::1 2001:10::1 3fff::1 5f00::1 4000::1
    2002:7f00:1::1 2002:a00:1::1 2001:0:7f00:1::f7f7:f7f7
    2001:0:808:808::80ff:fffe
"""
ACCEPTED = """
    1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255
    128.0.0.1 172.15.255.255 172.32.0.0 192.167.255.255 192.169.0.0 223.255.255.255
    ::ffff:8.8.8.8 64:ff9b::808:808 2002:808:808::1 2606:4700:4700::1111
    2a00:1450:4001:800::200e 2001:4860:4860::8888 2001:0:808:808::f7f7:f7f7
"""


class MayReachTests(SynchronousTestCase):
    def test_special_addresses_are_refused(self) -> None:
        """No address that is not part of the public Internet may be reached."""
        reached = [text for text in REFUSED.split() if may_reach(ip_address(text), ())]
        self.assertEqual(reached, [])

    def test_public_addresses_are_accepted(self) -> None:
        """Public addresses may be reached, tunnels to public ones included."""
        missed = [
            text for text in ACCEPTED.split() if not may_reach(ip_address(text), ())
        ]
        self.assertEqual(missed, [])

    def test_an_allowed_network_may_be_reached(self) -> None:
        """The operator's networks are excepted, and only those."""
        allowed = (ip_network("10.1.0.0/16"), ip_network("fd00::/64"))
        for text in ("10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::a01:203", "fd00::1"):
            self.assertTrue(may_reach(ip_address(text), allowed), text)
        for text in ("10.2.0.1", "::ffff:10.2.0.1", "fd00:0:0:1::1", "127.0.0.1"):
            self.assertFalse(may_reach(ip_address(text), allowed), text)

    @given(st.ip_addresses(v=4))
    def test_wrapping_changes_nothing(self, address: IPv4Address) -> None:
        """An IPv4 address inside an IPv6 one is judged like the bare one."""
        number = int(address)
        for wrapped in (
            (0xFFFF << 32) + number,
            (0x64FF9B << 96) + number,
            (0x2002 << 112) + (number << 80) + 1,
        ):
            self.assertEqual(
                may_reach(ip_address(wrapped.to_bytes(16)), ()), may_reach(address, ())
            )
