"""Connections and their limits."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mxisd.web.channel import (
    ABORT_SECONDS,
    DISCARD_BYTES,
    IDLE_SECONDS,
    LINGER_SECONDS,
    READ_SECONDS,
)
from tests.web.world import CORS, V2, Answer, Wire, World

PING = f"GET {V2} HTTP/1.1\r\nHost: here\r\n\r\n".encode()
REGISTER = f"POST {V2}/account/register HTTP/1.1\r\nHost: here\r\n".encode()
LOOKUP = f"POST {V2}/lookup HTTP/1.1\r\nHost: here\r\n".encode()
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


def length(size: int) -> bytes:
    """The header that ends a head."""
    return b"Content-Length: %d\r\n\r\n" % size


class ChannelTestCase(SynchronousTestCase):
    """A server whose clock the test moves."""

    def setUp(self) -> None:
        """Start a server and connect."""
        self.world = World()
        self.site = self.world.site()
        self.site.doStart()
        self.addCleanup(self.site.doStop)
        self.wire = Wire(self.site)

    def wait(self, seconds: float) -> None:
        """Let time pass, second by second."""
        for _ in range(int(seconds)):
            self.world.clock.advance(1)

    @property
    def is_aborted(self) -> bool:
        """Whether the connection was cut."""
        transport: Any = self.wire.transport
        return bool(transport.disconnected)

    def answer(self) -> Answer:
        """The only answer."""
        (answer,) = self.wire.answers()
        return answer

    def assert_refused(self, status: int, errcode: str) -> None:
        """One answer as the specification wants it, saying that this is the end."""
        answer = self.answer()
        self.assertEqual((answer.status, answer.errcode), (status, errcode))
        self.assertEqual(answer.headers["Connection"], "close")
        self.assertEqual(answer.headers, {**answer.headers, **CORS})


class GoodTests(ChannelTestCase):
    """Requests that are as they should be."""

    def test_one_after_the_other(self) -> None:
        """A connection is used again, also when requests come in one piece."""
        self.wire.send(PING, PING + PING)
        self.assertEqual([a.status for a in self.wire.answers()], [200] * 3)
        self.assertFalse(self.wire.is_closed)

    def test_byte_by_byte(self) -> None:
        """It does not matter how a request is cut into pieces."""
        whole = REGISTER + length(2) + b"{}" + PING
        self.wire.send(*(bytes([byte]) for byte in whole))
        self.assertEqual([a.status for a in self.wire.answers()], [400, 200])

    def test_chunks(self) -> None:
        """A body may come without its length."""
        self.wire.send(REGISTER + CHUNKED + b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n")
        self.assertEqual(self.answer().errcode, "M_MISSING_PARAMS")

    def test_a_body_that_is_asked_for(self) -> None:
        """A client that waits for leave to send gets it."""
        self.wire.send(REGISTER + b"Expect: 100-continue\r\n" + length(2))
        self.assertEqual(self.answer().status, 100)

    def test_the_server_says_its_name_only(self) -> None:
        """Versions of libraries are nobody's business."""
        self.wire.send(PING)
        self.assertEqual(self.answer().headers["Server"], "mxisd")
        self.assertEqual(self.answer().headers["Date"], "Thu, 01 Jan 1970 00:00:01 GMT")

    def test_the_date_moves(self) -> None:
        """It is taken once a second."""
        self.wait(5)
        self.wire.send(PING)
        self.assertEqual(self.answer().headers["Date"], "Thu, 01 Jan 1970 00:00:06 GMT")

    def test_old_clients_are_hung_up_on(self) -> None:
        """HTTP/1.0 has one request in a connection, and so has who wants it closed."""
        for request in (
            f"GET {V2} HTTP/1.0\r\n\r\n".encode(),
            f"GET {V2} HTTP/1.1\r\nConnection: close\r\n\r\n".encode(),
        ):
            wire = Wire(self.site)
            wire.send(request)
            self.assertEqual([a.status for a in wire.answers()], [200])
            self.assertTrue(wire.is_closed)


class SizeTests(ChannelTestCase):
    """Requests that are too large."""

    def test_a_declared_length_is_enough(self) -> None:
        """Not a byte of the body is waited for, and no leave is given to send it."""
        self.wire.send(REGISTER + b"Expect: 100-continue\r\n" + length(65 * 1024))
        self.assert_refused(413, "M_TOO_LARGE")

    def test_each_route_has_its_own_limit(self) -> None:
        """Lookups may be large, though not without end."""
        self.wire.send(LOOKUP + length(1024 * 1024))
        self.assertEqual(self.wire.answers(), [])
        wire = self.wire = Wire(self.site)
        wire.send(LOOKUP + length(1024 * 1024 + 1))
        self.assert_refused(413, "M_TOO_LARGE")

    def test_paths_that_do_not_exist(self) -> None:
        """They are no way around the limits."""
        self.wire.send(b"POST /nowhere HTTP/1.1\r\n" + length(1024 * 1024))
        self.assert_refused(413, "M_TOO_LARGE")

    def test_chunks_are_counted(self) -> None:
        """A body without a length is cut where the limit is."""
        chunk = b"2000\r\n" + b"x" * 0x2000 + b"\r\n"
        self.wire.send(REGISTER + CHUNKED, *[chunk] * 8)
        self.assertEqual(self.wire.answers(), [])
        self.wire.send(chunk)
        self.assert_refused(413, "M_TOO_LARGE")

    def test_chunks_that_come_in_one_piece(self) -> None:
        """A body that is complete and too large is refused, and not answered twice."""
        body = b"12000\r\n" + b"x" * 0x12000 + b"\r\n0\r\n\r\n"
        self.wire.send(REGISTER + CHUNKED + body + PING)
        self.assert_refused(413, "M_TOO_LARGE")
        self.wait(LINGER_SECONDS)
        self.assertTrue(self.wire.is_closed)

    def test_what_comes_after_a_refusal_is_thrown_away(self) -> None:
        """Neither the body nor a request behind it has any effect."""
        self.wire.send(REGISTER + length(65 * 1024) + b"x" * 65 * 1024 + PING, PING)
        self.assert_refused(413, "M_TOO_LARGE")
        self.assertFalse(self.wire.is_closed)
        self.wait(LINGER_SECONDS)
        self.assertTrue(self.wire.is_closed)

    def test_nobody_is_listened_to_for_ever(self) -> None:
        """Whoever goes on and on is cut off."""
        piece = b"x" * 65536
        self.wire.send(REGISTER + length(1 << 40), *[piece] * (DISCARD_BYTES // 65536))
        self.assertFalse(self.is_aborted)
        self.wire.send(piece)
        self.assertTrue(self.is_aborted)

    def test_long_request_lines_and_headers(self) -> None:
        """Heads have a limit, too."""
        for head in (
            b"GET /" + b"x" * 20_000,
            b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        ):
            self.wire = Wire(self.site)
            self.wire.send(head)
            self.assert_refused(431, "M_TOO_LARGE")

    def test_many_headers(self) -> None:
        """Neither a hundred and one headers nor 16 KiB of them are read."""
        for headers in (b"X: y\r\n" * 101, (b"X: " + b"y" * 1000 + b"\r\n") * 20):
            self.wire = Wire(self.site)
            self.wire.send(b"GET / HTTP/1.1\r\n" + headers + b"\r\n")
            self.assert_refused(400, "M_UNKNOWN")


class MalformedTests(ChannelTestCase):
    """What is no HTTP."""

    def test_it_is_said_to_be_malformed(self) -> None:
        """Always as the specification wants its errors, and never twice."""
        for raw in (
            b"\0\0\0\0\r\n\r\n",
            b"GET\r\n\r\n",
            b"GET /here\r\n\r\n",
            b"GET /here HTTP/9.9\r\n\r\n",
            b"GET /here HTTP/1.1\r\nno colon\r\n\r\n",
            b"GET /here HTTP/1.1\r\nno colon\r\nX: y\r\n\r\n",
            b"GET /here HTTP/1.1\r\nX y: z\r\n\r\n",
            REGISTER + b"Content-Length: -1\r\n\r\n",
            REGISTER + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
            REGISTER + b"Content-Length: 2\r\n" + CHUNKED + b"0\r\n\r\n",
            REGISTER + b"Transfer-Encoding: gzip\r\n\r\n",
            REGISTER + CHUNKED + b"zz\r\n",
            REGISTER + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
        ):
            self.wire = Wire(self.site)
            self.wire.send(raw, raw)
            self.assert_refused(400, "M_UNKNOWN")


class TimeTests(ChannelTestCase):
    """Clients that are slow."""

    def test_a_head_that_does_not_come_to_its_end(self) -> None:
        """Sending a byte now and then does not help."""
        self.wire.send(b"GET / HTTP/1.1\r\n")
        for _ in range(int(READ_SECONDS)):
            self.assertEqual(self.wire.answers(), [])
            self.wire.send(b"X: y\r\n")
            self.wait(1)
        self.assert_refused(408, "M_UNKNOWN")
        self.wait(LINGER_SECONDS)
        self.assertTrue(self.wire.is_closed)

    def test_a_body_that_does_not_come_to_its_end(self) -> None:
        """A half-sent request is no request."""
        self.wire.send(REGISTER + length(2) + b"{")
        self.wait(READ_SECONDS)
        self.assert_refused(408, "M_UNKNOWN")

    def test_a_client_that_goes_away_in_the_middle(self) -> None:
        """Nobody minds."""
        self.wire.send(REGISTER + length(2) + b"{")
        self.wire.channel.connectionLost(None)
        self.assertEqual(self.site.channels, set())
        self.wait(READ_SECONDS)
        self.assertEqual(self.wire.answers(), [])

    def test_silence_is_ended_without_a_word(self) -> None:
        """There is no request that could be answered."""
        self.wait(IDLE_SECONDS)
        self.assertTrue(self.wire.is_closed)
        self.assertEqual(self.wire.answers(), [])

    def test_silence_after_an_answer(self) -> None:
        """The time starts anew with each request."""
        self.wait(IDLE_SECONDS - 1)
        self.wire.send(PING)
        self.wait(IDLE_SECONDS - 1)
        self.assertFalse(self.wire.is_closed)
        self.wait(1)
        self.assertTrue(self.wire.is_closed)

    def test_a_client_that_does_not_let_go(self) -> None:
        """It is cut off in the end."""
        self.wait(IDLE_SECONDS + ABORT_SECONDS)
        self.assertTrue(self.is_aborted)
