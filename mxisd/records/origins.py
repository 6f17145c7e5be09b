"""
Whose an SQLite file is: ours, or another program's, into which nothing is written.

A file of ours says so by its ``application_id``. Older ones do not: they are known by
their tables and the number of their last migration.
"""

import sqlite3
from collections.abc import Callable, Iterator, Set
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

from mxisd.errors import RecordsUnavailable

T = TypeVar("T")
Read = Callable[[Path, Callable[[sqlite3.Connection], str | None]], str | None]

MXISD, MA1SD, SYDENT = "mxisd", "ma1sd", "sydent"
"""Servers whose files can be imported; here ``mxisd`` is the one in Java."""

OURS = 0x6D786964
"""The ``application_id``: "mxid" in ASCII."""

_FIRST_TABLES = frozenset({"accounts", "accepted_terms", "peppers", "bindings"})
_FOREIGN = (
    (SYDENT, {"global_threepid_associations", "threepid_validation_sessions"}),
    (MA1SD, {"session_3pid", "invite_3pid", "account"}),
    (MXISD, {"session_3pid", "invite_3pid"}),
)
"""What tells whose file it is; the first that suits."""

TABLES = "SELECT name FROM sqlite_master WHERE type = 'table'"
BUSY_SECONDS = 5.0


def importable(tables: Set[str]) -> str | None:
    """The server whose tables these are; ``None`` if we know none."""
    return next((kind for kind, needed in _FOREIGN if needed <= tables), None)


def require_ours(path: Path) -> None:
    """
    Let a file pass that is ours, or empty, or not there.

    :raise RecordsUnavailable: If it is somebody else's, or cannot be read; the message
        names what to do.
    """
    _pass(path, _read)


def look_at_ours(path: Path, newest: int) -> None:
    """
    The same for a file that is only looked at, and that no connection may change.

    :param newest: The last migration that is known here.
    :raise RecordsUnavailable: Also if the file is of a newer version.
    """
    _pass(path, _looked_from_afar)
    if path.exists() and path.stat().st_size:
        with _naming(path):
            version = _looked_from_afar(path, lambda c: _number(c, "user_version"))
        require_known(path, version, newest)


def require_known(path: Path, version: int, newest: int) -> None:
    """
    Let a file pass that no newer version of us has had.

    :raise RecordsUnavailable: If one has.
    """
    if version > newest:
        raise RecordsUnavailable(
            f"{path} was made by a newer mxisd (schema {version}, this one knows "
            f"{newest}); install that version again"
        )


def _pass(path: Path, read: Read) -> None:
    with _naming(path):
        problem = _problem(path, read)
    if problem is not None:
        raise RecordsUnavailable(f"{path} {problem}")


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise RecordsUnavailable(f"{path} cannot be used: {error}") from error


def mark(path: Path) -> None:
    """Write into a file that it is ours, unless it says so."""
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection:
        if _number(connection, "application_id") != OURS:
            connection.execute(f"PRAGMA application_id={OURS:d}")


def _problem(path: Path, read: Read) -> str | None:
    if not path.exists() or path.stat().st_size == 0:
        return None
    try:
        return read(path, _objection)
    except sqlite3.DatabaseError as error:
        if _code(error) != sqlite3.SQLITE_NOTADB:
            raise
        return "is no SQLite database; choose another file"


def _objection(connection: sqlite3.Connection) -> str | None:
    """Why a file is not used; ``None`` if it is ours, or has nothing in it."""
    application = _number(connection, "application_id")
    tables = {name for (name,) in connection.execute(TABLES)}
    if application == OURS or (application == 0 and not tables):
        return None
    version = _number(connection, "user_version")
    if application == 0 and version > 0 and tables >= _FIRST_TABLES:
        return None
    kind = importable(tables)
    if kind is None:
        return "is the database of another program; choose another file"
    server = "mxisd (Java)" if kind == MXISD else kind
    return (
        f"is the database of {server}, into which nothing is written; choose another "
        "file, and take over what is in this one by: mxisd import"
    )


def _read(path: Path, look: Callable[[sqlite3.Connection], T]) -> T:
    # Only a connection that may write can end what a crash has left half done: then
    # the file is as its own program would find it.
    try:
        return _looked(path, "ro", look)
    except sqlite3.OperationalError as error:
        if _code(error) != sqlite3.SQLITE_READONLY:
            raise
    return _looked(path, "rw", look)


def _looked_from_afar(path: Path, look: Callable[[sqlite3.Connection], T]) -> T:
    """
    Look at a file so that nothing is left beside it.

    Whoever reads a file in WAL mode makes two more beside it, unless a server that
    runs, or has crashed, has done so; as another user's they would be in its way.
    """
    logs = (path.with_name(path.name + end) for end in ("-wal", "-shm"))
    is_open = all(each.exists() for each in logs)
    return _looked(path, "ro" if is_open else "ro&immutable=1", look)


def _looked(path: Path, mode: str, look: Callable[[sqlite3.Connection], T]) -> T:
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS)
    with closing(connection):
        return look(connection)


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])


def _code(error: sqlite3.Error) -> int:
    return error.sqlite_errorcode & 0xFF
