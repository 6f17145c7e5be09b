"""Tries every endpoint but the one for passwords."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from attrs import frozen
from zope.interface import implementer

from mxisd.errors import Misconfigured, Problem, StoreUnavailable
from mxisd.interfaces import ISelfCheck

Try = Callable[[], Awaitable[Any]]


@implementer(ISelfCheck)
@frozen
class RestSelfCheck:
    """
    Asks questions about nobody.

    :ivar questions: By the key that each one tries.
    """

    questions: Mapping[str, Try]

    async def problems(self) -> Sequence[Problem]:
        """Ask each; a back end that answers none of them was not reached."""
        found: list[Problem] = []
        failures: list[StoreUnavailable] = []
        for key, ask in self.questions.items():
            try:
                await ask()
            except Misconfigured as error:
                found.append(_problem(error.path, error))
            except StoreUnavailable as error:
                failures.append(error)
                found.append(_problem(key, error))
        if failures and len(failures) == len(self.questions):
            raise failures[0]
        return list(dict.fromkeys(found))


def _problem(path: str, error: StoreUnavailable) -> Problem:
    return Problem(path, str(error).removeprefix(f"{path}: "))
