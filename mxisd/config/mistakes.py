"""What is wrong with a text that is not YAML: the line to look at, in plain words."""

import re
from collections.abc import Callable, Sequence

import yaml
from attrs import frozen
from yaml.error import Mark
from yaml.tokens import ScalarToken, Token

Advice = tuple[int | None, str]

EMPTY_ANCHOR = "an anchor of nothing"
BACKSLASH = "in \"double quotes\", write each \\ twice, or use 'single quotes'"
IN_QUOTES = "a value that begins with {} must be in quotes"
_DEEPER = "is indented more than line {}, which has its value already"

_ODD_SPACE = re.compile("(^|:) *[\u00a0\u2007\u202f\u3000]")
_KEY_AND_MORE = re.compile(r"[^#]*?:\s")
_NO_SPACE = re.compile(r"\s*(- +)*[^\s:#'\"]+:(?!//)\S[^:]*$")
_BLOCK_TEXT = re.compile(r":\s+([|>])[-+0-9]*\s*(#.*)?$")


@frozen
class Scene:
    """
    Where the parser gave up; lines count from 1.

    :ivar problem: Its own words.
    :ivar context: What it was at.
    :ivar place: Where it noticed.
    :ivar start: Where that began which it was at.
    """

    text: str
    problem: str
    context: str
    place: Mark
    start: Mark

    @property
    def line(self) -> int:
        """Where it noticed."""
        return self.place.line + 1

    @property
    def began(self) -> int:
        """Where that began which it was at."""
        return self.start.line + 1

    def written(self, line: int) -> str:
        """A line of the text."""
        return next(iter(self.text.splitlines()[line - 1 : line]), "")

    def before(self, line: int) -> int:
        """The next line above one that has more than a comment; 0 if there is none."""
        line -= 1
        while line and self.written(line).strip(" ")[:1] in ("", "#"):
            line -= 1
        return line

    def indentation(self, line: int) -> int:
        """By how many spaces a line is indented."""
        written = self.written(line)
        return len(written) - len(written.lstrip(" "))

    def at(self, mark: Mark) -> str:
        """The character at a place."""
        return self.text[mark.index : mark.index + 1]


def explained(error: yaml.MarkedYAMLError, text: str) -> Advice:
    """Tell which line to look at, and what to do there."""
    place = error.problem_mark or error.context_mark
    if place is None:
        return None, str(error.problem or "is not YAML")
    scene = Scene(
        text,
        str(error.problem or ""),
        str(error.context or ""),
        place,
        error.context_mark or place,
    )
    found = (explain(scene) for explain in EXPLANATIONS)
    return next(filter(None, found), (scene.line, scene.problem or "is not YAML"))


# --- Spaces ---------------------------------------------------------------------------


def _odd_space(scene: Scene) -> Advice | None:
    for line in (scene.before(scene.line), scene.line):
        if _ODD_SPACE.search(scene.written(line)):
            return line, "a no-break space, as web pages have it; type a usual one"
    return None


# --- Quotes ---------------------------------------------------------------------------


def _quote(scene: Scene) -> Advice | None:
    is_open = scene.context == "while scanning a quoted scalar"
    place = scene.start if is_open else scene.place
    tokens = _tokens(scene.text, place)
    quoted = [each for each in tokens if isinstance(each, ScalarToken) and each.style]
    for last in quoted[-1:]:
        first, end = last.start_mark, last.end_mark
        if first.line < end.line == place.line and last.style in ("'", '"'):
            text = f"the quote {last.style} that opens here is closed in line"
            return first.line + 1, f"{text} {end.line + 1} only"
    if is_open:
        text = f"the quote {scene.at(place)} that opens here is never closed"
        return scene.began, text
    return _after_quote(scene, tokens)


def _after_quote(scene: Scene, tokens: Sequence[Token]) -> Advice | None:
    last = tokens[-1] if tokens else None
    if not isinstance(last, ScalarToken) or last.style not in ("'", '"'):
        return None
    if last.end_mark.line != scene.place.line or scene.at(scene.place) in ",]}:":
        return None
    inside = {"'": "''", '"': '\\"'}[last.style]
    text = f"text follows the closing quote {last.style}; inside, write {inside}"
    return scene.line, text


def _tokens(text: str, end: Mark) -> list[Token]:
    """What the scanner finds before a place."""
    loader = yaml.SafeLoader(text)
    found: list[Token] = []
    try:
        while loader.check_token() and loader.peek_token().start_mark.index < end.index:
            found.append(loader.get_token())
    except (yaml.YAMLError, ValueError, OverflowError):
        # Those that it had not decided about.
        found += loader.tokens
    return [each for each in found if each.end_mark.index <= end.index]


def _backslash(scene: Scene) -> Advice | None:
    is_it = "double-quoted" in scene.context and "escape" in scene.problem
    return (scene.line, BACKSLASH) if is_it else None


# --- First characters -----------------------------------------------------------------


def _first_character(scene: Scene) -> Advice | None:
    found = ""
    if "cannot start any token" in scene.problem:
        found = scene.at(scene.place)
    elif "sequence entries are not allowed" in scene.problem:
        text = "entries of a list have lines of their own"
        return scene.line, f"{text}; {IN_QUOTES.format('-')}"
    elif "alias" in scene.problem or scene.context == "while scanning an alias":
        found = "*"
    elif scene.problem == EMPTY_ANCHOR or scene.context == "while scanning an anchor":
        found = "&"
    elif "tag handle" in scene.problem or scene.context.endswith(" a tag"):
        found = "!"
    elif scene.context == "while scanning a block scalar":
        found = scene.at(scene.start)
    elif "expected the node content" in scene.problem:
        found = scene.at(scene.place)
    if found == "\t":
        return scene.line, "a tab; YAML is indented by spaces"
    return (scene.line, IN_QUOTES.format(found)) if found.strip() else None


# --- Documents ------------------------------------------------------------------------


def _documents(scene: Scene) -> Advice | None:
    if "another document" in scene.problem:
        return scene.line, "only one document is read; take the second --- away"
    if "expected '<document start>'" not in scene.problem:
        return None
    line = scene.before(scene.line)
    if scene.written(line).startswith("%"):
        return line, "a line that begins with % is none of the file's keys"
    if scene.written(line).startswith("..."):
        return line, "only one document is read; take the ... away"
    return None


# --- Colons ---------------------------------------------------------------------------


def _colon(scene: Scene) -> Advice | None:
    if "mapping values are not allowed" not in scene.problem:
        return None
    if _KEY_AND_MORE.match(scene.written(scene.line)[: scene.place.column]):
        return scene.line, "a value with a colon and a space in it must be in quotes"
    above = scene.before(scene.line)
    if (found := _incomplete(scene, above)) is not None:
        return found
    return scene.line, _DEEPER.format(above)


def _no_colon(scene: Scene) -> Advice | None:
    if "could not find expected ':'" not in scene.problem:
        return None
    block = _BLOCK_TEXT.search(scene.written(scene.before(scene.began)))
    if block is not None:
        text = f"a text below {block[1]} must be indented more than its key"
        return scene.began, text
    return _incomplete(scene, scene.began)


def _incomplete(scene: Scene, line: int) -> Advice | None:
    written = scene.written(line)
    if _NO_SPACE.match(written):
        return line, "a space is missing after the colon"
    if ":" in written or written.lstrip().startswith("- "):
        return None
    return line, "a colon is missing; a line is a key, a colon, a space, and a value"


# --- Structure ------------------------------------------------------------------------


def _bracket(scene: Scene) -> Advice | None:
    if "expected ',' or" not in scene.problem:
        return None
    bracket = scene.at(scene.start)
    text = f"the {bracket} that opens here is not closed, or a comma is missing"
    return scene.began, f"{text}; noticed in line {scene.line}"


def _block(scene: Scene) -> Advice | None:
    if "expected <block end>, but found" not in scene.problem:
        return None
    found = scene.problem.rpartition("found ")[2].strip("'")
    if found in ("]", "}"):
        return scene.line, f"a {found} that closes nothing"
    if found == ",":
        return scene.line, "a comma after a value; here, each key has its own line"
    if found in ("?", "-"):
        return scene.line, "list entries (with a dash) and keys are mixed in a section"
    return _indentation(scene)


def _indentation(scene: Scene) -> Advice:
    above = scene.before(scene.line)
    spaces, others = scene.indentation(scene.line), scene.indentation(above)
    if spaces > others:
        return scene.line, _DEEPER.format(above)
    if spaces == others and (found := _incomplete(scene, above)) is not None:
        return found
    unit = "space" if spaces == 1 else "spaces"
    return scene.line, f"is indented by {spaces} {unit}, which fits no section above"


EXPLANATIONS: Sequence[Callable[[Scene], Advice | None]] = (
    _odd_space,
    _quote,
    _backslash,
    _first_character,
    _documents,
    _colon,
    _no_colon,
    _bracket,
    _block,
)
"""The first that has something to say is right."""
