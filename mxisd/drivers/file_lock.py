"""A lock that one process at a time has, and that ends with it, however it ends."""

import errno
import fcntl
import os
from contextlib import suppress
from pathlib import Path

from attrs import define

NOTE_BYTES = 200

# Some network file systems know no locks.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)


class LockHeld(Exception):
    """Another process has the lock; the message is what it says of itself."""


class LocksImpossible(Exception):
    """The file system knows no locks."""


@define(eq=False)
class FileLock:
    """
    A file that is locked; it stays when the lock ends, and means nothing then.

    A process that forks hands the lock on: it ends when no process has it any more.
    Programs that it starts do not get it.
    """

    _file: int
    _note: str

    @classmethod
    def taken(cls, path: Path, note: str) -> "FileLock":
        """
        Take the lock.

        :param note: What others are told, beside the process and the machine.
        :raise LockHeld: If somebody else has it.
        :raise LocksImpossible: If nobody can have one there.
        :raise OSError: If the file cannot be opened.
        """
        file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            words = os.pread(file, NOTE_BYTES, 0)
            os.close(file)
            if isinstance(error, BlockingIOError):
                raise LockHeld(_shown(words)) from error
            if error.errno in _NO_LOCKS:
                raise LocksImpossible(str(error)) from error
            raise
        lock = cls(file, note)
        lock.sign()
        return lock

    def sign(self) -> None:
        """Say which process has it: again after a fork."""
        words = f"process {os.getpid()} on {os.uname().nodename}, {self._note}\n"
        # On a full disk it is a lock all the same.
        with suppress(OSError):
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, words.encode(errors="replace"), 0)

    def release(self) -> None:
        """Let it go; once is enough."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)


def _shown(words: bytes) -> str:
    text = words.decode(errors="replace").strip()
    return "".join(c for c in text if c.isprintable()) or "another process"
