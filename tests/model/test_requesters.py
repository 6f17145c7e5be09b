"""Who asks, and from where: a test per combination."""

from ipaddress import ip_address, ip_network
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.model.policy import may_recurse
from mxisd.model.requesters import (
    MAX_HOPS,
    Account,
    Forwarding,
    Origin,
    Ourselves,
    Stranger,
    contains,
    origin_of,
)
from mxisd.model.settings import networks

PROXIES = networks("127.0.0.0/8", "::1/128", "10.9.0.0/16")
NEAR = networks("10.0.0.0/8", "127.0.0.0/8", "fd00::/8")
TEXTS = st.lists(
    st.text() | st.sampled_from(["10.1.1.1", "for=10.1.1.1", '"[::1]:443"']), max_size=3
).map(tuple)


def passed_on(*values: str, **others: Any) -> Forwarding:
    """What the headers say."""
    given = {key: (value,) for key, value in others.items() if key != "is_marked"}
    return Forwarding(values, is_marked=bool(others.get("is_marked")), **given)


class OriginTests(SynchronousTestCase):
    """How far the headers of proxies are believed."""

    def assert_origin(
        self, peer: str, headers: Forwarding, address: str | None, is_near: bool
    ) -> None:
        """A request comes from this address, and may count as near or not."""
        origin = origin_of(peer, headers, PROXIES)
        shown = origin.address and str(origin.address)
        self.assertEqual(shown, address, (peer, headers))
        self.assertIs(origin.is_within(NEAR), is_near, (peer, headers))

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
            ("", [], None, False),
            ("/run/socket", ["10.1.1.1"], None, False),
        ):
            self.assert_origin(peer, passed_on(*forwarded), address, is_near)

    def test_spellings_of_an_address(self) -> None:
        """Some proxies add the port, as to a URL; some write addresses with a zone."""
        for hop, address in (
            ("10.1.2.3:51234", "10.1.2.3"),
            ("[::1]:443", "::1"),
            ("[fd00::1]", "fd00::1"),
            ("fd00::1", "fd00::1"),
            ("fe80::1%eth0", "fe80::1"),
            ("[fe80::1%25eth0]:443", "fe80::1"),
            ('"[fd00::1]:4711"', "fd00::1"),
            (' "10.1.2.3" ', "10.1.2.3"),
            ("::ffff:10.1.2.3", "10.1.2.3"),
            ("[::ffff:10.1.2.3]:80", "10.1.2.3"),
            ("unknown", None),
            ("_hidden", None),
            ("", None),
            ("10.1.2.3:", None),
            ("10.1.2.3:port", None),
            ("10.1.2.3:999999", None),
            ("[10.1.2.3", None),
            ("[fd00::1]4711", None),
            ("[]:443", None),
        ):
            origin = origin_of("127.0.0.1", passed_on(hop), networks("127.0.0.1/32"))
            self.assertEqual(origin.address and str(origin.address), address, hop)

    def test_ports_do_not_hide_a_proxy(self) -> None:
        """A chain is read through all the same."""
        headers = passed_on("10.1.1.1:5000, 10.9.0.1:443, [::1]:8080")
        self.assert_origin("127.0.0.1", headers, "10.1.1.1", True)

    def test_a_proxy_that_sends_other_headers_only(self) -> None:
        """
        Nobody behind it is near, whomever it names.

        For limits, its word is good enough.
        """
        for headers, address in (
            (passed_on(real_ip="203.0.113.9"), "203.0.113.9"),
            (passed_on(real_ip="10.1.1.1"), "10.1.1.1"),
            (passed_on(real_ip="203.0.113.9:4711"), "203.0.113.9"),
            (passed_on(real_ip="10.1.1.1, 10.1.1.2"), None),
            (passed_on(real_ip=""), None),
            (passed_on(forwarded="for=203.0.113.9"), "203.0.113.9"),
            (passed_on(forwarded="for=10.1.1.1"), "10.1.1.1"),
            (passed_on(forwarded='For="[2001:db8::1]:4711"'), "2001:db8::1"),
            (passed_on(forwarded="proto=https; FOR = 10.1.1.1;by=_us"), "10.1.1.1"),
            (passed_on(forwarded="for=10.1.1.1, for=203.0.113.9"), "203.0.113.9"),
            (passed_on(forwarded="for=unknown"), None),
            (passed_on(forwarded="for=_hidden;proto=http"), None),
            (passed_on(forwarded="by=10.1.1.1"), None),
            (passed_on(forwarded="notfor=10.1.1.1"), None),
            (passed_on(forwarded=""), None),
            (
                passed_on(real_ip="203.0.113.9", forwarded="for=203.0.113.9"),
                "203.0.113.9",
            ),
            (passed_on(real_ip="203.0.113.9", forwarded="for=203.0.113.8"), None),
            (passed_on(is_marked=True), None),
            (passed_on(real_ip="203.0.113.9", is_marked=True), "203.0.113.9"),
        ):
            self.assert_origin("127.0.0.1", headers, address, False)

    def test_others_who_forward_are_never_near(self) -> None:
        """Whichever header says it, and whatever it says."""
        for headers in (
            passed_on(real_ip="10.1.1.1"),
            passed_on(forwarded="for=10.1.1.1"),
            passed_on("10.1.1.1", real_ip="10.1.1.1"),
            passed_on(is_marked=True),
        ):
            self.assert_origin("10.1.1.1", headers, "10.1.1.1", False)

    def test_a_proxy_in_between_that_is_not_trusted(self) -> None:
        """It is no requester, since it forwards: nobody behind it is near."""
        for hops in (
            "203.0.113.9, 10.1.1.1",
            "10.2.2.2, 10.1.1.1",
            "nonsense, 10.1.1.1",
            ", 10.1.1.1",
            "203.0.113.9, 10.1.1.1, 10.9.0.1",
        ):
            self.assert_origin("127.0.0.1", passed_on(hops), "10.1.1.1", False)

    def test_headers_that_contradict_each_other(self) -> None:
        """
        A proxy's own header beside one that a client wrote and it passed on.

        Where all proxies name the client in both, the two agree.
        """
        for headers, is_near in (
            (passed_on("10.1.1.1", real_ip="10.1.1.1"), True),
            (passed_on("10.1.1.1:80", real_ip="10.1.1.1"), True),
            (passed_on("10.1.1.1", forwarded="for=10.1.1.1;proto=https"), True),
            (passed_on("10.1.1.1, 10.9.0.1", real_ip="10.9.0.1"), True),
            (passed_on("10.1.1.1, 10.9.0.1", real_ip="10.1.1.1"), True),
            (passed_on("10.1.1.1, 10.1.1.1", real_ip="10.1.1.1"), True),
            (passed_on("10.1.1.1", is_marked=True), True),
            (passed_on("10.1.1.1", real_ip="203.0.113.9"), False),
            (passed_on("10.1.1.1", forwarded="for=203.0.113.9"), False),
            (passed_on("10.1.1.1", forwarded="for=10.1.1.1, for=203.0.113.9"), False),
            (passed_on("10.1.1.1", forwarded="for=unknown"), False),
            (passed_on("nonsense, 10.1.1.1", forwarded="for=_hidden"), False),
            # Whoever writes both knows its own address.
            (passed_on("203.0.113.9, 10.1.1.1", real_ip="203.0.113.9"), False),
            (
                passed_on("10.1.1.1", real_ip="10.1.1.1", forwarded="for=10.2.2.2"),
                False,
            ),
        ):
            self.assert_origin("127.0.0.1", headers, "10.1.1.1", is_near)

    def test_a_long_way_through_proxies(self) -> None:
        """Nobody reads thousands of hops to find a client that none could vouch for."""
        for hops, is_known in ((MAX_HOPS, True), (MAX_HOPS + 1, False), (4000, False)):
            forwarded = ["10.1.2.3", *["127.0.0.1"] * hops]
            for values in (forwarded, [",".join(forwarded)]):
                headers = Forwarding(tuple(values))
                origin = origin_of("127.0.0.1", headers, PROXIES)
                self.assertIs(origin.address is not None, is_known, hops)
                self.assertIs(origin.is_within(NEAR), is_known, hops)

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

    @given(
        st.text() | st.just("127.0.0.1"),
        st.builds(Forwarding, TEXTS, TEXTS, TEXTS, st.booleans()),
        st.booleans(),
    )
    def test_no_header_is_an_error(
        self, peer: str, headers: Forwarding, has_proxies: bool
    ) -> None:
        """Whatever is sent, there is an origin; a header from nobody is not near."""
        origin = origin_of(peer, headers, PROXIES if has_proxies else ())
        if headers != Forwarding() and not (has_proxies and headers.forwarded_for):
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
