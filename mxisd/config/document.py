"""A YAML text as plain data that remembers its lines."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import yaml
from attrs import define, field, frozen
from yaml.constructor import SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.resolver import Resolver

from mxisd.config.mistakes import BACKSLASH, EMPTY_ANCHOR, explained
from mxisd.config.nodes import (
    MERGE,
    TAG,
    Wrong,
    key_of,
    merged_sections,
    unknown_tag,
    whole,
)
from mxisd.errors import ConfigError, Problem

WHOLE_FILE = "file"
MAX_NODES = 200_000
MAX_DEPTH = 50

_REFERENCE = re.compile(r"\$\$\{|\$\{(file:)?([^}]*)(\}?)")


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


@define(eq=False)
class _Reader:
    sources: Sources
    problems: list[Problem] = field(factory=list)
    lines: dict[str, int] = field(factory=dict)
    nodes: int = 0
    resolver: Resolver = field(factory=Resolver)
    constructor: SafeConstructor = field(factory=SafeConstructor)

    def read(self, node: Node, path: str, depth: int) -> Any:
        self._count(node, path, depth)
        self.lines.setdefault(path, _line(node))
        try:
            return self._value(node, path, depth)
        except Wrong as error:
            self._report(path, node, str(error))
            return None

    def _count(self, node: Node, path: str, depth: int) -> None:
        self.nodes += 1
        if depth > MAX_DEPTH or self.nodes > MAX_NODES:
            # Aliases may multiply a small file into a huge or an endless one.
            text = "is too large, or nested too deeply"
            raise ConfigError([Problem(path or WHOLE_FILE, text, _line(node))])

    def _report(self, path: str, node: Node, text: str) -> None:
        self.problems.append(Problem(path or WHOLE_FILE, text, _line(node)))

    def _value(self, node: Node, path: str, depth: int) -> Any:
        if isinstance(node, MappingNode) and node.tag == f"{TAG}map":
            return self._mapping(node, path, depth)
        if isinstance(node, SequenceNode) and node.tag == f"{TAG}seq":
            return self._sequence(node, path, depth)
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        raise Wrong(unknown_tag(node))

    def _sequence(self, node: SequenceNode, path: str, depth: int) -> list[Any]:
        return [
            self.read(item, _join(path, str(index)), depth + 1)
            for index, item in enumerate(node.value)
        ]

    def _mapping(self, node: MappingNode, path: str, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        self._fill(values, node, path, depth)
        return values

    def _fill(
        self, values: dict[str, Any], node: MappingNode, path: str, depth: int
    ) -> None:
        """Put in the keys of a node that are not there, and of what it takes over."""
        merged: list[MappingNode] = []
        for key, (line, value_node) in self._keys(node, path, merged).items():
            if key not in values:
                here = _join(path, key)
                self.lines[here] = line
                values[key] = self.read(value_node, here, depth + 1)
        for each in merged:
            self._count(each, path, depth + 1)
            self._fill(values, each, path, depth + 1)

    def _keys(
        self, node: MappingNode, path: str, merged: list[MappingNode]
    ) -> Mapping[str, tuple[int, Node]]:
        """The keys written in a node with line and value; ``merged`` gets the rest."""
        found: dict[str, tuple[int, Node]] = {}
        for key_node, value_node in node.value:
            try:
                if key_node.tag == MERGE:
                    merged += merged_sections(value_node, is_second=bool(merged))
                    continue
                key = key_of(key_node)
            except Wrong as error:
                self._report(path, key_node, str(error))
                continue
            if key in found:
                text = f"is there twice, first in line {found[key][0]}"
                self._report(_join(path, key), key_node, text)
            else:
                found[key] = (_line(key_node), value_node)
        return found

    def _scalar(self, node: ScalarNode) -> Any:
        plain = (node.style is None, True)
        if node.tag not in (
            self.resolver.resolve(ScalarNode, node.value, plain),
            f"{TAG}str",
        ):
            raise Wrong(unknown_tag(node))
        if node.tag in (f"{TAG}int", f"{TAG}float"):
            return self._number(node)
        if node.tag in (f"{TAG}bool", f"{TAG}null"):
            return self.constructor.construct_object(node)
        # What is left is a text, or looks like a date, which nothing here wants.
        return self._text(node.value)

    def _number(self, node: ScalarNode) -> WrittenInt | WrittenFloat:
        try:
            value = self.constructor.construct_object(node)
        except ValueError as error:
            raise Wrong("is not a number") from error
        written = WrittenInt if isinstance(value, int) else WrittenFloat
        return written.of(value, node.value)

    def _text(self, text: str) -> str:
        text = whole(text)
        if "${" not in text:
            return text
        return _REFERENCE.sub(self._substitute, text)

    def _substitute(self, match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        if not match[3]:
            raise Wrong("${ has no closing }; write $${ for the two characters")
        if match[1]:
            return self._file(match[2])
        return self._variable(match[2])

    def _variable(self, name: str) -> str:
        try:
            value = self.sources.environment[name]
            value.encode()
        except KeyError as error:
            raise Wrong(f"the environment variable {name!r} is not defined") from error
        except UnicodeEncodeError as error:
            raise Wrong(f"the environment variable {name!r} is not UTF-8") from error
        return value

    def _file(self, path: str) -> str:
        try:
            return self.sources.read_file(path).removesuffix("\n")
        except OSError as error:
            reason = error.strerror or "it cannot be read"
            raise Wrong(f"the file {path!r}: {reason}") from error
        except ValueError as error:
            raise Wrong(f"the file {path!r} is not UTF-8 text") from error


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
