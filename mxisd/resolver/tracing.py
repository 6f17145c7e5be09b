"""
How lookups in the clear went, for whoever looks into them at debug.

Each line names its lookup by number, and addresses by pseudonym.
"""

from collections.abc import Callable, Sequence
from itertools import count

from attrs import define, field, frozen
from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from mxisd.errors import Unavailable
from mxisd.model.hashing import lookup_digest
from mxisd.model.pseudonyms import Pseudonyms, listed
from mxisd.model.threepids import ThreePid
from mxisd.ports import IThreePidResolver, LookupContext, Resolution
from mxisd.resolver.chain import Chain

log = Logger()


@implementer(IThreePidResolver)
class TracedChain:
    """A chain that tells how each lookup went."""

    name = "chain"

    def __init__(
        self,
        links: Sequence[IThreePidResolver],
        clock: IReactorTime,
        pseudonyms: Pseudonyms,
        pepper: Callable[[], str],
    ) -> None:
        """
        Tell nothing yet.

        :param pepper: The current one, or raises ``Unavailable``: with it, lookups by
            hash for the same address can be found in the log.
        """
        self._links = tuple(links)
        self._clock = clock
        self._pseudonyms = pseudonyms
        self._pepper = pepper
        self._numbers = count(1)

    async def resolve(
        self, threepids: frozenset[ThreePid], context: LookupContext
    ) -> Resolution:
        """Ask as a chain does."""
        trace = _Trace(next(self._numbers), self._clock, self._pseudonyms)
        chain = Chain([_Step(link, trace) for link in self._links], self._clock)
        try:
            resolution = await chain.resolve(threepids, context)
        except CancelledError:
            trace.given_up()
            raise
        trace.ended(threepids, resolution, self._known_pepper())
        return resolution

    def _known_pepper(self) -> str | None:
        try:
            return self._pepper()
        except Unavailable:
            return None


@define(eq=False)
class _Trace:
    """One lookup."""

    number: int
    clock: IReactorTime
    pseudonyms: Pseudonyms
    found_by: dict[ThreePid, str] = field(factory=dict)
    began: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.began = self.clock.seconds()

    def answered(
        self, link: str, asked: frozenset[ThreePid], answer: Resolution, began: float
    ) -> None:
        """Tell what a link of the chain answered."""
        found = answer.found.keys()
        self.found_by.update(dict.fromkeys(found, link))
        log.debug(
            "lookup {number}: {link} {state} after {ms:.1f} ms: found {found}; "
            "not found {missing}",
            number=self.number,
            link=link,
            state="was unavailable" if answer.unanswered else "answered",
            ms=self._ms_since(began),
            found=listed(found, self.pseudonyms.of),
            missing=listed(asked - found, self.pseudonyms.of),
        )

    def ended(
        self, asked: frozenset[ThreePid], resolution: Resolution, pepper: str | None
    ) -> None:
        """Tell who decided."""

        def decided(threepid: ThreePid) -> str:
            by = self.found_by.get(threepid, "nobody")
            return f"{self._named(threepid, pepper)} by {by}"

        log.debug(
            "lookup {number} of {asked} took {ms:.1f} ms: {decisions}; unavailable: "
            "{unavailable}",
            number=self.number,
            asked=len(asked),
            ms=self._ms_since(self.began),
            decisions=listed(asked, decided),
            unavailable=", ".join(sorted(resolution.unanswered)) or "nobody",
        )

    def given_up(self) -> None:
        """Tell that nobody waits for it any longer."""
        log.debug(
            "lookup {number} was given up after {ms:.1f} ms",
            number=self.number,
            ms=self._ms_since(self.began),
        )

    def _named(self, threepid: ThreePid, pepper: str | None) -> str:
        name = self.pseudonyms.of(threepid)
        if pepper is None:
            return name
        digest = lookup_digest(threepid.address, threepid.medium, pepper)
        return f"{name} (hash {self.pseudonyms.of_digest(digest)})"

    def _ms_since(self, began: float) -> float:
        return (self.clock.seconds() - began) * 1000


@implementer(IThreePidResolver)
@frozen(eq=False)
class _Step:
    """A link of the chain in one lookup."""

    link: IThreePidResolver
    trace: _Trace

    @property
    def name(self) -> str:
        """The link's."""
        return str(self.link.name)

    async def resolve(
        self, threepids: frozenset[ThreePid], context: LookupContext
    ) -> Resolution:
        """Ask the link."""
        began = self.trace.clock.seconds()
        answer = await self.link.resolve(threepids, context)
        self.trace.answered(self.name, threepids, answer, began)
        return answer
