"""``%NAME%``: mxisd's placeholders."""

import difflib
import re
from collections.abc import Callable, Collection, Mapping, Sequence

_PLACEHOLDER = re.compile(r"%([A-Z][A-Z0-9_]*)%")

SIMILARITY = 0.8
"""How alike two names are if one of them is a slip; 1 is the same."""


def names_in(template: str) -> Sequence[str]:
    """The placeholders in a text, whether there are values for them or not."""
    return tuple(dict.fromkeys(_PLACEHOLDER.findall(template)))


def close_to(name: str, known: Collection[str]) -> str | None:
    """The known name that this one is a slip of, most likely."""
    return next(iter(difflib.get_close_matches(name, known, 1, SIMILARITY)), None)


def replaced(
    template: str,
    values: Mapping[str, str],
    escape: Callable[[str], str],
    unknown: str | None = None,
) -> str:
    """
    Put values into a template, in one go: what a value looks like does not matter.

    :param escape: Makes a value harmless where it goes.
    :param unknown: What stands for a placeholder without a value; ``None``: itself.
    """

    def value_of(found: "re.Match[str]") -> str:
        value = values.get(found[1])
        if value is None:
            return found[0] if unknown is None else unknown
        return escape(value)

    return _PLACEHOLDER.sub(value_of, template)
