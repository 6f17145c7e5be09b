"""The operator's template files: whatever is wrong with them names the file."""

from collections.abc import Mapping
from pathlib import Path

from mxisd.notify.engines import (
    JINJA_SUFFIX,
    Place,
    TemplateFailed,
    Write,
    template,
)
from mxisd.notify.facts import Facts
from mxisd.notify.languages import translations


def files_beside(file: Path) -> Mapping[str, Path]:
    """
    The translations of a file, by language.

    :raise TemplateFailed: If its folder cannot be read.
    """
    try:
        return translations(file)
    except OSError as error:
        text = f"its folder cannot be read: {error.strerror}"
        raise TemplateFailed(text).within(file) from error


def source_of(file: Path) -> str:
    """
    The text of a file.

    :raise TemplateFailed: If it cannot be read.
    """
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        reason = error.strerror or str(error)
        raise TemplateFailed(f"cannot be read: {reason}").within(file) from error
    except ValueError as error:
        raise TemplateFailed("is not UTF-8 text").within(file) from error


def in_file(file: Path, text: str, place: Place, lines_above: int | None) -> Write:
    """A template that names its file when it fails."""
    try:
        write = template(text, place, is_jinja=file.suffix == JINJA_SUFFIX)
    except TemplateFailed as error:
        raise error.within(file, lines_above) from error

    def write_or_name(facts: Facts) -> str:
        try:
            return write(facts)
        except TemplateFailed as error:
            raise error.within(file, lines_above) from error

    return write_or_name
