"""A YAML text as plain data that remembers its lines."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import yaml
from attrs import define, field, frozen
from yaml.constructor import SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.resolver import Resolver

from mxisd.config.mistakes import BACKSLASH, EMPTY_ANCHOR, IN_QUOTES, explained
from mxisd.errors import ConfigError, Problem

WHOLE_FILE = "file"
MAX_NODES = 200_000
MAX_DEPTH = 50

_TAG = "tag:yaml.org,2002:"
_REFERENCE = re.compile(r"\$\$\{|\$\{(file:)?([^}]*)(\}?)")
_SURROGATE = re.compile("[\ud800-\udfff]")


class WrittenInt(int):
    """A whole number that knows how it was written (``0123`` is 83)."""

    written: str

    @classmethod
    def of(cls, value: int, written: str) -> "WrittenInt":
        """A number and its spelling."""
        number = cls(value)
        number.written = written
        return number


class WrittenFloat(float):
    """A number that knows how it was written (``1.10`` is 1.1)."""

    written: str

    @classmethod
    def of(cls, value: float, written: str) -> "WrittenFloat":
        """A number and its spelling."""
        number = cls(value)
        number.written = written
        return number


@frozen
class Sources:
    """
    Where ``${NAME}`` and ``${file:PATH}`` are read.

    :ivar read_file: Raises ``OSError`` or ``ValueError`` for what cannot be read.
    """

    environment: Mapping[str, str]
    read_file: Callable[[str], str]


@frozen
class Document:
    """
    A configuration file.

    :ivar values: Mappings, lists and scalars; ``None`` stands where there is a problem.
    :ivar lines: The line of each key, by dotted path.
    :ivar problems: What is wrong with single keys and values.
    """

    values: dict[str, Any]
    lines: Mapping[str, int]
    problems: tuple[Problem, ...]

    def line_of(self, path: str) -> int | None:
        """The line of a key, or of the nearest key above it."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = path.rpartition(".")[0]
        return None


def parse(text: str, sources: Sources) -> Document:
    """
    Read a YAML text; ``${…}`` is resolved.

    :raise ConfigError: If the text is not one mapping in YAML.
    """
    node = _compose(text)
    reader = _Reader(sources)
    values = {} if node is None else reader.read(node, "", 0)
    if values is None and not reader.problems:
        values = {}
    if not isinstance(values, dict):
        text = "must be a mapping: sections with keys below them"
        raise ConfigError([*reader.problems, Problem(WHOLE_FILE, text, 1)])
    return Document(values, reader.lines, tuple(reader.problems))


class _Loader(yaml.SafeLoader):
    def compose_scalar_node(self, anchor: Any) -> ScalarNode:
        node = super().compose_scalar_node(anchor)
        if anchor is not None and not node.value and not node.style:
            # "password: &x" is meant to be a text.
            mark = node.start_mark
            raise yaml.composer.ComposerError(None, None, EMPTY_ANCHOR, mark)
        return node


def _compose(text: str) -> Node | None:
    try:
        node: Node | None = yaml.compose(text, Loader=_Loader)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problem = f"the character {error.character!r} is not allowed in YAML"
        raise ConfigError([Problem(WHOLE_FILE, problem, line)]) from error
    except yaml.MarkedYAMLError as error:
        where, sentence = explained(error, text)
        raise ConfigError([Problem(WHOLE_FILE, sentence, where)]) from error
    except (ValueError, OverflowError) as error:
        # PyYAML lets chr() complain about escapes such as "\UFFFFFFFF".
        raise ConfigError([Problem(WHOLE_FILE, f"not YAML; {BACKSLASH}")]) from error
    except RecursionError as error:
        raise ConfigError([Problem(WHOLE_FILE, "is nested too deeply")]) from error
    return node


class _Wrong(Exception):
    """A node that cannot be read; the message says why."""


@define(eq=False)
class _Reader:
    sources: Sources
    problems: list[Problem] = field(factory=list)
    lines: dict[str, int] = field(factory=dict)
    nodes: int = 0
    resolver: Resolver = field(factory=Resolver)
    constructor: SafeConstructor = field(factory=SafeConstructor)

    def read(self, node: Node, path: str, depth: int) -> Any:
        self.nodes += 1
        if depth > MAX_DEPTH or self.nodes > MAX_NODES:
            # Aliases may multiply a small file into a huge or an endless one.
            text = "is too large, or nested too deeply"
            raise ConfigError([Problem(path or WHOLE_FILE, text, _line(node))])
        self.lines.setdefault(path, _line(node))
        try:
            return self._value(node, path, depth)
        except _Wrong as error:
            self._report(path, node, str(error))
            return None

    def _report(self, path: str, node: Node, text: str) -> None:
        self.problems.append(Problem(path or WHOLE_FILE, text, _line(node)))

    def _value(self, node: Node, path: str, depth: int) -> Any:
        if isinstance(node, MappingNode) and node.tag == f"{_TAG}map":
            return self._mapping(node, path, depth)
        if isinstance(node, SequenceNode) and node.tag == f"{_TAG}seq":
            return self._sequence(node, path, depth)
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        raise _Wrong(_tag(node))

    def _sequence(self, node: SequenceNode, path: str, depth: int) -> list[Any]:
        return [
            self.read(item, _join(path, str(index)), depth + 1)
            for index, item in enumerate(node.value)
        ]

    def _mapping(self, node: MappingNode, path: str, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            try:
                key = _key(key_node)
            except _Wrong as error:
                self._report(path, key_node, str(error))
                continue
            here = _join(path, key)
            if key in values:
                text = f"is there twice, first in line {self.lines[here]}"
                self._report(here, key_node, text)
                continue
            self.lines[here] = _line(key_node)
            values[key] = self.read(value_node, here, depth + 1)
        return values

    def _scalar(self, node: ScalarNode) -> Any:
        plain = (node.style is None, True)
        if node.tag not in (
            self.resolver.resolve(ScalarNode, node.value, plain),
            f"{_TAG}str",
        ):
            raise _Wrong(_tag(node))
        if node.tag in (f"{_TAG}int", f"{_TAG}float"):
            return self._number(node)
        if node.tag in (f"{_TAG}bool", f"{_TAG}null"):
            return self.constructor.construct_object(node)
        # What is left is a text, or looks like a date, which nothing here wants.
        return self._text(node.value)

    def _number(self, node: ScalarNode) -> WrittenInt | WrittenFloat:
        try:
            value = self.constructor.construct_object(node)
        except ValueError as error:
            raise _Wrong("is not a number") from error
        written = WrittenInt if isinstance(value, int) else WrittenFloat
        return written.of(value, node.value)

    def _text(self, text: str) -> str:
        if _SURROGATE.search(text):
            raise _Wrong("holds half a character")
        if "${" not in text:
            return text
        return _REFERENCE.sub(self._substitute, text)

    def _substitute(self, match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        if not match[3]:
            raise _Wrong("${ has no closing }; write $${ for the two characters")
        if match[1]:
            return self._file(match[2])
        return self._variable(match[2])

    def _variable(self, name: str) -> str:
        try:
            value = self.sources.environment[name]
            value.encode()
        except KeyError as error:
            raise _Wrong(f"the environment variable {name!r} is not defined") from error
        except UnicodeEncodeError as error:
            raise _Wrong(f"the environment variable {name!r} is not UTF-8") from error
        return value

    def _file(self, path: str) -> str:
        try:
            return self.sources.read_file(path).removesuffix("\n")
        except OSError as error:
            reason = error.strerror or "it cannot be read"
            raise _Wrong(f"the file {path!r}: {reason}") from error
        except ValueError as error:
            raise _Wrong(f"the file {path!r} is not UTF-8 text") from error


def _key(node: Node) -> str:
    # A plain key is the text as written: Norwegian is "no", not false.
    is_text = isinstance(node, ScalarNode) and node.tag != f"{_TAG}null"
    if isinstance(node, MappingNode):
        # What templates for other programs are full of.
        text = "a key must be a text; " + IN_QUOTES.format("{{")
        raise _Wrong(text)
    if not is_text or not node.value or not node.value.isprintable():
        raise _Wrong("a key must be a printable text")
    return str(node.value)


def _tag(node: Node) -> str:
    # Another than YAML's own may be the beginning of a password.
    if not node.tag.startswith(_TAG):
        return IN_QUOTES.format("!")
    return f"the tag !!{node.tag.removeprefix(_TAG)} is not known here"


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
