"""What the operator reads in the end; no address is in it."""

from collections.abc import Iterator, Sequence

from mxisd.importing.invites import LeftForLater
from mxisd.importing.sources import Source
from mxisd.importing.transfer import Tally


def report(
    source: Source, tallies: Sequence[Tally], later: Sequence[LeftForLater]
) -> Iterator[str]:
    """What became of a file, line by line."""
    yield f"{source.path} (of {source.kind}):"
    for tally in tallies:
        yield from _of_part(tally)
    for each in later:
        yield f"  {each.name}: {each.count} left for later"
    if later:
        yield (
            "  This version keeps no invites yet: keep the file, and import it again "
            "with one that does."
        )


def _of_part(tally: Tally) -> Iterator[str]:
    earlier = f", {tally.earlier} dealt with earlier" if tally.earlier else ""
    yield f"  {tally.name}: {tally.taken} taken{earlier}"
    for reason, count in sorted(tally.left.items()):
        yield f"    {count} left out: {reason}"
