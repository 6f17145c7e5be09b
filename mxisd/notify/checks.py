"""Checks of single keys that several senders have."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit


def filled(value: Any) -> None:
    """Refuse an empty value."""
    if not value:
        raise ValueError("must not be empty")


def http_url(value: str) -> None:
    """Refuse what is no URL of a web server."""
    try:
        url = urlsplit(value)
        # A port out of range raises ValueError when it is read.
        is_good = url.scheme in ("http", "https") and bool(url.hostname)
        is_good = is_good and url.port != 0 and value.isascii() and value.isprintable()
    except ValueError:
        is_good = False
    if not is_good or " " in value:
        raise ValueError("must be a URL such as https://gateway.example.org/send")


def positive(value: float) -> None:
    """Refuse 0 and less."""
    if value <= 0:
        raise ValueError("must be more than 0")


def port(value: int) -> None:
    """Refuse what is no port to connect to."""
    if not 0 < value <= 65535:
        raise ValueError("a port is a number from 1 to 65535")


def path(value: str | None) -> None:
    """Refuse what no file is called."""
    if value is not None and (not value or "\0" in value):
        raise ValueError("must be the path of a file")


def program(value: Sequence[str]) -> None:
    """Refuse what cannot be run; nothing at all is no program, and fine."""
    if value and not value[0]:
        raise ValueError("must begin with the name of a program")
    if any("\0" in each for each in value):
        raise ValueError("cannot have a NUL, which no program is given")
