"""Where log lines go, and which ones."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from attrs import evolve
from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogEvent,
    Logger,
    LogLevel,
    LogLevelFilterPredicate,
    formatEvent,
    globalLogPublisher,
    textFileLogObserver,
)
from twisted.python.logfile import LogFile

from mxisd.config.sections import LoggingSection
from mxisd.config.sections import LogLevel as ConfiguredLevel
from mxisd.errors import ConfigError

LEVEL_VARIABLES = ("MXISD_LOG_LEVEL", "MA1SD_LOG_LEVEL")
STANDARD_OUTPUT = "-"
ROTATE_BYTES = 10_000_000
KEPT_FILES = 10

log = Logger()

_LEVELS = {
    ConfiguredLevel.TRACE: LogLevel.debug,
    ConfiguredLevel.DEBUG: LogLevel.debug,
    ConfiguredLevel.INFO: LogLevel.info,
    ConfiguredLevel.WARN: LogLevel.warn,
    ConfiguredLevel.ERROR: LogLevel.error,
    ConfiguredLevel.OFF: LogLevel.critical,
}

# What these say at info is chatter: a line for each connection they open or close.
_CHATTY = (
    "log_legacy",
    "twisted.web.client",
    "twisted.internet",
    "twisted.names",
    "ldaptor",
)


def with_level_of(
    environment: Mapping[str, str], logging: LoggingSection
) -> LoggingSection:
    """
    The settings with the level that the environment asks for, as mxisd and ma1sd do.

    :raise ConfigError: If it asks for a level that does not exist.
    """
    for name in LEVEL_VARIABLES:
        text = environment.get(name)
        if text:
            return evolve(logging, app=_level(name, text))
    return logging


def _level(name: str, text: str) -> ConfiguredLevel:
    try:
        return ConfiguredLevel(text.lower())
    except ValueError as error:
        words = ", ".join(level.value for level in ConfiguredLevel)
        raise ConfigError.at(name, f"must be one of {words}") from error


def log_observer(logging: LoggingSection, output: Any) -> ILogObserver:
    """
    An observer that writes what the levels let through.

    :param output: A file as :func:`log_output` makes it.
    """
    levels = LogLevelFilterPredicate(defaultLogLevel=_LEVELS[logging.root])
    if logging.root is ConfiguredLevel.INFO:
        for namespace in _CHATTY:
            levels.setLogLevelForNamespace(namespace, LogLevel.warn)
    levels.setLogLevelForNamespace("mxisd", _LEVELS[logging.app])
    writing = textFileLogObserver(output)
    observer: ILogObserver = FilteringLogObserver(writing, [levels])
    return observer


def is_shown(twistd: Mapping[str, Any]) -> bool:
    """Whether the log goes to the standard output; twistd's own options decide."""
    path = twistd.get("logfile")
    return path == STANDARD_OUTPUT or (not path and bool(twistd.get("nodaemon")))


def log_output(twistd: Mapping[str, Any]) -> Any:
    """
    Open what twistd would write to.

    :param twistd: twistd's own options: ``logfile`` and ``nodaemon``.
    """
    if is_shown(twistd):
        return sys.stdout
    return LogFile.fromFullPath(
        twistd.get("logfile") or "twistd.log",
        rotateLength=ROTATE_BYTES,
        maxRotatedFiles=KEPT_FILES,
    )


def reopen(output: Any) -> None:
    """Open a log file anew, since it may have been moved; nothing else is touched."""
    if not isinstance(output, LogFile):
        return
    try:
        # It is closed first, so that there would be no log at all.
        os.close(os.open(output.path, os.O_CREAT | os.O_WRONLY, 0o600))
        output.reopen()
    except OSError as error:
        log.warn("the log file cannot be opened anew: {error}", error=error)
    else:
        log.info("The log file has been opened anew")


@contextmanager
def logged_warnings() -> Iterator[list[str]]:
    """Take down what is logged meanwhile as a warning, or as worse."""
    lines: list[str] = []

    def note(event: LogEvent) -> None:
        if event.get("log_level", LogLevel.debug) >= LogLevel.warn:
            lines.append(formatEvent(event))

    observer: Any = note
    globalLogPublisher.addObserver(observer)
    try:
        yield lines
    finally:
        globalLogPublisher.removeObserver(observer)
