"""Which log lines are written, and where."""

import sys
from pathlib import Path
from typing import Any

from twisted.logger import Logger, LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from mxisd.config.sections import LoggingSection
from mxisd.config.sections import LogLevel as ConfiguredLevel
from mxisd.errors import ConfigError
from mxisd.logs import (
    is_shown,
    log_observer,
    log_output,
    logged_warnings,
    reopen,
    with_level_of,
)


class LogObserverTests(SynchronousTestCase):
    """The filter and the file."""

    def written(self, logging: LoggingSection) -> set[str]:
        """Which of the lines "<who> <level>" get into the file."""
        path = Path(self.mktemp())
        output = log_output({"logfile": str(path), "nodaemon": True})
        self.addCleanup(output.close)
        observer = log_observer(logging, output)
        for who in ("mxisd.features", "library", "twisted.web.client._HTTP11"):
            logger = Logger(namespace=who, observer=observer)
            for level in LogLevel.iterconstants():
                logger.emit(level, "{who} {word}", who=who, word=level.name)
        lines = path.read_text().splitlines()
        return {line.partition("] ")[2] for line in lines}

    def test_info_is_the_default(self) -> None:
        """Nothing at debug, from nobody; libraries do not chat."""
        written = self.written(LoggingSection())
        self.assertIn("mxisd.features info", written)
        self.assertIn("library info", written)
        self.assertIn("twisted.web.client._HTTP11 warn", written)
        self.assertNotIn("mxisd.features debug", written)
        self.assertNotIn("library debug", written)
        self.assertNotIn("twisted.web.client._HTTP11 info", written)

    def test_levels_are_set_apart(self) -> None:
        """Ours and that of the libraries are two settings."""
        written = self.written(
            LoggingSection(root=ConfiguredLevel.ERROR, app=ConfiguredLevel.DEBUG)
        )
        self.assertIn("mxisd.features debug", written)
        self.assertIn("library error", written)
        self.assertNotIn("library warn", written)

    def test_off_leaves_what_is_critical(self) -> None:
        """A server that cannot start still says so."""
        written = self.written(
            LoggingSection(root=ConfiguredLevel.OFF, app=ConfiguredLevel.OFF)
        )
        self.assertEqual(
            written,
            {
                "mxisd.features critical",
                "library critical",
                "twisted.web.client._HTTP11 critical",
            },
        )


class OutputTests(SynchronousTestCase):
    """The file of the log."""

    def setUp(self) -> None:
        """Open one."""
        self.path = Path(self.mktemp()) / "mxisd.log"
        self.path.parent.mkdir()
        self.output = log_output({"logfile": str(self.path), "nodaemon": True})
        self.addCleanup(self.output.close)
        self.events: list[Any] = []
        observer: Any = self.events.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def test_where_it_is(self) -> None:
        """A daemon has a file, whether it is named or not; others need not."""
        for path, is_foreground, expected in (
            (None, True, True),
            ("", True, True),
            ("-", True, True),
            ("-", False, True),
            (None, False, False),
            ("x.log", True, False),
        ):
            twistd = {"logfile": path, "nodaemon": is_foreground}
            self.assertIs(is_shown(twistd), expected, path)
        self.assertIs(log_output({"logfile": "-"}), sys.stdout)

    def test_a_file_that_was_moved(self) -> None:
        """A new one is begun, which no more people may read than the old one."""
        self.path.chmod(0o640)
        self.output.write("old\n")
        old = self.path.rename(self.path.with_suffix(".1"))
        reopen(self.output)
        self.output.write("new\n")
        self.assertEqual(old.read_text(), "old\n")
        self.assertEqual(self.path.read_text(), "new\n")
        self.assertEqual(self.path.stat().st_mode & 0o777 & ~0o640, 0)

    def test_a_file_that_is_there(self) -> None:
        """What it holds is kept."""
        self.output.write("old\n")
        reopen(self.output)
        self.output.write("new\n")
        self.assertEqual(self.path.read_text(), "old\nnew\n")

    def test_a_file_that_cannot_be_made(self) -> None:
        """The old one goes on, with a word about it."""
        folder = self.path.parent.rename(self.path.parent.with_suffix(".moved"))
        reopen(self.output)
        self.output.write("still here\n")
        self.assertEqual((folder / self.path.name).read_text(), "still here\n")
        (event,) = [e for e in self.events if e["log_level"] is LogLevel.warn]
        self.assertIn("cannot be opened", event["log_format"])

    def test_the_standard_output(self) -> None:
        """There is nothing to open."""
        reopen(sys.stdout)
        reopen(None)
        self.assertFalse(sys.stdout.closed)


class WarningsTests(SynchronousTestCase):
    """What a check shows of what is logged."""

    def test_warnings_and_worse(self) -> None:
        """As lines, and only of what happens meanwhile."""
        logger = Logger(namespace="mxisd.features")
        logger.warn("before")
        with logged_warnings() as lines:
            for level in LogLevel.iterconstants():
                if level is not LogLevel.error:
                    logger.emit(level, "it is {word}", word=level.name)
        logger.warn("after")
        self.assertEqual(lines, ["it is warn", "it is critical"])


class EnvironmentTests(SynchronousTestCase):
    """The variables of mxisd and ma1sd."""

    def test_they_set_our_own_level(self) -> None:
        """Either name; the configuration counts where there is none."""
        for environment, level in (
            ({}, ConfiguredLevel.INFO),
            ({"MXISD_LOG_LEVEL": ""}, ConfiguredLevel.INFO),
            ({"MXISD_LOG_LEVEL": "DEBUG"}, ConfiguredLevel.DEBUG),
            ({"MA1SD_LOG_LEVEL": "warn"}, ConfiguredLevel.WARN),
        ):
            logging = with_level_of(environment, LoggingSection())
            self.assertIs(logging.app, level)
            self.assertIs(logging.root, ConfiguredLevel.INFO)

    def test_a_level_that_does_not_exist_is_an_error(self) -> None:
        """The variable is named, and the levels there are."""
        error = self.assertRaises(
            ConfigError, with_level_of, {"MXISD_LOG_LEVEL": "loud"}, LoggingSection()
        )
        self.assertIn("MXISD_LOG_LEVEL", str(error))
        self.assertIn("debug", str(error))
