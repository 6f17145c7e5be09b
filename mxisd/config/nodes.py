"""What single nodes of YAML mean, or why they mean nothing here."""

import re

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from mxisd.config.mistakes import IN_QUOTES

TAG = "tag:yaml.org,2002:"
MERGE = f"{TAG}merge"

_SURROGATE = re.compile("[\ud800-\udfff]")


class Wrong(Exception):
    """A node that cannot be read; the message says why."""


def key_of(node: Node) -> str:
    """
    The text of a key.

    :raise Wrong: If it is none.
    """
    # A plain key is the text as written: Norwegian is "no", not false.
    is_text = isinstance(node, ScalarNode) and node.tag != f"{TAG}null"
    if isinstance(node, MappingNode):
        # What templates for other programs are full of.
        text = "a key must be a text; " + IN_QUOTES.format("{{")
        raise Wrong(text)
    key = whole(node.value) if is_text else ""
    if not key or not key.isprintable():
        raise Wrong("a key must be a printable text")
    return key


def whole(text: str) -> str:
    """
    A text whose characters are whole: JSON writes an emoji as two halves.

    :raise Wrong: If there is a half alone.
    """
    if not _SURROGATE.search(text):
        return text
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError as error:
        raise Wrong("holds half a character") from error


def merged_sections(node: Node, *, is_second: bool) -> list[MappingNode]:
    """
    What ``<<`` takes over; where two have a key, the first has it.

    :raise Wrong: If these are no sections, or another ``<<`` stands above.
    """
    if is_second:
        raise Wrong("<< is there twice; write <<: [*…, *…]")
    nodes = node.value if isinstance(node, SequenceNode) else [node]
    found = [each for each in nodes if isinstance(each, MappingNode)]
    if len(found) != len(nodes) or any(each.tag != f"{TAG}map" for each in found):
        raise Wrong("<< must be a section, or a list of sections, such as *anchor")
    return found


def unknown_tag(node: Node) -> str:
    """What to say about a node with a tag."""
    # Another than YAML's own may be the beginning of a password.
    if not node.tag.startswith(TAG):
        return IN_QUOTES.format("!")
    return f"the tag !!{node.tag.removeprefix(TAG)} is not known here"
