"""Doubles for the resolver's tests."""

from collections.abc import Mapping, Sequence

from attrs import define, field
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mxisd.errors import StoreUnavailable
from mxisd.interfaces import IThreePidLookup
from mxisd.model.identifiers import UserId
from mxisd.model.requesters import Ourselves
from mxisd.model.threepids import ThreePid, canonical
from mxisd.ports import IThreePidResolver, LookupContext, Resolution

BOB = canonical("email", "bob@example.org")
EVE = canonical("email", "eve@example.org")
BOB_ID = UserId.parse("@bob:example.org")
EVE_ID = UserId.parse("@eve:example.org")


def context(deadline: float = 10, recursive: bool = True) -> LookupContext:
    """A context of our own."""
    return LookupContext(Ourselves(), recursive, deadline)


@implementer(IThreePidLookup)
@define(eq=False)
class KnownPeople:
    """A store that knows what it is told, and remembers what it was asked."""

    people: Mapping[ThreePid, UserId]
    asked: list[frozenset[ThreePid]] = field(factory=list)

    async def lookup(self, threepids: frozenset[ThreePid]) -> Mapping[ThreePid, UserId]:
        """Answer with everything it knows, asked for or not."""
        self.asked.append(threepids)
        return self.people


@implementer(IThreePidLookup)
@define(eq=False)
class SilentStore:
    """A store that answers when the test says so."""

    answers: "list[Deferred[Mapping[ThreePid, UserId]]]" = field(factory=list)
    cancelled: int = 0

    def lookup(
        self, threepids: frozenset[ThreePid]
    ) -> "Deferred[Mapping[ThreePid, UserId]]":
        """Answer later; a Deferred, as a plug-in may."""

        def cancel(_: object) -> None:
            self.cancelled += 1

        answer: Deferred[Mapping[ThreePid, UserId]] = Deferred(cancel)
        self.answers.append(answer)
        return answer


@implementer(IThreePidLookup)
class BrokenStore:
    """A store that raises."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error or StoreUnavailable("down")

    async def lookup(self, threepids: frozenset[ThreePid]) -> Mapping[ThreePid, UserId]:
        """Fail."""
        raise self.error


@implementer(IThreePidResolver)
@define(eq=False)
class RecordingResolver:
    """A resolver whose answer the test gives."""

    name: str = "recorded"
    resolution: Resolution = field(factory=lambda: Resolution({}))
    asked: list[frozenset[ThreePid]] = field(factory=list)
    contexts: list[LookupContext] = field(factory=list)
    pending: "Sequence[Deferred[Resolution]] | None" = None

    async def resolve(
        self, threepids: frozenset[ThreePid], context: LookupContext
    ) -> Resolution:
        """Answer now, or when the pending Deferred fires."""
        self.asked.append(threepids)
        self.contexts.append(context)
        if self.pending is not None:
            return await self.pending[len(self.asked) - 1]
        return self.resolution
