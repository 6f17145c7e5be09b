"""What programs that show messages make links of."""

import re

# Each is as greedy as the greediest program that we know of.
_LINKS = (
    re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]*://\S+"),
    re.compile(r"\b(?:mailto|tel|sms|matrix|data|javascript):[\w+%/]", re.IGNORECASE),
    re.compile(r"\bwww\.\S+", re.IGNORECASE),
    re.compile(
        r"[^\W_][\w\u00ad\u200c\u200d-]*[.。．｡․][\u00ad\u200c\u200d]*[^\W\d_][^\W\d_]"
    ),
    re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b"),
    re.compile(r"\\\\\w"),
)


def linked(text: str) -> list[str]:
    """What would be a link."""
    return [found[0] for each in _LINKS for found in each.finditer(text)]
