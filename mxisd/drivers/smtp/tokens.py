"""Access tokens to log in with: from a file, or from a program that prints one."""

import os
import shutil
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from attrs import field, frozen

from mxisd.drivers.process import NotExecutable, Processes, Program
from mxisd.drivers.smtp.failures import MailFailed
from mxisd.errors import SenderUnavailable, StoreUnavailable
from mxisd.model.secret import Secret

LIMIT_BYTES = 64 * 1024
SECONDS = 10.0
"""The longest that a program may take."""

PROGRAMS = 5
"""So many run at a time."""

Token = Callable[[], Awaitable[Secret]]
"""Tells the token of now; raises :class:`MailFailed` if there is none."""

FILE, COMMAND = "oauth2.tokenFile", "oauth2.tokenCommand"


@frozen
class TokenFile:
    """A file with a token in it; whoever renews the token writes it anew."""

    path: str

    async def __call__(self) -> Secret:
        """Read it."""
        try:
            with open(self.path, "rb") as file:
                return _token(file.read(LIMIT_BYTES), FILE)
        except OSError as error:
            raise _failed(FILE, f"cannot be read: {error.strerror}") from error

    @property
    def missing(self) -> str | None:
        """What is not there yet, in words."""
        if os.access(self.path, os.R_OK):
            return None
        return f"{FILE}: there is no {self.path} that can be read"


@frozen
class TokenCommand:
    """A program that prints a token, and keeps what it needs to renew it."""

    command: Sequence[str] = field(repr=False)
    reactor: Any
    _processes: Processes = field(init=False)

    @_processes.default
    def _few(self) -> Processes:
        return Processes(self.reactor, PROGRAMS)

    async def __call__(self) -> Secret:
        """Run it."""
        program = Program(argv=self.command, seconds=SECONDS, output_bytes=LIMIT_BYTES)
        try:
            finished = await self._processes.run(program)
        except (NotExecutable, StoreUnavailable) as error:
            raise _failed(COMMAND, str(error)) from error
        if finished.code != 0:
            # What it says about it may have the token in it.
            reason = finished.trouble or f"ended with code {finished.code}"
            raise _failed(COMMAND, reason)
        return _token(finished.stdout, COMMAND)

    @property
    def missing(self) -> str | None:
        """What is not there yet, in words."""
        program = self.command[0]
        if shutil.which(program) is not None:
            return None
        return f"{COMMAND}: there is no {program} that can be run"


def _token(printed: bytes, key: str) -> Secret:
    token = printed.strip()
    if not token or len(token.split()) > 1 or not token.isascii():
        raise _failed(key, "has no token, which is one word")
    return Secret(token.decode("ascii"))


def _failed(key: str, text: str) -> MailFailed:
    return MailFailed(text, key=key, means=SenderUnavailable)
