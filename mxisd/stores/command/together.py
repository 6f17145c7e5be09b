"""Several questions at the same time."""

from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, FirstError, gatherResults

T = TypeVar("T")


async def together(questions: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """
    Every answer, in the order of the questions.

    The first failure is raised as it is, and ends the others.
    """
    asking = [Deferred.fromCoroutine(each) for each in questions]
    try:
        return list(await gatherResults(asking, consumeErrors=True))
    except FirstError as error:
        first = error.subFailure.value
        assert first is not None
        raise first from error
    finally:
        for each in asking:
            each.cancel()
