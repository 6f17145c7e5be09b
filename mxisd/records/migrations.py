"""The numbered steps that bring a database to the shape the code expects."""

from collections.abc import Callable, Coroutine
from importlib.resources import files
from typing import Any

from attrs import frozen

from mxisd.records.a_labels import move_to_a_labels
from mxisd.records.database import Transaction

Work = Callable[[Transaction], Coroutine[Any, Any, None]]


@frozen
class Migration:
    """
    One step.

    :ivar work: What SQL cannot do; it comes after the statements, and is done in the
        same transaction.
    """

    number: int
    name: str
    statements: tuple[str, ...] = ()
    work: Work | None = None


IN_PYTHON = (Migration(8, "0008_a_labels", work=move_to_a_labels),)


def migrations() -> tuple[Migration, ...]:
    """Every step, in order: the files ``sql/NNNN_name.sql``, and those in Python."""
    found = [
        _migration(entry.name, entry.read_text(encoding="utf-8"))
        for entry in files("mxisd.records").joinpath("sql").iterdir()
        if entry.name.endswith(".sql")
    ]
    return tuple(sorted((*found, *IN_PYTHON), key=lambda migration: migration.number))


def _migration(name: str, text: str) -> Migration:
    lines = [line for line in text.splitlines() if not line.startswith("--")]
    statements = [part.strip() for part in "\n".join(lines).split(";")]
    return Migration(int(name[:4]), name, tuple(filter(None, statements)))
