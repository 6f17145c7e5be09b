"""Checks of single keys that several senders have."""

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
