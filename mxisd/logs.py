"""Where log lines go, and which ones."""

import sys
from collections.abc import Mapping
from typing import Any

from attrs import evolve
from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    textFileLogObserver,
)
from twisted.python.logfile import LogFile

from mxisd.config.sections import LoggingSection
from mxisd.config.sections import LogLevel as ConfiguredLevel
from mxisd.errors import ConfigError

LEVEL_VARIABLES = ("MXISD_LOG_LEVEL", "MA1SD_LOG_LEVEL")
ROTATE_BYTES = 10_000_000
KEPT_FILES = 10

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


def log_observer(logging: LoggingSection, twistd: Mapping[str, Any]) -> ILogObserver:
    """
    An observer that writes what the levels let through where twistd would write.

    :param twistd: twistd's own options: ``logfile`` and ``nodaemon``.
    """
    levels = LogLevelFilterPredicate(defaultLogLevel=_LEVELS[logging.root])
    if logging.root is ConfiguredLevel.INFO:
        for namespace in _CHATTY:
            levels.setLogLevelForNamespace(namespace, LogLevel.warn)
    levels.setLogLevelForNamespace("mxisd", _LEVELS[logging.app])
    output = textFileLogObserver(_output(twistd))
    observer: ILogObserver = FilteringLogObserver(output, [levels])
    return observer


def _output(twistd: Mapping[str, Any]) -> Any:
    path = twistd.get("logfile")
    if path == "-" or (not path and twistd.get("nodaemon")):
        return sys.stdout
    return LogFile.fromFullPath(
        path or "twistd.log", rotateLength=ROTATE_BYTES, maxRotatedFiles=KEPT_FILES
    )
