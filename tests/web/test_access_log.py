"""The access log."""

from io import StringIO
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mxisd.web.access_log import MAX_WAITING_LINES, AccessLog


class AccessLogTests(SynchronousTestCase):
    """Lines and where they go."""

    def setUp(self) -> None:
        """A log on the standard output."""
        self.clock = Clock()
        self.clock.advance(86_400)
        self.output = StringIO()
        self.log = AccessLog("-", self.clock, self.output)

    def test_a_line(self) -> None:
        """Time, method, path, status, length and milliseconds; not before flushing."""
        self.log.record(b"GET", b"/status", 200, 12, 86_399.9985)
        self.assertEqual(self.output.getvalue(), "")
        self.log.flush()
        expected = "1970-01-02T00:00:00Z GET /status 200 12 1.5\n"
        self.assertEqual(self.output.getvalue(), expected)

    def test_nothing_forges_a_line(self) -> None:
        """What could trick a terminal or a reader is escaped, and endless paths cut."""
        self.log.record(b"G\x1b", b"/\x1b[2J\n\xc3" + b"x" * 9999, 404, 0, 86_400)
        self.log.flush()
        (line,) = self.output.getvalue().splitlines()
        self.assertTrue(line.isascii())
        self.assertTrue(line.isprintable())
        self.assertLess(len(line), 400)

    def test_a_file_is_appended_to_and_may_be_moved(self) -> None:
        """Log rotation needs no signal."""
        path = Path(self.mktemp())
        log = AccessLog(str(path), self.clock)
        for _ in range(2):
            log.record(b"GET", b"/", 200, 0, 86_400)
            log.flush()
        self.assertEqual(path.read_text().count("\n"), 2)
        path.unlink()
        log.record(b"GET", b"/", 200, 0, 86_400)
        log.flush()
        self.assertEqual(path.read_text().count("\n"), 1)

    def test_no_log(self) -> None:
        """An empty name means none."""
        log = AccessLog("", self.clock, self.output)
        log.record(b"GET", b"/", 200, 0, 86_400)
        log.flush()
        self.assertEqual(self.output.getvalue(), "")

    def test_a_log_that_cannot_be_written(self) -> None:
        """Requests are served all the same, and memory is not filled."""
        log = AccessLog(self.mktemp() + "/no/such/folder", self.clock)
        for _ in range(3):
            log.record(b"GET", b"/", 200, 0, 86_400)
            log.flush()

    def test_a_flood_is_written_at_once(self) -> None:
        """Lines do not pile up for the rest of the second."""
        for _ in range(MAX_WAITING_LINES):
            self.log.record(b"GET", b"/", 200, 0, 86_400)
        self.assertEqual(self.output.getvalue().count("\n"), MAX_WAITING_LINES)
