"""What the operator reads in the end; no address is in it."""

from collections.abc import Iterator, Sequence

from mxisd.importing.sources import Source
from mxisd.importing.transfer import Tally


def report(source: Source, tallies: Sequence[Tally]) -> Iterator[str]:
    """What became of a file, line by line."""
    yield f"{source.path} (of {source.kind}):"
    for tally in tallies:
        yield from _of_part(tally)


def _of_part(tally: Tally) -> Iterator[str]:
    earlier = f", {tally.earlier} dealt with earlier" if tally.earlier else ""
    yield f"  {tally.name}: {tally.taken} taken{earlier}"
    for reason, count in sorted(tally.left.items()):
        yield f"    {count} left out: {reason}"
    for remark, count in sorted(tally.remarks.items()):
        yield f"    {count} {remark}"
