"""The access log: a line per request, without query strings: these hold tokens."""

import sys
from pathlib import Path
from time import gmtime, strftime
from typing import TextIO

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

STANDARD_OUTPUT = "-"
MAX_WAITING_LINES = 10_000
MAX_PATH_LENGTH = 200

log = Logger()


class AccessLog:
    """
    Collects lines, and writes them when told to.

    The file is opened for each writing, so that it can be moved away at any time.
    """

    def __init__(
        self,
        path: str,
        clock: IReactorTime,
        standard_output: TextIO | None = sys.__stdout__,
    ) -> None:
        """
        Prepare a log.

        :param path: A file, ``-`` for the standard output, empty for no log at all.
        :param standard_output: By default the real one: ``sys.stdout`` leads back into
            twistd's own log, at the price of an event for each line.
        """
        self._standard_output = standard_output
        self._path = path
        self._clock = clock
        self._lines: list[tuple[float, bytes, bytes, int, int, float]] = []
        self._is_failing = False

    def record(
        self, method: bytes, path: bytes, status: int, length: int, started: float
    ) -> None:
        """
        Note a request that was answered just now.

        :param path: Without the query string.
        :param length: Of the body sent, in bytes.
        :param started: When the request was there, in seconds of the clock.
        """
        if self._path:
            now = self._clock.seconds()
            self._lines.append((now, method, path, status, length, now - started))
            if len(self._lines) >= MAX_WAITING_LINES:
                self.flush()

    def flush(self) -> None:
        """Write what is waiting; where that fails it is dropped, with a word."""
        if not self._lines:
            return
        lines, self._lines = self._lines, []
        try:
            self._write("".join(_line(*line) for line in lines))
        except OSError as error:
            if not self._is_failing:
                log.warn("the access log cannot be written: {error}", error=error)
            self._is_failing = True
        else:
            self._is_failing = False

    def _write(self, text: str) -> None:
        if self._path == STANDARD_OUTPUT:
            if self._standard_output is not None:
                self._standard_output.write(text)
                self._standard_output.flush()
        else:
            with Path(self._path).open("a", encoding="ascii") as file:
                file.write(text)


def _line(
    now: float, method: bytes, path: bytes, status: int, length: int, took: float
) -> str:
    when = strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(now))
    shown = f"{_shown(method)} {_shown(path)}"
    return f"{when} {shown} {status} {length} {took * 1000:.1f}\n"


def _shown(raw: bytes) -> str:
    # repr escapes whatever could trick a terminal or forge a line.
    return repr(raw[:MAX_PATH_LENGTH])[2:-1]
