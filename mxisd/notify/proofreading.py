"""Placeholders in the operator's files that nothing is put in for."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from attrs import frozen
from jinja2 import meta, nodes
from jinja2.defaults import DEFAULT_NAMESPACE

from mxisd.errors import Problem, Weight
from mxisd.model.messages import MessageFiles
from mxisd.notify.engines import (
    BROKEN,
    JINJA_SUFFIX,
    Place,
    TemplateFailed,
    environment,
)
from mxisd.notify.placeholders import close_to, names_in
from mxisd.notify.template_files import files_beside, source_of

Found = tuple[str, int | None]
"""A name, and its line."""


@frozen
class Names:
    """
    What templates of a message can name.

    :ivar here: Placeholders that have values in it.
    :ivar anywhere: Placeholders that have values in some message.
    :ivar is_open: Whether homeservers may tell more of their own.
    """

    here: Collection[str]
    anywhere: Collection[str]
    is_open: bool


def flaws(files: str | MessageFiles | None, names: Names) -> Iterator[Problem]:
    """
    What is not known in the files of a message; what cannot be read has nothing.

    :return: With paths relative to the key of the message. An error is no doubt a
        mistake; a warning may be meant.
    """
    if isinstance(files, MessageFiles):
        subject = ((name, None) for name in names_in(files.subject))
        yield from _classic_flaws("subject", "", subject, names)
        yield from _file_flaws("body.text", files.text, names)
        yield from _file_flaws("body.html", files.html, names)
    else:
        yield from _file_flaws("", files, names)


def _file_flaws(key: str, path: str | None, names: Names) -> Iterator[Problem]:
    if path is None:
        return
    for file in _with_translations(Path(path)):
        try:
            text = source_of(file)
        except TemplateFailed:
            continue
        if file.suffix == JINJA_SUFFIX:
            yield from _jinja_flaws(key, str(file), _jinja_names(text), names)
        else:
            yield from _classic_flaws(key, str(file), _classic_names(text), names)


def _with_translations(file: Path) -> Sequence[Path]:
    try:
        return (file, *files_beside(file).values())
    except TemplateFailed:
        return ()


def _classic_names(text: str) -> Iterator[Found]:
    for number, line in enumerate(text.split("\n"), 1):
        for name in names_in(line):
            yield name, number


def _jinja_names(text: str) -> Iterator[Found]:
    try:
        tree = environment(Place.TEXT).parse(text)
        undeclared = meta.find_undeclared_variables(tree)
    except BROKEN:
        return  # it is told where it is compiled
    unset = undeclared - DEFAULT_NAMESPACE.keys()
    for node in tree.find_all(nodes.Name):
        if node.name in unset:
            yield node.name, node.lineno


def _classic_flaws(
    key: str, file: str, found: Iterator[Found], names: Names
) -> Iterator[Problem]:
    for name, line in dict.fromkeys(found):
        if name not in names.here:
            meant = _meant(name, names)
            text = f"%{name}% is not known in this message{_hint(meant, names)}"
            is_sure = meant is not None and not names.is_open
            yield _flaw(key, _at(file, line) + text, is_sure=is_sure)


def _jinja_flaws(
    key: str, file: str, found: Iterator[Found], names: Names
) -> Iterator[Problem]:
    known = [each.lower() for each in names.anywhere]
    for name, line in dict.fromkeys(found):
        meant = close_to(name, known)
        # What a homeserver may tell has been provided for: the sample passes.
        if name not in known and (meant is not None or not names.is_open):
            hint = f"; did you mean {meant}?" if meant else ""
            text = f"{name} is not known{hint}"
            is_sure = not names.is_open
            yield _flaw(key, _at(file, line) + text, is_sure=is_sure)


def _flaw(key: str, text: str, *, is_sure: bool) -> Problem:
    weight = Weight.ERROR if is_sure else Weight.WARNING
    return Problem(key, text, weight=weight)


def _meant(name: str, names: Names) -> str | None:
    # What is closer to a name of other messages is in the wrong file.
    meant = close_to(name, names.anywhere)
    return meant if meant in names.here else None


def _hint(meant: str | None, names: Names) -> str:
    if meant is not None:
        return f"; did you mean %{meant}%?"
    unless = ", unless a homeserver tells it" if names.is_open else ""
    return f"{unless}, and stays as it is"


def _at(file: str, line: int | None) -> str:
    if not file:
        return ""
    return f"{file}: " if line is None else f"{file}, line {line}: "
