"""What single values may be, where several sections ask for the same."""

from collections.abc import Callable
from typing import Any


def optional(check: Callable[[Any], None]) -> Callable[[Any], None]:
    """Judge a value only if there is one."""
    return lambda value: None if value is None else check(value)


def positive(value: float) -> None:
    """
    Judge a number.

    :raise ValueError: If it is not more than 0.
    """
    if value <= 0:
        raise ValueError("must be more than 0")


def filled(value: Any) -> None:
    """
    Judge a text or a list.

    :raise ValueError: If there is nothing in it.
    """
    if not value:
        raise ValueError("must not be empty")
