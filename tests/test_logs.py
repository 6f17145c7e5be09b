"""Which log lines are written, and where."""

from pathlib import Path

from twisted.logger import Logger, LogLevel
from twisted.trial.unittest import SynchronousTestCase

from mxisd.config.sections import LoggingSection
from mxisd.config.sections import LogLevel as ConfiguredLevel
from mxisd.errors import ConfigError
from mxisd.logs import log_observer, with_level_of


class LogObserverTests(SynchronousTestCase):
    """The filter and the file."""

    def written(self, logging: LoggingSection) -> set[str]:
        """Which of the lines "<who> <level>" get into the file."""
        path = Path(self.mktemp())
        observer = log_observer(logging, {"logfile": str(path), "nodaemon": True})
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
