"""``%NAME%``: mxisd's placeholders."""

import re
from collections.abc import Callable, Mapping

_PLACEHOLDER = re.compile(r"%([A-Z][A-Z0-9_]*)%")


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
