"""Who asks, and from where: a test per combination."""

from ipaddress import ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.model.policy import may_recurse
from mxisd.model.requesters import (
    Account,
    Origin,
    Ourselves,
    Stranger,
    contains,
    origin_of,
)
from mxisd.model.settings import networks

PROXIES = networks("127.0.0.0/8", "::1/128", "10.9.0.0/16")
NEAR = networks("10.0.0.0/8", "127.0.0.0/8", "fd00::/8")


class OriginTests(SynchronousTestCase):
    """How far ``X-Forwarded-For`` is believed."""

    def test_every_combination(self) -> None:
        """Peer, header, the address that counts, whether it may count as near."""
        for peer, forwarded, address, is_near in (
            # No header: the peer is who it is.
            ("10.1.1.1", [], "10.1.1.1", True),
            ("203.0.113.9", [], "203.0.113.9", False),
            ("127.0.0.1", [], "127.0.0.1", True),
            # A trusted proxy: the nearest address that it does not vouch away.
            ("127.0.0.1", ["203.0.113.9"], "203.0.113.9", False),
            ("127.0.0.1", ["10.1.1.1"], "10.1.1.1", True),
            ("127.0.0.1", ["10.1.1.1, 203.0.113.9"], "203.0.113.9", False),
            ("127.0.0.1", ["10.1.1.1", "203.0.113.9"], "203.0.113.9", False),
            ("127.0.0.1", ["203.0.113.9, 10.9.0.1"], "203.0.113.9", False),
            ("127.0.0.1", ["10.1.1.1, 10.9.0.1"], "10.1.1.1", True),
            ("::1", ["2001:db8::1"], "2001:db8::1", False),
            ("::ffff:127.0.0.1", ["10.1.1.1"], "10.1.1.1", True),
            # Proxies all the way: the first of them.
            ("127.0.0.1", ["10.9.0.2, 10.9.0.1"], "10.9.0.2", True),
            # Anybody else who sends the header is never near, wherever the peer is.
            ("10.1.1.1", ["127.0.0.1"], "10.1.1.1", False),
            ("203.0.113.9", ["127.0.0.1"], "203.0.113.9", False),
            ("203.0.113.9", ["10.1.1.1, 127.0.0.1"], "203.0.113.9", False),
            # What cannot be read is nobody nearby.
            ("127.0.0.1", ["nonsense"], None, False),
            ("127.0.0.1", [""], None, False),
            ("127.0.0.1", ["10.1.1.1, "], None, False),
            ("127.0.0.1", ["10.1.1.1:4711"], None, False),
            ("", [], None, False),
            ("/run/socket", ["10.1.1.1"], None, False),
        ):
            origin = origin_of(peer, forwarded, PROXIES)
            shown = origin.address and str(origin.address)
            self.assertEqual(shown, address, (peer, forwarded))
            self.assertIs(origin.is_within(NEAR), is_near, (peer, forwarded))

    def test_addresses_in_addresses(self) -> None:
        """IPv4 inside IPv6 is IPv4; the families are never mixed up."""
        for address, is_in in (
            ("::ffff:10.1.1.1", True),
            ("fd00::1", True),
            ("::10.1.1.1", False),
            ("::1", False),
        ):
            self.assertIs(contains(NEAR, ip_address(address)), is_in)
        self.assertFalse(contains([ip_network("::/0")], ip_address("10.1.1.1")))

    @given(st.text(), st.lists(st.text(), max_size=3))
    def test_no_header_is_an_error(self, peer: str, forwarded: list[str]) -> None:
        """Whatever is sent, there is an origin; a header from nobody is not near."""
        origin = origin_of(peer, forwarded, ())
        if forwarded:
            self.assertFalse(origin.is_within(networks("0.0.0.0/0", "::/0")))


class RecursionTests(SynchronousTestCase):
    """For whom other servers are asked."""

    def test_every_combination(self) -> None:
        """The switch, the requester's kind, and its network."""
        near = Origin(ip_address("10.1.1.1"))
        far = Origin(ip_address("203.0.113.9"))
        claimed = Origin(ip_address("10.1.1.1"), is_claimed=True)
        for requester, expected in (
            (Ourselves(), True),
            (Stranger(near), True),
            (Stranger(far), False),
            (Stranger(claimed), False),
            (Stranger(Origin(None)), False),
            (Account("@a:b", near), True),
            (Account("@a:b", far), False),
        ):
            self.assertIs(may_recurse(requester, True, NEAR), expected)
            self.assertFalse(may_recurse(requester, False, NEAR))
