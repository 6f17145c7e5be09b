"""Template texts, of mxisd's kind and of Jinja's, with each value made harmless."""

import html
import re
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mxisd.notify.facts import header_line, one_line
from mxisd.notify.placeholders import replaced

Write = Callable[[Mapping[str, str]], str]

JINJA_SUFFIX = ".j2"

_SIGNS = re.compile(r'["\\<>(),;:@\[\]]')
_OTHERS = ("SENDER_", "ROOM_")


class TemplateFailed(Exception):
    """A template cannot be used; the text is for the operator, without any value."""


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


def for_jinja(values: Mapping[str, str]) -> dict[str, str]:
    """Values by the names that Jinja templates have for them."""
    return {name.lower(): value for name, value in values.items()}


def _without_signs(values: Mapping[str, str]) -> Mapping[str, str]:
    # Names that others chose shall not become one more address.
    return {
        name: _SIGNS.sub(" ", value) if name.startswith(_OTHERS) else value
        for name, value in values.items()
    }


def _classic(source: str, place: Place) -> Write:
    escape = html.escape if place is Place.HTML else str
    return lambda values: replaced(source, values, escape)


def _jinja(source: str, place: Place) -> Write:
    try:
        compiled = environment(place).from_string(source)
    except TemplateError as error:
        raise TemplateFailed(f"is no template: {one_line(str(error))}") from error

    def write(values: Mapping[str, str]) -> str:
        try:
            return compiled.render(for_jinja(values))
        except (TemplateError, TypeError, ValueError, ArithmeticError) as error:
            reason = one_line(f"{type(error).__name__}: {error}", 200)
            raise TemplateFailed(f"cannot be filled in: {reason}") from None

    return write
