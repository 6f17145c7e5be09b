"""Resolvers that only some requesters reach."""

from zope.interface import implementer

from mxisd.model.threepids import ThreePid
from mxisd.ports import IThreePidResolver, LookupContext, Resolution


@implementer(IThreePidResolver)
class RecursionGate:
    """Lets a lookup through to other servers only where it may recurse."""

    def __init__(self, inner: IThreePidResolver) -> None:
        self.name = inner.name
        self._inner = inner

    async def resolve(
        self, threepids: frozenset[ThreePid], context: LookupContext
    ) -> Resolution:
        """Answer nothing, and count as asked, where the gate is closed."""
        if not context.recursive:
            return Resolution({})
        return await self._inner.resolve(threepids, context)
