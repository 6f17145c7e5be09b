"""Bodies and query strings, decoded; what they say is for others to read."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

from mxisd.errors import BadJson, InvalidParam, NotJson

MAX_QUERY_PARAMETERS = 100

MAX_COMMAS = 30_000
"""Ten thousand pairs have twenty thousand. JSON is read at one go, in up to 6 ms."""

MAX_DIGITS = 40
"""No whole number of ours has so many, and those of thousands take long to read."""

NO_QUERY: Mapping[str, str] = {}

# JSON and percent-encoding can smuggle in what no text of ours may hold.
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")


def parse_query(raw: bytes) -> Mapping[str, str]:
    """
    Read a query string; of a parameter given twice the first one counts.

    :raise InvalidParam: If it is no UTF-8 text, or holds too many parameters.
    """
    try:
        pairs = parse_qsl(
            raw.decode(),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_QUERY_PARAMETERS,
        )
    except ValueError as error:
        raise InvalidParam("The query string cannot be read.") from error
    if any(_NO_TEXT.search(text) for pair in pairs for text in pair):
        raise InvalidParam("The query string holds a NUL.")
    return dict(reversed(pairs))


def json_object(body: bytes) -> Mapping[str, Any]:
    """
    Read a JSON object, whatever the content type says.

    :raise NotJson: If the body is not JSON.
    :raise BadJson: If it is JSON, yet no object, holds what no text of ours may, or
        so much that reading it would keep everybody waiting.
    """
    if body.count(b",") > MAX_COMMAS:
        raise BadJson("The body holds too many values.")
    try:
        text = body.decode()
        content = _DECODER.decode(text)
    except ValueError as error:
        raise NotJson("The body is not JSON.") from error
    except RecursionError as error:
        raise BadJson("The body is nested too deeply.") from error
    if not isinstance(content, dict):
        raise BadJson("The body must be a JSON object.")
    if "\\u" in text and any(map(_NO_TEXT.search, _all_texts(content))):
        raise BadJson("The body holds a NUL or half of a character.")
    return content


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise BadJson("An object in the body has the same key twice.")
    return content


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _int(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError("a number of too many digits")
    return int(text)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=_int, parse_constant=_refuse_constant
)


def _all_texts(content: Any) -> Iterator[str]:
    # No recursion: what the decoder could just read may be too deep for us.
    pending = [content]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            pending.extend(item)
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)
