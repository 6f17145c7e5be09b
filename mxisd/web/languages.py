"""Which languages somebody reads, as browsers and clients say it."""

import re

from twisted.web.http_headers import Headers

MAX_LANGUAGES = 10
MAX_HEADER_LENGTH = 500

_TAG = re.compile(r"[A-Za-z]{1,8}(?:-[0-9A-Za-z]{1,8}){0,7}")
_WEIGHT = re.compile(r"\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*", re.IGNORECASE)


def accepted_languages(header: str) -> tuple[str, ...]:
    """
    Read an ``Accept-Language`` header.

    :return: Language tags, the most wanted first; what cannot be read is left out.

    Source: RFC 9110, 12.5.4.
    """
    wanted = []
    for part in header[:MAX_HEADER_LENGTH].split(","):
        tag, _, parameters = part.strip().partition(";")
        weight = _weight(parameters)
        if _TAG.fullmatch(tag.strip()) and weight > 0:
            wanted.append((tag.strip(), weight))
    # Sorting keeps the order of what is wanted alike.
    wanted.sort(key=lambda each: -each[1])
    return tuple(tag for tag, _ in wanted[:MAX_LANGUAGES])


def languages_of(headers: Headers) -> tuple[str, ...]:
    """The same of a request's headers; the first of several counts."""
    values = headers.getRawHeaders(b"Accept-Language", (b"",))
    return accepted_languages(values[0].decode("latin-1"))


def is_language(text: str) -> bool:
    """Whether a text is a language tag."""
    return _TAG.fullmatch(text) is not None


def _weight(parameters: str) -> float:
    if not parameters:
        return 1.0
    match = _WEIGHT.fullmatch(parameters)
    return float(match[1]) if match else 0.0
