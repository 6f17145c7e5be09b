"""
The generated part of configuration.rst.

``make reference`` writes it anew from the settings classes; a test compares.
"""

from collections.abc import Iterator
from pathlib import Path

from mxisd.config.reference import render
from mxisd.config.sections import Config
from mxisd.config.structure import nested, options
from mxisd.model.settings import key_of

PAGE = Path(__file__).with_name("configuration.rst")
MARK = '.. "make reference" writes what follows.\n'


def sections() -> Iterator[str]:
    """Each section of the file with all its keys."""
    for field in options(Config):
        section = nested(field.type)
        if section is None:
            continue
        key = key_of(field)
        summary = (section.__doc__ or "").strip()
        yield f"{key}\n{'~' * len(key)}\n\n{summary}\n\n{render(section, key + '.')}"


def page(text: str) -> str:
    """The page with its generated part as it should be."""
    head, mark, _ = text.partition(MARK)
    return f"{head}{mark}\n" + "\n".join(sections())


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
