"""
Texts with placeholders, such as ``{address}``.

Everything is replaced in one go: a value that looks like a placeholder stays as it is.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from attrs import frozen

Values = Mapping[str, Any]
"""By token: texts, and numbers where those are meant."""


class Unsayable(ValueError):
    """
    A value has no place where it should go; what it would mean is nobody.

    :ivar name: The token's.
    """

    name = ""


@frozen
class Token:
    """A place for a value."""

    name: str

    def filled(self, values: Values, spell: Callable[[Any], str]) -> str:
        """
        The value as it is written.

        :raise Unsayable: If ``spell`` refuses it.
        """
        try:
            return spell(values[self.name])
        except Unsayable as error:
            error.name = self.name
            raise


@frozen
class Template:
    """A text with places for values."""

    parts: tuple[str | Token, ...] = ()

    @classmethod
    def parse(cls, text: str, spelled: Mapping[str, str]) -> "Template":
        """
        Find the tokens in a text.

        :param spelled: How each token is written, by its name.
        """
        names = {spelling: name for name, spelling in spelled.items()}
        # The longest first: one token may begin like another.
        ordered = sorted(names, key=len, reverse=True)
        pattern = "|".join(re.escape(spelling) for spelling in ordered)
        pieces = re.split(f"({pattern})", text) if pattern else [text]
        return cls(
            tuple(
                Token(names[piece]) if index % 2 else piece
                for index, piece in enumerate(pieces)
                if piece
            )
        )

    @property
    def names(self) -> frozenset[str]:
        """The tokens that occur."""
        return frozenset(each.name for each in self.parts if isinstance(each, Token))

    def unquoted(self) -> Iterator[str]:
        """The tokens that stand outside of the texts of a JSON document."""
        is_inside = False
        for part in self.parts:
            if isinstance(part, str):
                is_inside ^= len(re.findall(r'(?<!\\)(?:\\\\)*"', part)) % 2 == 1
            elif not is_inside:
                yield part.name

    def filled(self, values: Values, spell: Callable[[Any], str]) -> str:
        """
        The text with values.

        :raise Unsayable: If ``spell`` refuses one.
        """
        return "".join(
            part if isinstance(part, str) else part.filled(values, spell)
            for part in self.parts
        )


def literal(value: Any) -> str:
    """
    A value in an argument, or in the environment.

    :raise Unsayable: If it has a NUL, or is no Unicode.
    """
    text = str(value)
    if "\0" in text or not _is_unicode(text):
        raise Unsayable
    return text


def line(value: Any) -> str:
    """
    A value in a text that is read by lines.

    :raise Unsayable: If it would be several, to whoever reads it.
    """
    text = literal(value)
    if len(f"{text}.".splitlines()) > 1:
        raise Unsayable
    return text


def cell(value: Any) -> str:
    """
    A value in a line of several, with tabs between them.

    :raise Unsayable: If it would be several.
    """
    text = line(value)
    if "\t" in text:
        raise Unsayable
    return text


def json_text(value: Any) -> str:
    """
    A value within the quotes of a JSON document.

    :raise Unsayable: If it is no Unicode.
    """
    text = str(value)
    if not _is_unicode(text):
        raise Unsayable
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
