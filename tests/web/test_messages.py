"""Requests into values."""

import contextlib
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.errors import InvalidParam, MissingParams, RequestRefused, TooManyAddresses
from mxisd.web import messages

PARSERS = (
    messages.parse_register,
    messages.parse_terms,
    messages.parse_lookup,
    messages.parse_bulk_lookup,
)

LOOKUP = {"algorithm": "sha256", "pepper": "p", "addresses": ["a", "b"]}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


class RequestTests(SynchronousTestCase):
    """Bodies of each endpoint."""

    def assert_refused(self, parse: Any, content: Any, error: type[Exception]) -> None:
        """One body, one error."""
        self.assertRaises(error, parse, json.dumps(content).encode())

    def test_register(self) -> None:
        """What the homeserver gave the client is read; more keys do no harm."""
        content = {"access_token": "t", "matrix_server_name": "s", "expires_in": 3600}
        request = messages.parse_register(json.dumps(content).encode())
        self.assertEqual((request.server_name, request.token.value), ("s", "t"))

    def test_each_key_is_needed(self) -> None:
        """A key that is missing is not the same as one that is wrong."""
        for parse, content in (
            (messages.parse_register, {"access_token": "", "matrix_server_name": ""}),
            (messages.parse_terms, {"user_accepts": []}),
            (messages.parse_lookup, LOOKUP),
            (messages.parse_bulk_lookup, {"threepids": []}),
        ):
            for key in content:
                rest = {k: v for k, v in content.items() if k != key}
                self.assert_refused(parse, rest, MissingParams)
                for wrong in (None, 1, True, {"a": "b"}):
                    self.assert_refused(parse, content | {key: wrong}, InvalidParam)

    def test_lists_hold_strings_only(self) -> None:
        """Not one item may be anything else."""
        wrongs: tuple[Any, ...] = (None, 1, ["a"], {})
        for wrong in wrongs:
            lookup = LOOKUP | {"addresses": ["a", wrong]}
            self.assert_refused(messages.parse_lookup, lookup, InvalidParam)
            terms = {"user_accepts": ["a", wrong]}
            self.assert_refused(messages.parse_terms, terms, InvalidParam)

    def test_bulk_lookups_hold_pairs_only(self) -> None:
        """A 3PID is a medium and an address, both strings."""
        body = b'{"threepids": [["email", "a@b"], ["msisdn", "1"]]}'
        read = messages.parse_bulk_lookup(body)
        self.assertEqual(read, [("email", "a@b"), ("msisdn", "1")])
        for wrong in (None, "ab", [], ["a"], ["a", 1], ["a", "b", "c"], {"a": "b"}):
            content = {"threepids": [["email", "a@b"], wrong]}
            self.assert_refused(messages.parse_bulk_lookup, content, InvalidParam)

    def test_ten_thousand_addresses_and_no_more(self) -> None:
        """The limit itself is within the limit, in both APIs."""
        most = LOOKUP | {"addresses": ["a"] * 10_000}
        messages.parse_lookup(json.dumps(most).encode())
        more = LOOKUP | {"addresses": ["a"] * 10_001}
        self.assert_refused(messages.parse_lookup, more, TooManyAddresses)
        bulk = {"threepids": [["email", "a"]] * 10_001}
        self.assert_refused(messages.parse_bulk_lookup, bulk, TooManyAddresses)

    @given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
    def test_anything_is_read_or_refused(self, body: bytes) -> None:
        """No body whatsoever makes a parser fail in another way."""
        for parse in PARSERS:
            with contextlib.suppress(RequestRefused):
                parse(body)

    @given(
        st.fixed_dictionaries(
            {
                "pepper": TEXTS,
                "addresses": st.lists(TEXTS),
            }
        )
    )
    def test_lookups_arrive_as_they_were_sent(self, content: dict[str, Any]) -> None:
        """The client's own strings come through unchanged."""
        content["algorithm"] = "sha256"
        request = messages.parse_lookup(json.dumps(content).encode())
        self.assertEqual(list(request.addresses), content["addresses"])
        self.assertEqual(request.pepper, content["pepper"])
