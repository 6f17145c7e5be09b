"""Bodies and query strings."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.errors import BadJson, InvalidParam, NotJson
from mxisd.web.decoding import MAX_COMMAS, MAX_DIGITS, json_object, parse_query


class JsonObjectTests(SynchronousTestCase):
    """Bodies."""

    def test_an_object_is_read(self) -> None:
        """UTF-8 and escapes are both understood."""
        read = json_object('{"a": "ä\\u00e4\\ud83d\\ude00"}'.encode())
        self.assertEqual(read, {"a": "ää😀"})

    def test_what_is_not_json(self) -> None:
        """None of these is JSON, whatever other parsers say."""
        for body in (
            b"",
            b"{",
            b"{'a': 1}",
            b'{"a": NaN}',
            b'{"a": -Infinity}',
            b'{"a": "\xff"}',
            b'{"a": "\x00"}',
            b'\xef\xbb\xbf{"a": 1}',
            b'{"a": 1} trailing',
            b'{"a": ' + b"1" * 5000 + b"}",
            '{"a": 1}'.encode("utf-16"),
        ):
            self.assertRaises(NotJson, json_object, body)

    def test_json_of_a_wrong_shape(self) -> None:
        """These are JSON, but nothing we could take."""
        for body in (
            b"[]",
            b"null",
            b'"text"',
            b"1",
            b'{"a": 1, "a": 2}',
            b'{"a": {"b": 1, "b": 1}}',
            b'{"a": "\\ud800"}',
            b'{"\\udc00": 1}',
            b'{"a": [{"b": "\\u0000"}]}',
            b"[" * 100_000,
            b'{"a":' * 60_000,
        ):
            self.assertRaises(BadJson, json_object, body)

    def test_more_values_than_anybody_needs(self) -> None:
        """They are refused unread: JSON is read at one go, while everybody waits."""
        unread = b"," * (MAX_COMMAS + 1)
        self.assertRaises(BadJson, json_object, unread)
        most = b'{"a": [' + b"1," * (MAX_COMMAS - 1) + b'1], "b": 1}'
        self.assertEqual(len(json_object(most)["a"]), MAX_COMMAS)

    def test_numbers_have_so_many_digits(self) -> None:
        """Numbers of thousands of digits take very long to read."""
        digits = "9" * MAX_DIGITS
        read = json_object(f'{{"a": {digits}, "b": -5, "c": 1.5}}'.encode())
        self.assertEqual(read, {"a": int(digits), "b": -5, "c": 1.5})
        self.assertRaises(NotJson, json_object, f'{{"a": {digits}0}}'.encode())

    def test_an_escaped_backslash_is_no_escape(self) -> None:
        """Text that merely looks like an escape is text."""
        read = json_object(b'{"a": "\\\\u0000\\\\ud800"}')
        self.assertEqual(read, {"a": "\\u0000\\ud800"})


class QueryTests(SynchronousTestCase):
    """Query strings."""

    def test_parameters_are_decoded_once(self) -> None:
        """A percent sign that was encoded stays one."""
        self.assertEqual(parse_query(b"a=%2525+b"), {"a": "%25 b"})

    def test_the_first_of_two_counts(self) -> None:
        """Nobody can overwrite a parameter by appending another."""
        self.assertEqual(parse_query(b"a=1&b=&a=2"), {"a": "1", "b": ""})

    def test_raw_utf8_is_read(self) -> None:
        """Clients that do not encode are understood."""
        self.assertEqual(parse_query("a=ä".encode()), {"a": "ä"})

    def test_what_cannot_be_read(self) -> None:
        """Neither broken UTF-8 nor NUL nor a flood of parameters is taken."""
        for raw in (b"a=%ff", b"a=\xff", b"a=%00", b"%00=a", b"a&" * 101):
            self.assertRaises(InvalidParam, parse_query, raw)

    @given(st.binary())
    def test_any_query_is_read_or_refused(self, raw: bytes) -> None:
        """No query string makes the parser fail in another way."""
        with contextlib.suppress(InvalidParam):
            parse_query(raw)
