"""
How much strangers make us ask other homeservers.

Whoever registers, or shows a homeserver's signature, makes us find and ask a server of
their choice, which may be slow on purpose.
"""

from collections import Counter
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager

from attrs import define, field, frozen
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mxisd.errors import Crowded, LimitExceeded
from mxisd.model.identifiers import ServerName
from mxisd.model.networks import network_of, site_of
from mxisd.model.requesters import Network, Origin, Ourselves, Requester

AT_ONCE, OF_ONE_SOURCE, OF_ONE_SOURCE_TO_KNOWN = 100, 10, 50

RETRY_AFTER = 10.0
"""No question takes longer."""

WARN_AGAIN = 60.0

log = Logger()


@frozen
class QuestionPolicy:
    """
    What is allowed.

    :ivar known: The homeservers that the operator named, exactly so: questions to them
        never wait behind others.
    :ivar exempt_networks: Networks without a limit of their own, such as that of a
        proxy for many.
    :ivar of_one_source: The most questions at a time that one network causes, to other
        homeservers; ``None``: any number.
    :ivar of_one_source_to_known: The same, to those that the operator named.
    :ivar at_once: The most questions to other homeservers that all cause together.
    """

    known: Set[str] = frozenset()
    exempt_networks: Sequence[Network] = ()
    of_one_source: int | None = OF_ONE_SOURCE
    of_one_source_to_known: int | None = OF_ONE_SOURCE_TO_KNOWN
    at_once: int = AT_ONCE


@define(eq=False)
class Questions:
    """Counts those under way."""

    _policy: QuestionPolicy
    _clock: IReactorTime
    _to_known: Counter[str] = field(factory=Counter, init=False)
    _to_others: Counter[str] = field(factory=Counter, init=False)
    _warned_at: float = field(default=float("-inf"), init=False)

    @contextmanager
    def about(self, homeserver: ServerName, requester: Requester) -> Iterator[None]:
        """
        Make room for a question, until it is answered.

        :param homeserver: Who is asked.
        :param requester: Who makes us ask; what we ask by ourselves does not count.
        :raise LimitExceeded: If there are too many of theirs.
        :raise Crowded: If there are too many of all.
        """
        if isinstance(requester, Ourselves):
            yield
            return
        source, under_way = self._admitted(homeserver, requester.origin)
        under_way[source] += 1
        try:
            yield
        finally:
            under_way.subtract([source])
            if not under_way[source]:
                del under_way[source]

    def _admitted(
        self, homeserver: ServerName, origin: Origin
    ) -> tuple[str, Counter[str]]:
        policy, source = self._policy, self._source(origin)
        if str(homeserver) in policy.known:
            _require_few(source, self._to_known, policy.of_one_source_to_known)
            return source, self._to_known
        _require_few(source, self._to_others, policy.of_one_source)
        if self._to_others.total() >= policy.at_once:
            self._warn()
            raise Crowded("too many homeservers are asked right now")
        return source, self._to_others

    def _source(self, origin: Origin) -> str:
        if origin.is_within(self._policy.exempt_networks):
            return ""
        return site_of(origin) or network_of(origin)

    def _warn(self) -> None:
        now = self._clock.seconds()
        if now >= self._warned_at + WARN_AGAIN:
            self._warned_at = now
            log.warn(
                "{count} questions to homeservers of others are under way: requests "
                "that need another one are refused",
                count=self._to_others.total(),
            )


def _require_few(source: str, under_way: Counter[str], limit: int | None) -> None:
    if source and limit is not None and under_way[source] >= limit:
        text = "Too many requests from your network are under way; try again later."
        raise LimitExceeded(RETRY_AFTER, text)
