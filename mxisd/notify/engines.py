"""Template texts, of mxisd's kind and of Jinja's, with each value made harmless."""

import html
import re
from collections.abc import Callable
from enum import Enum
from typing import Any

from jinja2 import StrictUndefined, TemplateError
from jinja2.defaults import DEFAULT_NAMESPACE
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mxisd.notify.facts import Facts, header_line, one_line
from mxisd.notify.placeholders import replaced

Write = Callable[[Facts], str]

JINJA_SUFFIX = ".j2"
FACTS = "facts"
"""What a homeserver told, in Jinja templates: by its keys on the wire."""

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
    except TemplateError as error:
        raise TemplateFailed(f"is no template: {one_line(str(error))}") from error

    def write(values: Facts) -> str:
        try:
            return compiled.render(for_jinja(values))
        except (TemplateError, TypeError, ValueError, ArithmeticError) as error:
            reason = one_line(f"{type(error).__name__}: {error}", 200)
            raise TemplateFailed(f"cannot be filled in: {reason}") from None

    return write
