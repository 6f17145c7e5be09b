from hypothesis import given
from hypothesis import strategies as st
from ldaptor.protocols import pureldap
from twisted.trial.unittest import SynchronousTestCase

from mxisd.drivers.ldap.decoder import (
    BIND_RESPONSE,
    SEARCH_DONE,
    Aside,
    Entry,
    NotLdap,
    Result,
    Splitter,
    decode,
)
from tests.drivers.ldap import answers

IDS = st.integers(1, 0x7FFFFFFF)
NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,10}", fullmatch=True)
ATTRIBUTES = st.dictionaries(NAMES, st.lists(st.binary(max_size=300), max_size=4))
MESSAGES = st.one_of(
    st.builds(answers.entry, IDS, st.text(max_size=50), ATTRIBUTES),
    st.builds(answers.done, IDS, st.integers(0, 90), st.none() | st.binary()),
    st.builds(answers.bound, IDS, st.integers(0, 90)),
    st.builds(answers.reference, IDS),
)


def nested(depth: int) -> bytes:
    """Sequences in sequences in sequences."""
    inside = b""
    for _ in range(depth):
        size = len(inside).to_bytes(4, "big")
        inside = b"\x30\x84" + size + inside
    return inside


class DecoderTests(SynchronousTestCase):
    """Single messages."""

    @given(IDS, st.text(max_size=50), ATTRIBUTES)
    def test_entries(
        self, message_id: int, dn: str, attributes: dict[str, list[bytes]]
    ) -> None:
        """Whatever an entry holds is read as it is."""
        wire = answers.entry(message_id, dn, attributes)
        self.assertEqual(decode(wire), (message_id, Entry(dn.encode(), attributes)))

    @given(IDS, st.integers(0, 120), st.none() | st.binary(max_size=300))
    def test_results(self, message_id: int, code: int, cookie: bytes | None) -> None:
        """Code and cookie are read; controls of other kinds are passed over."""
        wire = answers.done(message_id, code, cookie)
        expected = Result(SEARCH_DONE, code, cookie)
        self.assertEqual(decode(wire), (message_id, expected))

    def test_bind_response(self) -> None:
        """The kind tells a bind from a search."""
        self.assertEqual(decode(answers.bound(7, 49)), (7, Result(BIND_RESPONSE, 49)))

    def test_reference(self) -> None:
        """A reference to another server ends nothing."""
        self.assertEqual(decode(answers.reference(7)), (7, Aside()))

    def test_attribute_options_and_capitals(self) -> None:
        """Values under options of an attribute count as its values."""
        wire = answers.entry(1, "", {"Mail": ["a"], "mail;lang-de": ["b", "c"]})
        self.assertEqual(decode(wire)[1], Entry(b"", {"mail": [b"a", b"b", b"c"]}))

    def test_notice_of_disconnection(self) -> None:
        """What nobody asked for has the ID 0."""
        notice = pureldap.LDAPExtendedResponse(
            resultCode=52, responseName="1.3.6.1.4.1.1466.20036"
        )
        self.assertEqual(decode(answers.message(0, notice))[0], 0)

    @given(MESSAGES, st.data())
    def test_truncated(self, wire: bytes, data: st.DataObject) -> None:
        """A message that is cut off anywhere is malformed, and nothing worse."""
        size = data.draw(st.integers(0, len(wire) - 1))
        self.assertRaises(NotLdap, decode, wire[:size])

    @given(MESSAGES, st.data())
    def test_damaged(self, wire: bytes, data: st.DataObject) -> None:
        """A message with some bytes changed is read or refused, and nothing worse."""
        damaged = bytearray(wire)
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, len(wire) - 1))
            damaged[at] = data.draw(st.integers(0, 255))
        self.assert_harmless(bytes(damaged))

    @given(st.binary(max_size=200))
    def test_noise(self, noise: bytes) -> None:
        """Any bytes are read or refused, and nothing worse."""
        self.assert_harmless(noise)
        self.assert_harmless(b"\x30\x82" + len(noise).to_bytes(2, "big") + noise)

    def test_deep_nesting(self) -> None:
        """Ten thousand sequences in each other are refused without a deep breath."""
        self.assertRaises(NotLdap, decode, nested(10_000))
        inside = nested(10_000)
        wire = b"\x30\x84" + (len(inside) + 3).to_bytes(4, "big") + b"\x02\x01\x01"
        self.assertRaises(NotLdap, decode, wire + inside)

    def test_element_longer_than_its_container(self) -> None:
        """A value cannot reach out of the attribute that holds it."""
        wire = bytearray(answers.entry(1, "dc=x", {"cn": [b"abc"], "sn": [b"def"]}))
        at = wire.index(b"abc") - 1
        wire[at] += 1
        self.assertRaises(NotLdap, decode, bytes(wire))

    def test_indefinite_length(self) -> None:
        """LDAP has no lengths of the indefinite form."""
        self.assertRaises(NotLdap, decode, b"\x30\x80\x02\x01\x01\x00\x00")

    def assert_harmless(self, wire: bytes) -> None:
        """Nothing but :class:`NotLdap` is raised."""
        try:
            message_id, answer = decode(wire)
        except NotLdap:
            return
        self.assertIsInstance(message_id, int)
        self.assertIsInstance(answer, Entry | Aside | Result)


class SplitterTests(SynchronousTestCase):
    """Streams of messages."""

    @given(st.lists(MESSAGES, max_size=5), st.data())
    def test_any_split(self, messages: list[bytes], data: st.DataObject) -> None:
        """However the network cuts a stream, the same messages come out."""
        stream = b"".join(messages)
        splitter, found, at = Splitter(), [], 0
        while at < len(stream):
            size = data.draw(st.integers(1, len(stream) - at))
            found += splitter.feed(stream[at : at + size])
            at += size
        self.assertEqual(found, messages)

    @given(MESSAGES)
    def test_byte_by_byte(self, message: bytes) -> None:
        """A message is complete with its last byte, and not before."""
        splitter = Splitter()
        for index in range(len(message) - 1):
            self.assertEqual(splitter.feed(message[index : index + 1]), [])
        self.assertEqual(splitter.feed(message[-1:]), [message])

    @given(st.binary(max_size=200))
    def test_noise(self, noise: bytes) -> None:
        """Noise is refused or waited for, and nothing worse."""
        try:
            messages = Splitter().feed(noise)
        except NotLdap:
            return
        self.assertLessEqual(sum(map(len, messages)), len(noise))

    def test_http(self) -> None:
        """The first byte of an HTTP answer is enough."""
        self.assertRaises(NotLdap, Splitter().feed, b"H")

    def test_long_message(self) -> None:
        """A message over the limit is refused by its header."""
        message = answers.entry(1, "dc=x", {"cn": [b"x" * 100]})
        self.assertEqual(Splitter(len(message)).feed(message), [message])
        self.assertRaises(NotLdap, Splitter(len(message) - 1).feed, message[:2])
        self.assertRaises(NotLdap, Splitter().feed, b"\x30\x84\xff\xff\xff\xff")

    def test_absurd_length_of_length(self) -> None:
        """A length of more than four bytes is refused before they come."""
        self.assertRaises(NotLdap, Splitter().feed, b"\x30\x85")
