"""Which language to write in."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

# What follows the language in the name of a template.
_TAIL = re.compile(r"(\.(?:eml|html?|txt))?(\.j2)?$")
_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")


def choice(wanted: Sequence[str], available: Iterable[str]) -> str | None:
    """
    Choose a language.

    :param wanted: Language tags, the most wanted first; ``de-AT`` is content with
        ``de``.
    :param available: Tags in lower case.
    :return: One of the available; ``None`` if none is wanted.
    """
    known = set(available)
    shortened = (tag for each in wanted for tag in _shortened(each))
    return next((tag for tag in shortened if tag in known), None)


def translations(path: Path) -> dict[str, Path]:
    """
    The translations beside a file, by language: ``invite.de.eml`` of ``invite.eml``.

    :raise OSError: If the folder cannot be read.
    """
    tail = _TAIL.search(path.name)
    end = tail[0] if tail else ""
    start = path.name.removesuffix(end) + "."
    found = {}
    for each in sorted(path.parent.iterdir()):
        if each.name.startswith(start) and each.name.endswith(end) and each != path:
            tag = each.name[len(start) :].removesuffix(end)
            if _TAG.fullmatch(tag):
                found[tag.lower()] = each
    return found


def _shortened(tag: str) -> Iterator[str]:
    parts = tag.strip().lower().replace("_", "-").split("-")
    for size in range(len(parts), 0, -1):
        yield "-".join(parts[:size])
