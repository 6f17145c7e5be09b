"""The operator's programs, asked and judged by their exit codes."""

import enum
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

from attrs import Factory, define, field, frozen
from twisted.logger import Logger

from mxisd.drivers.process import (
    Finished,
    NotExecutable,
    Processes,
    found,
)
from mxisd.errors import Misconfigured, Problem, StoreUnavailable
from mxisd.portions import Portions
from mxisd.stores.command.calls import Call
from mxisd.stores.command.templates import Unsayable, Values

log = Logger()

LINES_SHOWN, LINE_SHOWN = 20, 300
"""So many lines of diagnostics, and characters of each, are logged."""

LOUD_PAUSE = 60.0
"""Seconds between two programs whose diagnostics are logged as warnings."""

LINE_LIMIT = 65536
"""The longest line of a list, in bytes."""

LIST_BYTES = 16 * 1024 * 1024
"""The most that a list in one JSON document may have: it is read in one go."""

_ADDRESSES = re.compile(r"[^\s@]*@[^\s@]*|\+?[0-9]{5,}")
_NOT_FOUND = {
    126: "; that mostly means that it may not be executed",
    127: "; that mostly means that a program or its interpreter is missing",
}


class Outcome(enum.Enum):
    """What an exit code means."""

    SUCCESS = "success"
    FAILURE = "failure"


@frozen
class Answer:
    """
    What a program said.

    :ivar code: Its exit code; ``None`` if it was not run.
    :ivar unsaid: The token of the value for which it was not run.
    :ivar text: Its output; empty unless it succeeded.
    """

    outcome: Outcome
    text: str = ""
    code: int | None = None
    unsaid: str = ""


def _portions(command: "Command") -> Portions:
    return Portions(command.reactor)


@define(eq=False)
class Command:
    """
    A program that answers questions.

    :ivar name: The store's, for the log.
    :ivar portions: For loops over what it prints.
    """

    name: str
    call: Call
    processes: Processes
    reactor: Any
    portions: Portions = field(init=False, default=Factory(_portions, takes_self=True))
    _quiet_until: float = field(init=False, default=0.0)

    async def ask(self, values: Values, stdin: bytes | None = None) -> Answer:
        """
        Run the program, and judge how it ended.

        A value that cannot be handed over as it is finds nobody: the program is not
        run.

        :param stdin: Instead of what the template says.
        :raise StoreUnavailable: If that was no answer.
        """
        try:
            program = self.call.program(values, stdin)
        except Unsayable as error:
            log.debug("{store}: {path} cannot be told a value", **self._names)
            return Answer(Outcome.FAILURE, unsaid=error.name)
        finished = await self._ran(self.processes.run(program))
        outcome = self._outcome(finished, values)
        text = self._text(finished.stdout) if outcome is Outcome.SUCCESS else ""
        return Answer(outcome, text, finished.code)

    async def each_line(
        self, take: Callable[[str], Awaitable[None]], stdin: bytes | None = None
    ) -> None:
        """
        Run the program, and hand over each line that it prints as it comes.

        :raise StoreUnavailable: If it did not succeed in the end.
        """
        rest = b""

        async def split(data: bytes) -> None:
            nonlocal rest
            *lines, rest = (rest + data).split(b"\n")
            for each in lines:
                await take(self._text(each))
            if len(rest) > LINE_LIMIT:
                raise self.nonsense(f"a line of more than {LINE_LIMIT} bytes")

        program = self.call.program({}, stdin)
        finished = await self._ran(self.processes.stream(program, split))
        self._check_success(finished)
        if rest:
            await take(self._text(rest))

    async def whole_list(self, stdin: bytes | None = None) -> str:
        """
        Run the program, and give everything that it prints.

        :raise StoreUnavailable: If it did not succeed in the end.
        """
        kept = bytearray()

        async def keep(data: bytes) -> None:
            kept.extend(data)
            if len(kept) > LIST_BYTES:
                raise self.nonsense(f"more than {LIST_BYTES} bytes")

        program = self.call.program({}, stdin)
        finished = await self._ran(self.processes.stream(program, keep))
        self._check_success(finished)
        return self._text(bytes(kept))

    def nonsense(self, what: str) -> StoreUnavailable:
        """
        What to raise for output that makes no sense.

        :param what: What was printed; no value in it.
        """
        return StoreUnavailable(f"{self.call.path}.command printed {what}")

    def report_left_out(self, count: int) -> None:
        """Log that so many things in an answer were no user ID, or no 3PID."""
        if count:
            loud = self._may_be_loud()
            (log.warn if loud else log.debug)(
                "{store}: {path} printed {count} illegal user IDs or 3PIDs; they are "
                "left out",
                count=count,
                **self._names,
            )

    def problems(self) -> Iterator[Problem]:
        """Why the program cannot be run, if so."""
        try:
            found(self.call.command)
        except NotExecutable as error:
            yield Problem(f"{self.call.path}.command", str(error))

    # --- How it ended -----------------------------------------------------------------

    async def _ran(self, running: Awaitable[Finished]) -> Finished:
        try:
            return await running
        except NotExecutable as error:
            path = f"{self.call.path}.command"
            raise Misconfigured(path, str(error)) from error

    def _check_success(self, finished: Finished) -> None:
        if self._outcome(finished, {}) is not Outcome.SUCCESS:
            raise StoreUnavailable(
                f"{self.call.path}.command gave its list up with exit code "
                f"{finished.code}"
            )

    def _outcome(self, finished: Finished, values: Values) -> Outcome:
        if finished.code in self.call.success:
            outcome = Outcome.SUCCESS
        elif finished.code in self.call.failure:
            outcome = Outcome.FAILURE
        else:
            self._tell(finished, values, is_bad=True)
            raise StoreUnavailable(f"{self.call.path}.command {_reason(finished)}")
        self._tell(finished, values, is_bad=False)
        return outcome

    def _text(self, data: bytes) -> str:
        try:
            return data.decode().removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            raise self.nonsense("something that is not UTF-8") from error

    # --- What the log learns ----------------------------------------------------------

    @property
    def _names(self) -> dict[str, str]:
        return {"store": self.name, "path": f"{self.call.path}.command"}

    def _tell(self, finished: Finished, values: Values, *, is_bad: bool) -> None:
        lines = finished.stderr.decode(errors="replace").splitlines()[:LINES_SHOWN]
        if not lines:
            return
        # A program that traces itself writes down what it was given, in some spelling.
        secret = values.get("password")
        is_loud = is_bad and secret is None and self._may_be_loud()
        for each in lines if secret is None else _without(secret, lines):
            if is_loud:
                shown = _ADDRESSES.sub("…", _masked(each, values))[:LINE_SHOWN]
                log.warn("{store}: {path} says: {line}", line=shown, **self._names)
            else:
                shown = each[:LINE_SHOWN]
                log.debug("{store}: {path} says: {line}", line=shown, **self._names)

    def _may_be_loud(self) -> bool:
        now = self.reactor.seconds()
        if now < self._quiet_until:
            return False
        self._quiet_until = now + LOUD_PAUSE
        return True


def _reason(finished: Finished) -> str:
    if finished.code is None:
        return finished.trouble
    hint = _NOT_FOUND.get(finished.code, "")
    return (
        f"ended with exit code {finished.code}, which is in neither exit.success nor "
        f"exit.failure{hint}"
    )


def _masked(text: str, values: Values) -> str:
    for value in values.values():
        if isinstance(value, str) and len(value) > 1:
            text = text.replace(value, "…")
    return text


def _without(secret: str, lines: Sequence[str]) -> list[str]:
    pieces = [piece for piece in secret.splitlines() if piece]
    return [
        "(a line with the password)"
        if any(_holds(each, piece) for piece in pieces)
        else each
        for each in lines
    ]


def _holds(text: str, secret: str) -> bool:
    bare = _bare(secret)
    return secret in text or (bool(bare) and bare in _bare(text))


def _bare(text: str) -> str:
    # However it is quoted, letters and digits mostly stay.
    return "".join(filter(str.isalnum, text))
