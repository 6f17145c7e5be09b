"""Finding out everything that is wrong, and not only the first thing."""

from collections.abc import Callable
from typing import TypeVar

from attrs import define, field

from mxisd.errors import ConfigError, Problem

T = TypeVar("T")


@define
class Attempts:
    """
    Takes down what is wrong.

    :ivar problems: So far.
    """

    problems: list[Problem] = field(factory=list)

    def attempt(self, make: Callable[[], T], section: str = "") -> T | None:
        """
        Make something; ``None`` if that cannot be.

        :param section: What the paths of its problems are relative to.
        """
        try:
            return make()
        except ConfigError as error:
            self.problems += error.below(section).problems
            return None
