"""What the operator reads in the end; no address is in it."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from mxisd.importing.sydent_ini import SydentIni, as_yaml
from mxisd.importing.transfer import Tally


@frozen
class ImportedFile:
    """
    A file with tables.

    :ivar kind: Whose it is.
    """

    path: Path
    kind: str
    tallies: Sequence[Tally]


@frozen
class ImportedKey:
    """
    A signing key.

    :ivar is_new: Whether it was not the current one before.
    """

    key_id: str
    is_new: bool


@frozen(kw_only=True)
class Report:
    """
    What became of an import.

    :ivar file: ``None`` if there were no tables.
    :ivar key: ``None`` if there was no key.
    :ivar settings: ``None`` if there was no configuration.
    """

    file: ImportedFile | None
    key: ImportedKey | None
    settings: SydentIni | None
    is_dry_run: bool

    def lines(self) -> Iterator[str]:
        """For people."""
        if self.file is not None:
            yield f"{self.file.path} (of {self.file.kind}):"
            for tally in self.file.tallies:
                yield from _lines(tally)
        if self.key is not None:
            yield f"signing key {self.key.key_id}: {_fate(self.key)}"
        if self.settings is not None:
            yield from _settings_lines(self.settings)
        if self.is_dry_run:
            yield "This was a dry run: nothing has been changed."

    def content(self) -> Mapping[str, Any]:
        """For programs: a JSON object."""
        content: dict[str, Any] = {"dry_run": self.is_dry_run}
        if self.file is not None:
            content["file"] = str(self.file.path)
            content["kind"] = self.file.kind
            content["parts"] = {each.name: _content(each) for each in self.file.tallies}
        if self.key is not None:
            content["key"] = {"key_id": self.key.key_id, "is_new": self.key.is_new}
        if self.settings is not None:
            content["settings"] = self.settings.settings
            content["not_taken"] = list(self.settings.not_taken)
            content["by_itself"] = list(self.settings.by_itself)
            content["notes"] = list(self.settings.notes)
        return content


def _settings_lines(found: SydentIni) -> Iterator[str]:
    yield "Settings of sydent that have a counterpart, for the configuration:"
    yield from as_yaml(found.settings, "  ")
    yield from (f"Mind: {note}" for note in found.notes)
    yield from (f"Not taken: {remark}" for remark in found.not_taken)
    if found.by_itself:
        keys = ", ".join(found.by_itself)
        yield f"Not taken, since sydent writes it by itself: {keys}"


def _lines(tally: Tally) -> Iterator[str]:
    earlier = f", {tally.earlier} dealt with earlier" if tally.earlier else ""
    yield f"  {tally.name}: {tally.taken} taken{earlier}"
    for reason, count in sorted(tally.left.items()):
        yield f"    {count} left out: {reason}"
    for remark, count in sorted(tally.remarks.items()):
        yield f"    {count} {remark}"


def _content(tally: Tally) -> Mapping[str, Any]:
    return {
        "taken": tally.taken,
        "earlier": tally.earlier,
        "left_out": dict(tally.left),
        "remarks": dict(tally.remarks),
    }


def _fate(key: ImportedKey) -> str:
    if key.is_new:
        return "becomes the current one; a running server must be restarted"
    return "is the current one already"
