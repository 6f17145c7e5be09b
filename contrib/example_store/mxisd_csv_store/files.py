# SPDX-License-Identifier: Apache-2.0
"""A CSV file that is read again when it has changed."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from attrs import frozen
from mxisd.errors import StoreUnavailable
from mxisd.interfaces import Tools
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from mxisd_csv_store.people import Malformed, People, Remark, read_people

P = ParamSpec("P")
T = TypeVar("T")

LOOK_SECONDS = 1.0
"""The file is looked at when somebody asks, at most so often."""

REMARKS_SHOWN = 20

log = Logger()

Stamp = tuple[int, int, int]


@frozen
class Reading:
    """
    What was found in the file.

    :ivar stamp: Tells this state of the file from others.
    """

    stamp: Stamp
    people: People


class PeopleFile:
    """The file as it is now, or as it was less than :data:`LOOK_SECONDS` ago."""

    def __init__(self, path: Path, tools: Tools) -> None:
        self._path = path
        self._tools = tools
        self._reading: Reading | None = None
        self._problem = ""
        self._look_at = float("-inf")
        self._waiting: list[Deferred[None]] = []

    async def people(self) -> People:
        """
        Tell who is in the file.

        :raise StoreUnavailable: If there is none, or it makes no sense. What was in it
            before does not count: it may be wrong by now.
        """
        if self._tools.reactor.seconds() >= self._look_at:
            await self._looked()
        if self._reading is None:
            raise StoreUnavailable(f"{self._path}: {self._problem}")
        return self._reading.people

    def in_thread(
        self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> "Deferred[T]":
        """Do what takes long without stopping the server meanwhile."""
        reactor = self._tools.reactor
        return deferToThreadPool(
            reactor, reactor.getThreadPool(), work, *args, **kwargs
        )

    def _looked(self) -> "Deferred[None]":
        # All who ask at the same time wait for one look, each on a Deferred of its own.
        # So one who stops waiting, because its time is up, does not stop the look.
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        if len(self._waiting) == 1:
            Deferred.fromCoroutine(self._look()).addBoth(self._wake)
        return waiting

    def _wake(self, result: Any) -> None:
        # The result is None, or the failure of something that was not foreseen: mxisd
        # takes this for "could not answer", too, and the next question looks again.
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(result)

    async def _look(self) -> None:
        before, self._problem = self._reading, ""
        try:
            self._reading = await self.in_thread(_read, self._path, self._tools, before)
        except (OSError, UnicodeDecodeError, Malformed) as error:
            self._reading, self._problem = None, _in_words(error)
        self._look_at = self._tools.reactor.seconds() + LOOK_SECONDS
        if self._reading is not None and self._reading is not before:
            self._report(self._reading.people.remarks)

    def _report(self, remarks: list[Remark]) -> None:
        if not remarks:
            return
        shown = [f"{each.line} ({each.text})" for each in remarks[:REMARKS_SHOWN]]
        log.warn(
            "Store {store}: {count} rows of {path} are not used, or not as they are "
            "written; their lines: {lines}{more}",
            store=self._tools.name,
            count=len(remarks),
            path=str(self._path),
            lines=", ".join(shown),
            more=", …" if len(remarks) > REMARKS_SHOWN else "",
        )


def _read(path: Path, tools: Tools, before: Reading | None) -> Reading:
    """Read the file, unless it is as it was before; runs in a thread."""
    status = os.stat(path)
    stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
    if before is not None and before.stamp == stamp:
        return before
    # Spreadsheets begin a file with a byte order mark, which "-sig" passes over.
    text = path.read_bytes().decode("utf-8-sig")
    return Reading(stamp, read_people(text, tools.domain, tools.addresses))


def _in_words(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    if isinstance(error, UnicodeDecodeError):
        return "it is not in UTF-8"
    return str(error)
