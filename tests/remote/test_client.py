"""Tests of reading JSON answers."""

from twisted.trial.unittest import SynchronousTestCase

from mxisd.drivers.http import HttpReply
from mxisd.remote.client import BadAnswer, json_object


class JsonObjectTests(SynchronousTestCase):
    def test_an_object_is_read(self) -> None:
        """A JSON object is returned, whatever its content type."""
        reply = HttpReply(200, {"content-type": "text/html"}, b' {"a": ["\xc3\xa9"]} ')
        self.assertEqual(json_object(reply), {"a": ["é"]})

    def test_anything_else_is_a_bad_answer(self) -> None:
        """No JSON, other JSON and hostile JSON are all the same failure."""
        for body in (
            b"",
            b"<html>",
            b"{",
            b"[]",
            b"null",
            b'"text"',
            b"\xff\xfe",
            b'{"a": "\xff"}',
            b"[" * 50_000,
            b'{"a":' * 10_000,
            b'{"a": ' + b"9" * 5000 + b"}",
        ):
            with self.assertRaises(BadAnswer, msg=body[:20]):
                json_object(HttpReply(200, {}, body))
