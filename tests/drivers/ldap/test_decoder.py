from hypothesis import given
from hypothesis import strategies as st
from ldaptor.protocols import pureldap
from twisted.trial.unittest import SynchronousTestCase

from mxisd.drivers.ldap.decoder import (
    BIND_RESPONSE,
    EXTENDED_RESPONSE,
    SEARCH_DONE,
    TEXT_LIMIT,
    URI_LIMIT,
    Aside,
    Entry,
    NotLdap,
    Reference,
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
    st.builds(answers.reference, IDS, st.text(max_size=50)),
    st.builds(answers.referral, IDS, st.text(max_size=50)),
    st.builds(answers.extended, IDS, st.integers(0, 90)),
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
        expected = Result(SEARCH_DONE, code, cookie, "text")
        self.assertEqual(decode(wire), (message_id, expected))

    def test_bind_response(self) -> None:
        """The kind tells a bind from a search."""
        self.assertEqual(decode(answers.bound(7, 49)), (7, Result(BIND_RESPONSE, 49)))

    def test_reference(self) -> None:
        """A reference tells where further entries are."""
        uris = ["ldap://a.example/dc=x", "ldap://b.example/dc=x??sub"]
        self.assertEqual(decode(answers.reference(7, *uris)), (7, Reference(uris)))

    def test_referral(self) -> None:
        """A result may tell whom to ask instead, and have controls besides."""
        uris = ["ldap://a.example/", "ldap://b.example/"]
        wire = answers.referral(7, *uris)
        self.assertEqual(decode(wire), (7, Result(SEARCH_DONE, 10, None, "", uris)))

    def test_endless_referral(self) -> None:
        """Of equally good servers, a few are enough."""
        (_, found) = decode(answers.referral(7, *["ldap://a.example/"] * 9000))
        assert isinstance(found, Result)
        self.assertEqual(len(found.referrals), URI_LIMIT)

    def test_diagnostic(self) -> None:
        """A server's words are one line of limited length, whatever it sends."""
        for sent, read in (
            (b"80090308: data 52e, v4563\0", "80090308: data 52e, v4563"),
            (b"a\nERROR forged\x1b[0m", "a ERROR forged [0m"),
            (b"\xff\xfe", "\ufffd\ufffd"),
            (b"x" * 5000, "x" * TEXT_LIMIT),
        ):
            (_, found) = decode(answers.done(1, 1, None, sent))
            assert isinstance(found, Result)
            self.assertEqual(found.diagnostic, read)

    def test_extended_response(self) -> None:
        """The answer to StartTLS is told from others by its kind."""
        expected = (7, Result(EXTENDED_RESPONSE, 2))
        self.assertEqual(decode(answers.extended(7, 2)), expected)

    def test_long_names_and_values(self) -> None:
        """Ten thousand characters are nothing special."""
        attributes = {"a" * 10_000: [b"x" * 10_000]}
        wire = answers.entry(1, "dc=x", attributes)
        self.assertEqual(decode(wire), (1, Entry(b"dc=x", attributes)))

    def test_attribute_options_and_capitals(self) -> None:
        """Values under options of an attribute count as its values."""
        wire = answers.entry(1, "", {"Mail": ["a"], "mail;lang-de": ["b", "c"]})
        self.assertEqual(decode(wire)[1], Entry(b"", {"mail": [b"a", b"b", b"c"]}))

    def test_ranges(self) -> None:
        """Active Directory gives long attributes in parts, and says so."""
        part, whole = frozenset(["memberof"]), frozenset[str]()
        for option, cut in (("0-1499", part), ("1500-*", whole), ("0-*", whole)):
            wire = answers.entry(1, "", {f"memberOf;range={option}": ["a"]})
            attributes = {"memberof": [b"a"]}
            self.assertEqual(decode(wire)[1], Entry(b"", attributes, cut))

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
        self.assertIsInstance(answer, Entry | Reference | Aside | Result)


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

    def test_other_protocols(self) -> None:
        """What speaks another protocol is told by its first bytes."""
        for data, words in (
            (b"H", "not LDAP"),
            (b"HTTP/1.1 400 Bad Request", "speaks HTTP"),
            (b"<!DOCTYPE html>", "speaks HTTP"),
            (b"\x15\x03\x01\x00\x02\x02\x0a", "speaks TLS"),
            (b"220 smtp.example ESMTP", "not LDAP"),
        ):
            error = self.assertRaises(NotLdap, Splitter().feed, data)
            self.assertIn(words, str(error))

    def test_long_message(self) -> None:
        """A message over the limit is refused by its header."""
        message = answers.entry(1, "dc=x", {"cn": [b"x" * 100]})
        self.assertEqual(Splitter(len(message)).feed(message), [message])
        self.assertRaises(NotLdap, Splitter(len(message) - 1).feed, message[:2])
        self.assertRaises(NotLdap, Splitter().feed, b"\x30\x84\xff\xff\xff\xff")

    def test_absurd_length_of_length(self) -> None:
        """A length of more than four bytes is refused before they come."""
        self.assertRaises(NotLdap, Splitter().feed, b"\x30\x85")
