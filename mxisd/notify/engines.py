"""Template texts, of mxisd's kind and of Jinja's, with each value made harmless."""

import html
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from traceback import extract_tb
from typing import Any, TypeVar

from jinja2 import StrictUndefined, TemplateError
from jinja2.defaults import DEFAULT_NAMESPACE
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mxisd.notify.facts import Facts, header_line, one_line
from mxisd.notify.placeholders import replaced

T = TypeVar("T")
Write = Callable[[Facts], str]

JINJA_SUFFIX = ".j2"
FACTS = "facts"
"""What a homeserver told, in Jinja templates: by its keys on the wire."""

JINJA_NAMES = frozenset({FACTS.upper()})
"""What only Jinja templates have."""

_SIGNS = re.compile(r'["\\<>(),;:@\[\]]')
_OTHERS = ("SENDER_", "ROOM_")
_NAMELESS = ("<template>", "<unknown>")
"""What Jinja calls the file of a text that comes from none."""

REASON_LENGTH = 200
SHORTEST_VALUE = 3
"""A value of fewer characters tells nobody anything where it stands in a message."""


BROKEN = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    TemplateError,
    TypeError,
    ValueError,
)
"""What templates raise: whatever Python does, where they hold expressions."""


class TemplateFailed(Exception):
    """
    A template cannot be used.

    :ivar problem: For the operator, without any value.
    :ivar line: Where in the text, if that is known.
    :ivar key: Which file of a message it is in, if it has several.
    """

    key: str = ""

    def __init__(self, problem: str, line: int | None = None) -> None:
        """Say what and where."""
        super().__init__(problem if line is None else f"line {line}: {problem}")
        self.problem = problem
        self.line = line

    def within(self, file: Path, lines_above: int | None = None) -> "TemplateFailed":
        """
        The same of a text in a file.

        :param lines_above: How many lines of the file are before the text, if that is
            known.
        """
        where = str(file)
        if self.line is not None and lines_above is not None:
            where = f"{file}, line {lines_above + self.line}"
        return TemplateFailed(f"{where}: {self.problem}")

    @property
    def each(self) -> Sequence["TemplateFailed"]:
        """One by one, if there are several."""
        return (self,)


class TemplatesFailed(TemplateFailed):
    """Several templates cannot be used."""

    def __init__(self, failures: Sequence[TemplateFailed]) -> None:
        """Sum them up."""
        super().__init__("; ".join(map(str, failures)))
        self._failures = tuple(failures)

    @property
    def each(self) -> Sequence[TemplateFailed]:
        """One by one."""
        return self._failures


@contextmanager
def part_of(key: str) -> Iterator[None]:
    """Name the part of a message that templates are for that fail."""
    try:
        yield
    except TemplateFailed as error:
        for each in error.each:
            each.key = key
        raise


def all_of(makers: Iterable[Callable[[], T]]) -> list[T]:
    """
    Make several things.

    :raise TemplateFailed: With everything that is wrong.
    """
    made, failures = list[T](), list[TemplateFailed]()
    for make in makers:
        try:
            made.append(make())
        except TemplateFailed as error:
            failures += error.each
    if failures:
        raise failures[0] if len(failures) == 1 else TemplatesFailed(failures)
    return made


class Place(Enum):
    """Where a text goes."""

    TEXT = "text"
    HTML = "html"
    HEADER = "header"
    ADDRESSES = "addresses"


def environment(place: Place, **options: Any) -> ImmutableSandboxedEnvironment:
    """A sandbox for Jinja templates; in HTML nobody can forget to escape."""
    return ImmutableSandboxedEnvironment(
        autoescape=place is Place.HTML,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        **options,
    )


def template(source: str, place: Place, *, is_jinja: bool) -> Write:
    """
    Make a template of a text; names are in lower case for Jinja.

    :raise TemplateFailed: If it is no template.
    """
    write = _jinja(source, place) if is_jinja else _classic(source, place)
    if place is Place.ADDRESSES:
        return lambda values: header_line(write(_without_signs(values)))
    if place is Place.HEADER:
        return lambda values: header_line(write(values))
    return write


class _Told(dict[str, str]):
    # Without a value, a template shall show nothing, and not fail.
    def __missing__(self, key: str) -> str:
        return ""


def for_jinja(values: Facts) -> dict[str, Any]:
    """Values by the names that Jinja templates have for them."""
    told = {key: v for key, v in values.told.items() if key not in DEFAULT_NAMESPACE}
    known = {name.lower(): value for name, value in values.known.items()}
    return {**told, **known, FACTS: _Told(values.told)}


def _without_signs(values: Facts) -> Facts:
    # Names that others chose shall not become one more address.
    known = {
        name: _without(value) if name.startswith(_OTHERS) else value
        for name, value in values.known.items()
    }
    told = {key: _without(value) for key, value in values.told.items()}
    return Facts(known, told)


def _without(value: str) -> str:
    # The e-mail library fails at names that begin with a dot.
    return _SIGNS.sub(" ", value).lstrip(" .")


def _classic(source: str, place: Place) -> Write:
    escape = html.escape if place is Place.HTML else str
    return lambda values: replaced(source, values, escape)


def _jinja(source: str, place: Place) -> Write:
    try:
        compiled = environment(place).from_string(source)
    except BROKEN as error:
        text = f"is no template: {one_line(str(error), REASON_LENGTH)}"
        raise TemplateFailed(text, getattr(error, "lineno", None)) from error

    def write(values: Facts) -> str:
        try:
            return compiled.render(for_jinja(values))
        except BROKEN as error:
            text = f"cannot be filled in: {_reason(error, values)}"
            raise TemplateFailed(text, _line_of(error)) from None

    return write


def _reason(error: Exception, values: Facts) -> str:
    # Python quotes what it chokes on.
    text = one_line(f"{type(error).__name__}: {error}")
    for value in sorted(values.values(), key=len, reverse=True):
        if len(value) >= SHORTEST_VALUE:
            text = text.replace(value, "…")
    return one_line(text, REASON_LENGTH)


def _line_of(error: Exception) -> int | None:
    """The line of a template that was being filled in; Jinja puts it there."""
    for frame in reversed(extract_tb(error.__traceback__)):
        if frame.filename in _NAMELESS:
            return frame.lineno
    return None
