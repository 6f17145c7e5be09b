"""Single values of the file -> Python values; each refusal says what is wanted."""

import math
import re
from collections.abc import Callable, Mapping
from enum import Enum
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, TypeVar

from mxisd.config.document import WrittenFloat, WrittenInt
from mxisd.model.secret import Secret
from mxisd.model.settings import Duration

E = TypeVar("E", bound=Enum)

NETWORK = IPv4Network | IPv6Network
LONGEST_SECONDS = 36500 * 86400

# YAML's numbers and switches, where quotes made a text of one.
_WHOLE = re.compile(r"\s*-?[0-9]{1,18}\s*")
_NUMBER = re.compile(r"\s*-?[0-9]{1,18}(\.[0-9]{1,18})?\s*")
_DURATION = re.compile(r"\s*([0-9]{1,12})\s*([dhms])(?![a-z])")
_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_SWITCHES = {"true": True, "yes": True, "on": True}
_SWITCHES |= {"false": False, "no": False, "off": False}


def shown(value: Any) -> str:
    """What a value is, in words; the value itself may be a misplaced secret."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    words = {Mapping: "a section", list: "a list", str: "a text"}
    kinds = (word for kind, word in words.items() if isinstance(value, kind))
    return next(kinds, "a number")


def text(value: Any) -> str:
    """
    Read a text.

    A number is the text as it was written, as mxisd had it: ``version: 1.10``.
    """
    if isinstance(value, WrittenInt | WrittenFloat):
        return value.written
    if isinstance(value, str):
        return str(value)
    advice = '; put it into "quotes"' if isinstance(value, bool) else ""
    raise ValueError(f"must be a text, not {shown(value)}{advice}")


def secret(value: Any) -> Secret:
    """Read a password, token or key."""
    return Secret(text(value))


def whole_number(value: Any) -> int:
    """Read a whole number, in quotes or without, as from the environment."""
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    raise ValueError(f"must be a whole number, not {shown(value)}")


def number(value: Any) -> float:
    """Read a finite number, in quotes or without."""
    is_written = isinstance(value, str) and _NUMBER.fullmatch(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    try:
        result = float(value) if is_written or is_number else math.nan
    except OverflowError:
        result = math.nan
    if not math.isfinite(result):
        raise ValueError(f"must be a number, not {shown(value)}")
    return result


def switch(value: Any) -> bool:
    """Read true or false, in quotes or without."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in _SWITCHES:
        return _SWITCHES[value.strip().lower()]
    raise ValueError(f"must be true or false, not {shown(value)}")


def duration(value: Any) -> Duration:
    """Read seconds, or a time such as ``1d 12h``."""
    seconds = _seconds(value)
    if seconds is None or not 0 <= seconds <= LONGEST_SECONDS:
        raise ValueError("must be a time such as 90, 10s, 15m, 2h or 1d 12h")
    return Duration(seconds)


def _seconds(value: Any) -> float | None:
    if not isinstance(value, str):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return value if is_number else None
    if re.fullmatch(r"\s*[0-9]{1,12}\s*", value):
        return int(value)
    parts = _DURATION.findall(value)
    if not parts or _DURATION.sub("", value).strip():
        return None
    return sum(int(count) * _SECONDS[unit] for count, unit in parts)


def network(value: Any) -> IPv4Network | IPv6Network:
    """Read a network; a single address is the network of this address alone."""
    if not isinstance(value, str):
        raise ValueError(f"must be a network such as 10.0.0.0/8, not {shown(value)}")
    try:
        return ip_network(value.strip())
    except ValueError as error:
        raise ValueError(f"must be a network such as 10.0.0.0/8: {error}") from error


def word(value: Any, words: type[E]) -> E:
    """Read one of a few words."""
    if isinstance(value, bool):
        # YAML takes on and off, without quotes, for true and false.
        value = "on" if value else "off"
    try:
        return words(value)
    except ValueError as error:
        known = ", ".join(str(member.value) for member in words)
        raise ValueError(f"must be one of {known}") from error


BY_KIND: Mapping[Any, Callable[[Any], Any]] = {
    str: text,
    int: whole_number,
    float: number,
    bool: switch,
    Secret: secret,
    Duration: duration,
    NETWORK: network,
    NETWORK | None: network,  # cattrs does not look into a union of three
    IPv4Network: network,
    IPv6Network: network,
}
"""How each annotation of a settings class is read."""
