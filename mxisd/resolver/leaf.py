"""A resolver that asks one store."""

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from mxisd.errors import Unavailable
from mxisd.interfaces import IThreePidLookup
from mxisd.model.threepids import ThreePid
from mxisd.ports import IThreePidResolver, LookupContext, Resolution
from mxisd.waiting import in_time

log = Logger()


@implementer(IThreePidResolver)
class Leaf:
    """Asks one store, and names it when it could not be asked."""

    def __init__(self, name: str, lookup: IThreePidLookup, clock: IReactorTime) -> None:
        self.name = name
        self._lookup = lookup
        self._clock = clock

    async def resolve(
        self, threepids: frozenset[ThreePid], context: LookupContext
    ) -> Resolution:
        """Turn a store that is down or slow into an unanswered question."""
        seconds = context.deadline - self._clock.seconds()
        try:
            answer = await in_time(self._lookup.lookup(threepids), seconds, self._clock)
        except Unavailable as error:
            log.debug("{store} was not asked: {error}", store=self.name, error=error)
            return Resolution({}, frozenset({self.name}))
        if threepids.issuperset(answer):
            return Resolution(answer)
        return Resolution({key: answer[key] for key in threepids if key in answer})
