"""The numbered steps that bring a database to the shape the code expects."""

from importlib.resources import files

from attrs import frozen


@frozen
class Migration:
    """One step."""

    number: int
    name: str
    statements: tuple[str, ...]


def migrations() -> tuple[Migration, ...]:
    """Every step, in order: the files ``sql/NNNN_name.sql``."""
    found = [
        _migration(entry.name, entry.read_text(encoding="utf-8"))
        for entry in files("mxisd.records").joinpath("sql").iterdir()
        if entry.name.endswith(".sql")
    ]
    return tuple(sorted(found, key=lambda migration: migration.number))


def _migration(name: str, text: str) -> Migration:
    lines = [line for line in text.splitlines() if not line.startswith("--")]
    statements = [part.strip() for part in "\n".join(lines).split(";")]
    return Migration(int(name[:4]), name, tuple(filter(None, statements)))
