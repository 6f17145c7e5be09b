"""Connections and their limits."""

from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mxisd.ports import Resolution
from mxisd.web.channel import (
    ABORT_SECONDS,
    DISCARD_BYTES,
    HEAD_SECONDS,
    IDLE_SECONDS,
    LINGER_SECONDS,
    MIN_BYTES_PER_SECOND,
    PIPELINED,
    WINDOW_SECONDS,
)
from mxisd.web.request import CHUNK_BYTES, CHUNKS
from tests.web.world import CORS, V1, V2, Answer, Wire, World

PING = f"GET {V2} HTTP/1.1\r\nHost: here\r\n\r\n".encode()
REGISTER = f"POST {V2}/account/register HTTP/1.1\r\nHost: here\r\n".encode()
LOOKUP = f"POST {V2}/lookup HTTP/1.1\r\nHost: here\r\n".encode()
BULK = f"POST {V1}/bulk_lookup HTTP/1.1\r\nHost: here\r\n".encode()
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
LARGE = 1024 * 1024


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

    def lookup(self) -> bytes:
        """The head of a lookup of somebody who is logged in; a length is missing."""
        return LOOKUP + f"Authorization: Bearer {self.world.log_in()}\r\n".encode()

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


@frozen(eq=False)
class Sent:
    """A request that is answered; ``sentLength`` is the size of the answer's body."""

    sentLength: int


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
            f"GET {V2} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode(),
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
        self.wire.send(self.lookup() + length(LARGE))
        self.assertEqual(self.wire.answers(), [])
        wire = self.wire = Wire(self.site)
        wire.send(self.lookup() + length(LARGE + 1))
        self.assert_refused(413, "M_TOO_LARGE")

    def test_the_body_of_whoever_is_not_let_in(self) -> None:
        """A large one is not waited for: the refusal comes at once, and is the same."""
        expect = b"Expect: 100-continue\r\n"
        self.wire.send(LOOKUP + expect + length(LARGE))
        self.assert_refused(401, "M_UNAUTHORIZED")
        for wire in (Wire(self.site, "192.0.2.1"), Wire(self.site, "10.1.2.3")):
            self.wire = wire
            wire.send(BULK + length(LARGE))
            if wire.transport.getPeer().host == "10.1.2.3":
                self.assertEqual(wire.answers(), [])
            else:
                answer = self.answer()
                status = answer.status, answer.errcode
                self.assertEqual(status, (403, "M_FORBIDDEN"))
                self.assertEqual(answer.headers["Connection"], "close")
                self.assertNotIn("Access-Control-Allow-Origin", answer.headers)

    def test_a_body_without_its_length_of_whoever_is_not_let_in(self) -> None:
        """It is read up to what any route takes, and then refused for what it lacks."""
        chunk = b"2000\r\n" + b"x" * 0x2000 + b"\r\n"
        self.wire.send(LOOKUP + CHUNKED, *[chunk] * 8)
        self.assertEqual(self.wire.answers(), [])
        self.wire.send(chunk)
        self.assert_refused(401, "M_UNAUTHORIZED")

    def test_small_chunks(self) -> None:
        """Each costs time; reading stops with the first that is too many."""
        self.wire.send(self.lookup() + CHUNKED + b"1\r\nx\r\n" * CHUNKS)
        self.assertEqual(self.wire.answers(), [])
        request = self.wire.channel.requests[-1]
        self.wire.send(b"1\r\nx\r\n" * 10_000)
        self.assert_refused(413, "M_TOO_LARGE")
        self.assertLessEqual(request.size, CHUNKS + CHUNKS // CHUNK_BYTES + 1)

    def test_chunks_of_a_usual_size(self) -> None:
        """A full body of them is read."""
        chunk = b"%x\r\n" % CHUNK_BYTES + b" " * CHUNK_BYTES + b"\r\n"
        pieces = [chunk * 1000] * (LARGE // CHUNK_BYTES // 1000)
        self.wire.send(self.lookup() + CHUNKED, *pieces, b"0\r\n\r\n")
        self.assertEqual(self.answer().errcode, "M_NOT_JSON")

    def test_paths_that_do_not_exist(self) -> None:
        """They are no way around the limits."""
        self.wire.send(b"POST /nowhere HTTP/1.1\r\nHost: x\r\n" + length(1024 * 1024))
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
        for head, status in (
            (b"GET /" + b"x" * 20_000, 414),
            (b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", 431),
        ):
            self.wire = Wire(self.site)
            self.wire.send(head)
            self.assert_refused(status, "M_TOO_LARGE")

    def test_many_headers(self) -> None:
        """Neither a hundred and one headers nor 16 KiB of them are read."""
        for headers in (b"X: y\r\n" * 101, (b"X: " + b"y" * 1000 + b"\r\n") * 20):
            self.wire = Wire(self.site)
            self.wire.send(b"GET / HTTP/1.1\r\n" + headers + b"\r\n")
            self.assert_refused(431, "M_TOO_LARGE")


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
        for _ in range(int(HEAD_SECONDS)):
            self.assertEqual(self.wire.answers(), [])
            self.wire.send(b"X: y\r\n")
            self.wait(1)
        self.assert_refused(408, "M_UNKNOWN")
        self.wait(LINGER_SECONDS)
        self.assertTrue(self.wire.is_closed)

    def test_a_body_that_does_not_come_to_its_end(self) -> None:
        """A half-sent request is no request."""
        self.wire.send(REGISTER + length(2) + b"{")
        self.wait(WINDOW_SECONDS)
        self.assert_refused(408, "M_UNKNOWN")

    def trickle(self, seconds: float, rate: float) -> None:
        """Send white space, so many bytes each second."""
        for _ in range(int(seconds)):
            self.wire.send(b" " * int(rate))
            self.wait(1)

    def test_a_large_body_that_comes_slowly(self) -> None:
        """Whoever gets on is waited for, however long all of it takes."""
        size = 50 * MIN_BYTES_PER_SECOND
        self.wire.send(self.lookup() + length(size + 2))
        self.trickle(50, MIN_BYTES_PER_SECOND)
        self.assertEqual(self.wire.answers(), [])
        self.wire.send(b"{}")
        self.assertEqual(self.answer().errcode, "M_MISSING_PARAMS")

    def test_a_large_body_that_comes_too_slowly(self) -> None:
        """A byte now and then is no progress."""
        for rate in (MIN_BYTES_PER_SECOND * 0.9, 1):
            wire = self.wire = Wire(self.site)
            wire.send(self.lookup() + length(LARGE))
            self.trickle(WINDOW_SECONDS - 1, rate)
            self.assertEqual(wire.answers(), [])
            self.trickle(1, rate)
            self.assert_refused(408, "M_UNKNOWN")

    def test_a_large_body_that_stops_to_come(self) -> None:
        """What came fast at first gives no leave to be slow then."""
        self.wire.send(self.lookup() + length(LARGE), b" " * (LARGE - 1))
        self.wait(WINDOW_SECONDS)
        self.assertEqual(self.wire.answers(), [])
        self.wait(WINDOW_SECONDS)
        self.assert_refused(408, "M_UNKNOWN")

    def test_the_next_head_has_its_own_time(self) -> None:
        """Also if its beginning came in one piece with the request before."""
        self.wire.send(PING + PING[:10])
        self.assertEqual(len(self.wire.answers()), 1)
        self.wait(HEAD_SECONDS)
        self.assertEqual(self.wire.answers()[1].status, 408)

    def test_an_answer_that_is_read_slowly(self) -> None:
        """Whoever has not read it is no idle client, and has time to."""
        self.wire.channel.pauseProducing()
        self.wire.send(PING)
        self.wait(IDLE_SECONDS - 1)
        self.wire.channel.resumeProducing()
        self.wait(IDLE_SECONDS - 1)
        self.assertFalse(self.wire.is_closed)
        self.wait(1)
        self.assertTrue(self.wire.is_closed)

    def test_an_answer_that_is_not_read(self) -> None:
        """The larger it is, the longer we wait; then the client is cut off."""
        request = Sent(size := 50 * MIN_BYTES_PER_SECOND)
        channel = self.wire.channel
        channel.requests.append(request)
        channel.pauseProducing()
        channel.requestDone(request)
        self.wait(IDLE_SECONDS + size / MIN_BYTES_PER_SECOND - 1)
        self.assertFalse(self.is_aborted)
        self.wait(1)
        self.assertTrue(self.is_aborted)

    def test_a_client_that_goes_away_in_the_middle(self) -> None:
        """Nobody minds."""
        self.wire.send(REGISTER + length(2) + b"{")
        self.wire.channel.connectionLost(None)
        self.assertEqual(len(self.site.connections), 0)
        self.wait(HEAD_SECONDS)
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


class PipelineTests(ChannelTestCase):
    """Many requests that come at once do not keep others waiting."""

    def count(self) -> int:
        """How many are answered."""
        return len(self.wire.answers())

    def turn(self) -> int:
        """Let others have their turn; how many are answered then."""
        calls: Any = self.world.clock.getDelayedCalls()
        for call in calls:
            if call.getTime() <= self.world.clock.seconds():
                # advance() would go on with what this one puts off.
                go_on = call.func
                call.cancel()
                go_on()
        return self.count()

    def test_a_few_are_answered_in_a_turn(self) -> None:
        """The others wait, and none is lost."""
        self.wire.send(PING * (2 * PIPELINED + 1))
        self.assertEqual(self.count(), PIPELINED)
        self.assertEqual(self.turn(), 2 * PIPELINED)
        self.assertEqual(self.turn(), 2 * PIPELINED + 1)
        self.assertEqual(self.world.clock.getDelayedCalls()[1:], [])
        self.wire.send(PING)
        self.assertEqual(self.count(), 2 * PIPELINED + 2)

    def test_requests_with_a_body(self) -> None:
        """They are no way around it."""
        self.wire.send((REGISTER + length(2) + b"{}") * (PIPELINED + 1))
        self.assertEqual(self.count(), PIPELINED)
        self.assertEqual(self.turn(), PIPELINED + 1)

    def test_nothing_is_read_meanwhile(self) -> None:
        """Otherwise, what waits would grow and grow."""
        self.wire.send(PING * (2 * PIPELINED), PING)
        self.assertEqual(self.wire.transport.producerState, "paused")
        self.assertEqual(self.count(), PIPELINED)
        self.assertEqual((self.turn(), self.turn()), (16, 17))
        self.assertEqual(self.wire.transport.producerState, "producing")

    def test_answers_that_nobody_reads(self) -> None:
        """No further request is answered until there is room again."""
        self.wire.channel.pauseProducing()
        self.wire.send(PING * 3)
        self.assertEqual((self.count(), self.turn()), (1, 1))
        self.wire.channel.resumeProducing()
        self.assertEqual(self.count(), 3)

    def test_the_last_one_is_an_end(self) -> None:
        """A refusal, or a client that hangs up, ends what waits."""
        wire = self.wire
        wire.send(PING * PIPELINED + b"rubbish\r\n" + PING)
        self.turn()
        self.assertEqual([a.status for a in wire.answers()], [200] * 8 + [400])
        self.assertEqual(self.turn(), PIPELINED + 1)
        wire = self.wire = Wire(self.site)
        wire.send(PING * (PIPELINED + 1))
        wire.channel.connectionLost(None)
        self.assertEqual(self.turn(), PIPELINED)

    def test_small_pieces_while_a_request_is_answered(self) -> None:
        """They are kept as one: to count them again and again would cost time."""
        answer: Deferred[Resolution] = Deferred()
        self.world.resolver.pending = [answer]
        body = b'{"threepids": [["email", "bob@example.org"]]}'
        self.wire.send(BULK + length(len(body)) + body)
        self.wire.send(*(bytes([byte]) for byte in PING * 3))
        self.assertEqual(self.count(), 0)
        self.assertLessEqual(len(self.wire.channel._dataBuffer), 2)
        answer.callback(Resolution({}))
        self.assertEqual(self.count(), 4)
