"""
Names of rooms and people, which strangers chose, as parts of what we say.

Programs make links of what looks like one; there nobody sees that it is a name.
"""

import re
import unicodedata

NAME_LENGTH = 60
"""The longest name that a message has, in characters."""

LOCALPART_LENGTH = 40

QUOTES = {
    "en": ("“", "”"),
    "de": ("„", "“"),
    "fr": ("«\N{NO-BREAK SPACE}", "\N{NO-BREAK SPACE}»"),
}
"""The quotation marks of each language."""

PLAIN_QUOTES = ('"', '"')
"""Those that every phone has."""

_QUOTES = re.compile('["“”„‟«»″ʺ˝〝〞〟❝❞❠＂]')

# A blank behind the sign is seen, and nothing is a link any more. Dots between digits
# belong to dates and versions, unless there are as many as in an IPv4 address.
_DOTS = re.compile(r"(?<=\S)([.。．｡․])(?=[^\s\d….。．｡․!-@\[-`{-~])")
_WWW = re.compile(r"(?<=www)\.(?=\S)", re.IGNORECASE)
_FOUR_NUMBERS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3,}\b")
_COLONS = re.compile(r":(?=//)|(?<=[^\W\d_]):(?=[\w/+%])")
_BACKSLASHES = re.compile(r"\\{2,}")

_JOINER = "\N{ZERO WIDTH JOINER}"
_ISOLATE, _END_ISOLATE = "\N{FIRST STRONG ISOLATE}", "\N{POP DIRECTIONAL ISOLATE}"
_FROM_RIGHT = frozenset({"AL", "AN", "R"})


def harmless(name: str) -> str:
    """
    A name that no program makes a link of, and not too long.

    :param name: One line.
    """
    return cut(unlinked(name), NAME_LENGTH)


def unlinked(line: str) -> str:
    """A text with blanks where links would be: ``https: //evil. example``."""
    line = _COLONS.sub(": ", _WWW.sub(". ", _DOTS.sub(r"\1 ", line)))
    line = _FOUR_NUMBERS.sub(lambda found: found[0].replace(".", ". "), line)
    return _BACKSLASHES.sub(r"\\", line)


def cut(line: str, limit: int, mark: str = "…") -> str:
    """
    The beginning of a text.

    :param limit: So many characters at most.
    :param mark: Says that there was more.
    """
    if len(line) <= limit:
        return line
    return line[: limit - len(mark)].rstrip(f" {_JOINER}") + mark


def quoted(name: str, marks: tuple[str, str]) -> str:
    """A name between quotation marks, none of which it ends itself."""
    first, last = marks
    inner = _QUOTES.sub("'", name)
    if any(unicodedata.bidirectional(sign) in _FROM_RIGHT for sign in inner):
        # It does not turn round what stands beside it.
        inner = _ISOLATE + inner + _END_ISOLATE
    return first + inner + last


def shown_id(matrix_id: str, domain: str) -> str:
    """
    The ID of a user or a room, as people read it; it is no link to other domains.

    :param domain: Ours.
    """
    localpart, colon, server = matrix_id.partition(":")
    if server != domain:
        server = cut(unlinked(server), NAME_LENGTH)
    return cut(unlinked(localpart), LOCALPART_LENGTH) + colon + server
