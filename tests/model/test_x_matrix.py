"""Requests that homeservers have signed."""

import contextlib
import json
from typing import Any

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.model.signing import SigningKey, key_bytes
from mxisd.model.x_matrix import (
    IllegalXMatrix,
    SignedRequest,
    XMatrix,
    is_genuine,
    is_x_matrix,
    parse_x_matrix,
)

HEADER = XMatrix("example.org", "ed25519:a_1", "c2ln", "id.example.org")
KEY = SigningKey("a_1", bytes(range(32)))
CONTENT = {
    "mxid": "@bob:example.org",
    "threepid": {"medium": "email", "address": "bob@example.org"},
}
REQUEST = SignedRequest("POST", "/_matrix/identity/v2/3pid/unbind", CONTENT)
OURS = frozenset({"id.example.org", "https://id.example.org"})


def signed(
    member: str | None = "destination_is",
    value: str = "id.example.org",
    stated: str | None = "id.example.org",
    **changes: Any,
) -> XMatrix:
    """What a homeserver would send; ``changes`` are to what it signs."""
    content = {
        "method": REQUEST.method,
        "uri": REQUEST.uri,
        "origin": "example.org",
        "content": CONTENT,
        **({member: value} if member else {}),
        **changes,
    }
    signature = KEY.signed(content, "x")["signatures"]["x"][KEY.key_id]
    return XMatrix("example.org", KEY.key_id, signature, stated)


def genuine(header: XMatrix, request: SignedRequest = REQUEST) -> bool:
    """Whether a header is good for a request."""
    return is_genuine(header, key_bytes(KEY.public_key) or b"", request, OURS)


class ParseTests(SynchronousTestCase):
    """The header."""

    def test_as_synapse_writes_it(self) -> None:
        """In quotes, without blanks."""
        text = (
            'X-Matrix origin="example.org",key="ed25519:a_1",sig="c2ln",'
            'destination="id.example.org"'
        )
        self.assertEqual(parse_x_matrix(text), HEADER)

    def test_other_ways_to_say_the_same(self) -> None:
        """Names in any case and order, bare values, blanks, what nobody knows."""
        for text in (
            "x-matrix destination=id.example.org,sig=c2ln,KEY=ed25519:a_1,"
            "origin=example.org",
            'X-MATRIX  Origin="example.org" ,\tkey = "ed25519:a_1", sig="c2ln", '
            'destination="id.example.org", new="1,2"',
            r'X-Matrix origin="e\xample.org",key="ed25519:a_1",sig="c2ln",'
            r'destination="\i\d.example.org",more="\"\\"',
            "X-Matrix ,,origin=example.org,,key=ed25519:a_1,sig=c2ln,"
            "destination=id.example.org, ",
        ):
            self.assertEqual(parse_x_matrix(text), HEADER, text)

    def test_the_destination_may_be_absent(self) -> None:
        """As it was before v1.3."""
        header = parse_x_matrix("X-Matrix origin=a:80,key=ed25519:1,sig=c2ln")
        self.assertEqual(header, XMatrix("a:80", "ed25519:1", "c2ln"))

    def test_illegal_ones(self) -> None:
        """Missing, double, empty, of another kind, too long."""
        good = {"origin": "a", "key": "ed25519:1", "sig": "c2ln"}
        for changes in (
            {"origin": ""},
            {"origin": "a b"},
            {"origin": "@a:b"},
            {"origin": "a:080"},
            {"origin": "é"},
            {"key": "rsa:1"},
            {"key": "ed25519"},
            {"sig": ""},
            {"sig": "x" * 5000},
        ):
            pairs = ",".join(f'{k}="{v}"' for k, v in (good | changes).items())
            self.assertRaises(IllegalXMatrix, parse_x_matrix, f"X-Matrix {pairs}")
        for text in (
            "",
            "X-Matrix",
            "Bearer origin=a,key=ed25519:1,sig=c",
            "X-Matrix origin=a,origin=b,key=ed25519:1,sig=c",
            "X-Matrix origin=a,key=ed25519:1,sig=c,Sig=c",
            'X-Matrix origin="a,key=ed25519:1,sig=c',
            "X-Matrix origin=a key=ed25519:1 sig=c",
            "X-Matrix origin=a,key=ed25519:1,sig",
        ):
            self.assertRaises(IllegalXMatrix, parse_x_matrix, text)

    def test_schemes(self) -> None:
        """Only this one, in any case."""
        self.assertTrue(is_x_matrix("x-MATRIX origin=a"))
        for text in ("Bearer x", "X-Matrixx a=b", "", "X-Matrix,origin=a"):
            self.assertFalse(is_x_matrix(text))

    @given(st.text(), st.booleans())
    def test_hostile_headers(self, text: str, with_scheme: bool) -> None:
        """Anything is read or refused, and nothing else happens."""
        try:
            header = parse_x_matrix(f"X-Matrix {text}" if with_scheme else text)
        except IllegalXMatrix:
            return
        self.assertTrue(header.origin and header.key_id and header.signature)

    @given(st.text('"\\=, \tabc:1', max_size=60))
    def test_hostile_punctuation(self, text: str) -> None:
        """The same for what looks nearly like it."""
        start = "X-Matrix origin=a,key=ed25519:1,sig=c,"
        with contextlib.suppress(IllegalXMatrix):
            self.assertEqual(parse_x_matrix(start + text).origin, "a")

    @given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1))
    def test_quoting(self, value: str) -> None:
        """What is quoted comes back as it was."""
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        text = f'X-Matrix origin=a,key=ed25519:1,sig=c,destination="{escaped}"'
        self.assertEqual(parse_x_matrix(text).destination, value)

    def test_long_headers_are_no_burden(self) -> None:
        """Nothing is read twice."""
        for filler in ('"', "\\", ",", "a", '\\"', "a=", " "):
            text = "X-Matrix x=" + filler * (4000 // len(filler))
            self.assertRaises(IllegalXMatrix, parse_x_matrix, text)


class GenuineTests(SynchronousTestCase):
    """The signature."""

    def test_the_ways_to_name_the_destination(self) -> None:
        """Synapse's and the specification's, as a host or as a URL."""
        for member in ("destination_is", "destination"):
            for name in (*OURS, "ID.example.org", "https://id.example.org/"):
                self.assertTrue(genuine(signed(member, name, name)))

    def test_old_homeservers_do_not_state_it(self) -> None:
        """What they signed must still be a name of ours."""
        for name in OURS:
            self.assertTrue(genuine(signed(value=name, stated=None)))
        self.assertFalse(genuine(signed(value="evil.org", stated=None)))
        self.assertFalse(genuine(signed(None, stated=None)))

    def test_requests_to_others(self) -> None:
        """Whoever got one cannot send it on to us."""
        for stated in ("evil.org", "id.example.org"):
            self.assertFalse(genuine(signed(value="evil.org", stated=stated)))
        self.assertFalse(genuine(signed(stated="evil.org")))

    def test_whatever_is_changed(self) -> None:
        """Each part is signed."""
        for changes in (
            {"method": "PUT"},
            {"uri": "/_matrix/identity/api/v1/3pid/unbind"},
            {"origin": "other.org"},
            {"content": {**CONTENT, "mxid": "@eve:example.org"}},
            {"extra": 1},
        ):
            self.assertFalse(genuine(signed(**changes)))

    def test_another_key(self) -> None:
        """And what is no signature at all."""
        other = SigningKey("a_1", bytes(32))
        key = key_bytes(other.public_key) or b""
        self.assertFalse(is_genuine(signed(), key, REQUEST, OURS))
        for signature in ("", "é", "c2ln", "x" * 86, "=", "\ud800"):
            self.assertFalse(genuine(evolve(signed(), signature=signature)))

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=8,
        )
    )
    def test_hostile_content(self, value: Any) -> None:
        """Nothing in a body raises."""
        self.assertFalse(genuine(signed(), SignedRequest("POST", "/", {"a": value})))

    def test_deep_content(self) -> None:
        """Neither does its depth."""
        deep = json.loads('{"a":' * 900 + "1" + "}" * 900)
        for _ in range(3000):
            deep = {"a": deep}
        self.assertFalse(genuine(signed(), SignedRequest("POST", "/", deep)))
