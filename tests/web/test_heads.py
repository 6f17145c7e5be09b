"""Heads of requests, as RFC 9112 has them."""

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from mxisd.web.heads import is_legal_line, target_of
from tests.web.test_channel import REGISTER, ChannelTestCase, length
from tests.web.world import PUBLIC_URL, V1, V2, Wire

HERE = b"Host: here\r\n"
GET = f"GET {V2} HTTP/1.1\r\n".encode()


def head(first: str, *lines: str) -> bytes:
    """A whole head."""
    return "".join(f"{line}\r\n" for line in (first, *lines, "")).encode("latin-1")


class PartsTests(SynchronousTestCase):
    """What does not depend on the server, nor on the Twisted behind it."""

    def test_targets(self) -> None:
        """Path and query."""
        for target, expected in (
            (b"/a?b=/c", b"/a?b=/c"),
            (b"//a", b"//a"),
            (b"http://x", b"/"),
            (b"http://x?b", b"/?b"),
            (b"http://x:1/a//b?c", b"/a//b?c"),
        ):
            headers = Headers({b"Host": [b"y"]})
            found = target_of(b"GET", target, b"HTTP/1.1", headers)
            self.assertEqual(found, expected)
            is_url = target.startswith(b"http")
            self.assertEqual(
                headers.getRawHeaders(b"Host"),
                [target[7:].partition(b"/")[0].partition(b"?")[0] if is_url else b"y"],
            )

    def test_lines(self) -> None:
        """Names, and signs that may not be in a value."""
        for line in (b"X: y\tz \xff", b"x-Y_z.:", b"X:  "):
            self.assertTrue(is_legal_line(line))
        for line in (b"", b":", b": y", b"X", b"X : y", b" X: y", b"X y: z", b"X\t: y"):
            self.assertFalse(is_legal_line(line))
        for sign in (b"\0", b"\r", b"\n"):
            self.assertFalse(is_legal_line(b"X: y" + sign + b"z"))


class HeadTestCase(ChannelTestCase):
    """Sends one head in a connection of its own."""

    def ask(self, raw: bytes) -> int:
        """The status of the only answer."""
        self.wire = Wire(self.site)
        self.wire.send(raw)
        return self.answer().status

    def assert_malformed(self, *heads: bytes) -> None:
        """Each is refused as no HTTP, at once, with a reason in its answer."""
        for raw in heads:
            self.assertEqual(self.ask(raw), 400, raw)
            self.assert_refused(400, "M_UNKNOWN")
            self.assertTrue(self.answer().content["error"].endswith("."))

    def assert_good(self, *heads: bytes) -> None:
        """Each is answered as a request for something that is there."""
        for raw in heads:
            self.assertEqual(self.ask(raw), 200, raw)


class TargetTests(HeadTestCase):
    """What a request is for."""

    def test_absolute_targets(self) -> None:
        """A whole URL is its path, as proxies send it."""
        versions = "/_matrix/identity/versions"
        self.assert_good(
            head(f"GET http://here{versions} HTTP/1.1", "Host: here"),
            head(f"GET HTTPS://here:8090{versions}?x=/y HTTP/1.1", "Host: here"),
            head(f"GET http://[::1]:8090{versions} HTTP/1.1", "Host: other"),
            head(f"GET http://here{versions} HTTP/1.0"),
            head("OPTIONS http://here HTTP/1.1", "Host: here"),
        )
        for target in ("http://here", "http://here/", "http://here?x=/"):
            raw = head(f"GET {target} HTTP/1.1", "Host: here")
            self.assertEqual(self.ask(raw), 404)
            self.assertEqual(self.answer().errcode, "M_UNRECOGNIZED")

    def test_the_query_of_an_absolute_target(self) -> None:
        """It is the request's."""
        target = f"http://here{V2}/account?access_token={self.world.log_in()}"
        self.assert_good(head(f"GET {target} HTTP/1.1", "Host: here"))

    def test_the_body_of_an_absolute_target(self) -> None:
        """It has the limit of its path, which is known before it is read."""
        token = self.world.log_in()
        raw = head(
            f"POST http://here{V2}/lookup HTTP/1.1",
            "Host: here",
            f"Authorization: Bearer {token}",
            f"Content-Length: {100 * 1024}",
        )
        self.wire.send(raw)
        self.assertEqual(self.wire.answers(), [])

    def test_the_host_of_an_absolute_target(self) -> None:
        """It counts, and the header does not: a page must not find a way around."""
        path = f"{V1}/lookup?medium=email&address=bob@example.org"
        browser = "Accept-Language: en"
        for named, header, status in (
            ("evil.example", PUBLIC_URL.partition("//")[2], 403),
            (PUBLIC_URL.partition("//")[2], "evil.example", 200),
        ):
            raw = head(f"GET http://{named}{path} HTTP/1.1", f"Host: {header}", browser)
            self.assertEqual(self.ask(raw), status)

    def test_targets_of_no_sense(self) -> None:
        """Neither a path nor a URL of ours."""
        self.assert_malformed(
            *(
                head(f"GET {target} HTTP/1.1", "Host: here")
                for target in (
                    "nowhere",
                    "*",
                    "http://",
                    "http:///path",
                    "http:path",
                    "ftp://here/",
                    "http://user@here/",
                    "http://he%re,there/",
                    "http://here:x/",
                )
            )
        )

    def test_asterisk(self) -> None:
        """The server as a whole has options."""
        self.assert_good(head("OPTIONS * HTTP/1.1", "Host: here"))

    def test_tunnels(self) -> None:
        """There are none here."""
        raw = head("CONNECT elsewhere:443 HTTP/1.1", "Host: elsewhere:443")
        self.assertEqual(self.ask(raw), 404)

    def test_targets_that_are_too_long(self) -> None:
        """They are another error than headers: the client can tell which it was."""
        for size in (16_000, 16_384, 20_000, 100_000):
            raw = f"GET /{'x' * size} HTTP/1.1\r\nHost: here\r\n\r\n".encode()
            status = self.ask(raw)
            self.assertEqual(status, 404 if size == 16_000 else 414)
            code = "M_UNRECOGNIZED" if size == 16_000 else "M_TOO_LARGE"
            self.assertEqual(self.answer().errcode, code)


class HostTests(HeadTestCase):
    """The header ``Host``."""

    def test_it_is_needed(self) -> None:
        """In HTTP/1.1; the client is told so."""
        self.assert_malformed(GET + b"\r\n", GET + b"X: y\r\n\r\n")
        self.assertIn("Host", self.answer().content["error"])
        self.assert_good(head(f"GET {V2} HTTP/1.0"))

    def test_one_is_enough(self) -> None:
        """Two may mean different things to us and to the proxy before us."""
        self.assert_malformed(
            GET + HERE + HERE + b"\r\n",
            GET + HERE + b"host: there\r\n\r\n",
            head(f"GET {V2} HTTP/1.0", "Host: here", "Host: there"),
            head(f"GET http://here{V2} HTTP/1.1", "Host: here", "Host: here"),
        )

    def test_good_ones(self) -> None:
        """Whatever names or addresses a host."""
        for host in (
            "",
            "here",
            "here:",
            "HERE:8090",
            "id_server.example.org.",
            "10.0.0.5:8090",
            "[::1]",
            "[2001:db8::1]:8090",
            "xn--bcher-kva.example",
            "b%C3%BCcher.example",
        ):
            self.assert_good(head(f"GET {V2} HTTP/1.1", f"Host:\t {host} "))

    def test_bad_ones(self) -> None:
        """Whatever does not."""
        self.assert_malformed(
            *(
                head(f"GET {V2} HTTP/1.1", f"Host: {host}")
                for host in (
                    "here, there",
                    "here,there",
                    "here there",
                    "here/there",
                    "user@here",
                    "http://here",
                    "here:port",
                    "here:1:2",
                    "[::1",
                    "::1",
                    "here?",
                    "b\xfccher.example",
                    "here\x7f",
                )
            )
        )


class ConnectionTests(HeadTestCase):
    """Whether a connection ends with its answer."""

    def test_close_is_one_of_a_list(self) -> None:
        """In any case, at any place, in any of several headers."""
        for lines in (
            ["close"],
            ["Close"],
            ["foo, close"],
            ["foo,CLOSE"],
            ["close , foo"],
            ["\tclose,foo"],
            ["keep-alive", "close"],
            [",,close"],
        ):
            headers = [f"Connection: {line}" for line in lines]
            self.assert_good(head(f"GET {V2} HTTP/1.1", "Host: here", *headers))
            self.assertTrue(self.wire.is_closed, lines)
            self.assertEqual(self.answer().headers["Connection"], "close")

    def test_anything_else_keeps_it(self) -> None:
        """Also what looks alike."""
        for line in ("keep-alive", "foo", "closed", "x-close, upgrade", ""):
            raw = head(f"GET {V2} HTTP/1.1", "Host: here", f"Connection: {line}")
            self.assert_good(raw)
            self.assertFalse(self.wire.is_closed, line)
            self.assertNotIn("Connection", self.answer().headers)

    def test_old_clients_are_told(self) -> None:
        """They may hope for more."""
        raw = head(f"GET {V2} HTTP/1.0", "Host: here", "Connection: keep-alive")
        self.assert_good(raw)
        self.assertEqual(self.answer().headers["Connection"], "close")
        self.assertTrue(self.wire.is_closed)

    def test_nothing_after_it_is_answered(self) -> None:
        """What came along with the last request is not read."""
        last = head(f"GET {V2} HTTP/1.1", "Host: here", "Connection: foo, close")
        self.assert_good(last + last)


class LineTests(HeadTestCase):
    """Lines of a head."""

    def test_too_many(self) -> None:
        """A hundred headers are read."""
        lines = [f"X-{number}: y" for number in range(99)]
        self.assert_good(head(f"GET {V2} HTTP/1.1", "Host: here", *lines))
        for more in (["X: y"], ["X: y"] * 50):
            raw = head(f"GET {V2} HTTP/1.1", "Host: here", *lines, *more)
            self.assertEqual(self.ask(raw), 431)
            self.assert_refused(431, "M_TOO_LARGE")

    def test_too_large(self) -> None:
        """So are 16 KiB of them."""
        for lines, status in (
            (["X: " + "y" * 1000] * 15, 200),
            (["X: " + "y" * 1000] * 17, 431),
            (["X: " + "y" * 16_500], 431),
            (["X: y", " " + "y" * 9000, " " + "y" * 9000], 431),
        ):
            raw = head(f"GET {V2} HTTP/1.1", "Host: here", *lines)
            self.assertEqual(self.ask(raw), status)
        self.assert_refused(431, "M_TOO_LARGE")

    def test_signs_that_no_value_may_have(self) -> None:
        """Others may see the end of a line in them."""
        self.assert_malformed(
            *(
                GET + HERE + b"X: a" + sign + b"Y: b\r\n\r\n"
                for sign in (b"\0", b"\r", b"\n")
            )
        )

    def test_bare_line_feeds(self) -> None:
        """They end no line; nobody waits for the rest of one."""
        self.assert_malformed(
            b"GET / HTTP/1.1\nHost: here\n\n",
            b"GET / HTTP/1.1\n",
            GET + b"Host: here\n\n",
            b"\n",
        )

    def test_bare_line_feeds_behind_a_request(self) -> None:
        """They are refused when it is their turn."""
        bare = b"GET / HTTP/1.1\nHost: here\n\n"
        for good in (GET, b"GET /status HTTP/1.1\r\n"):
            for pieces in ([good + HERE + b"\r\n" + bare], [good, HERE, b"\r\n", bare]):
                self.wire = Wire(self.site)
                self.wire.send(*pieces)
                answers = self.wire.answers()
                self.assertEqual([a.status for a in answers], [200, 400])

    def test_tls(self) -> None:
        """Whoever means another port learns it at once."""
        self.assert_malformed(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")

    def test_blanks(self) -> None:
        """Not before a colon, and not before the first header."""
        self.assert_malformed(
            GET + b"Host : here\r\n\r\n",
            GET + HERE + b"X\t: y\r\n\r\n",
            GET + b" Host: here\r\n\r\n",
            GET + b" \r\nHost: here\r\n\r\n",
            GET + HERE + b": y\r\n\r\n",
        )

    def test_folded_lines(self) -> None:
        """Each fold is a blank, also where it hides a second value."""
        self.assert_good(GET + HERE + b"X: y\r\n z\r\n\r\n")
        self.assert_malformed(
            GET + b"Host: here\r\n there\r\n\r\n",
            REGISTER + b"Content-Length: 1\r\n 0\r\n\r\n0123456789",
            REGISTER + b"Transfer-Encoding: chunked\r\n , gzip\r\n\r\n",
        )

    def test_versions(self) -> None:
        """Two are spoken."""
        self.assert_malformed(
            *(
                head(f"GET {V2} {version}", "Host: here")
                for version in (
                    "HTTP/2.0",
                    "HTTP/1.2",
                    "http/1.1",
                    "HTTP/1",
                    "HTTP/1.10",
                )
            )
        )

    def test_a_refusal_of_a_head_has_no_body(self) -> None:
        """Its reader would take a body for the next answer."""
        self.wire.send(head(f"HEAD {V2} HTTP/1.1"))
        raw: bytes = self.wire.transport.value()
        self.assertTrue(raw.startswith(b"HTTP/1.1 400 "))
        self.assertTrue(raw.endswith(b"\r\n\r\n"))


class FramingTests(HeadTestCase):
    """Where a body ends: a proxy before us must not think otherwise."""

    def test_lengths(self) -> None:
        """One number, once."""
        self.assert_malformed(
            *(
                REGISTER + f"Content-Length: {value}\r\n\r\n{{}}".encode()
                for value in ("+2", "2, 2", "0x2", "2.0", "two", "", "-0", "2 ,")
            ),
            REGISTER + b"Content-Length: 2\r\n" + length(2) + b"{}",
        )

    def test_codings(self) -> None:
        """Chunks, and nothing else; nothing besides them."""
        self.assert_malformed(
            *(
                REGISTER + f"Transfer-Encoding: {value}\r\n{more}\r\n".encode()
                for more in ("", "Content-Length: 2\r\n", "Content-Length: 0\r\n")
                for value in ("identity", "gzip", "chunked, identity", "xchunked", "")
            ),
            REGISTER + b"Transfer-Encoding: chunked\r\n" + length(2) + b"{}",
            REGISTER + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
            REGISTER + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n",
            REGISTER
            + b"Transfer-Encoding: chunked\r\n"
            + b"Transfer-Encoding: identity\r\n\r\n",
            REGISTER.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n",
        )
        raw = REGISTER + b"Transfer-Encoding: Chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
        self.ask(raw)
        self.assertEqual(self.answer().errcode, "M_MISSING_PARAMS")
