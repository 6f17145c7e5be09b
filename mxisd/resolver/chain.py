"""Resolvers asked one after the other."""

from collections.abc import Sequence

from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from mxisd.model.identifiers import UserId
from mxisd.model.threepids import ThreePid
from mxisd.ports import IThreePidResolver, LookupContext, Resolution


@implementer(IThreePidResolver)
class Chain:
    """Asks each link for what the links before it did not find."""

    name = "chain"

    def __init__(self, links: Sequence[IThreePidResolver], clock: IReactorTime) -> None:
        self._links = tuple(links)
        self._clock = clock

    async def resolve(
        self, threepids: frozenset[ThreePid], context: LookupContext
    ) -> Resolution:
        """Stop when nothing is missing; what the deadline left out is unanswered."""
        found: dict[ThreePid, UserId] = {}
        unanswered: set[str] = set()
        for link in self._links:
            missing = threepids - found.keys()
            if not missing:
                break
            if self._clock.seconds() >= context.deadline:
                unanswered.add(link.name)
                continue
            answer = await link.resolve(missing, context)
            found.update(answer.found)
            unanswered |= answer.unanswered
        return Resolution(found, frozenset(unanswered))
