"""How many messages people may ask for, and be sent."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from enum import Enum
from ipaddress import IPv6Address, ip_network

from attrs import field, frozen
from twisted.internet.interfaces import IReactorTime

from mxisd.errors import LimitExceeded
from mxisd.model.buckets import Bucket, Rate
from mxisd.model.destinations import Destination
from mxisd.model.requesters import Account, Network, Origin, Ourselves, Requester
from mxisd.model.threepids import EMAIL, MSISDN

MAX_BUCKETS = 100_000

IPV6_SITE = 64
"""Who has one IPv6 address has as many as this prefix leaves."""


class Counted(Enum):
    """What is counted apart."""

    ACCOUNT = "messages that one account asks for"
    NETWORK = "messages that one network asks for"
    EMAIL = "messages to one e-mail address"
    PHONE = "messages to one phone number"
    COUNTRY = "messages to the phones of one country"


@frozen
class LimitPolicy:
    """
    What is allowed.

    :ivar rates: What is not in it has no limit.
    :ivar exempt_networks: Networks that may ask without limit, such as that of a
        homeserver, which asks for all of its users.
    """

    rates: Mapping[Counted, Rate] = field(factory=dict)
    exempt_networks: Sequence[Network] = ()


class Limits:
    """Keeps count; of what was long ago nothing is remembered, nor across restarts."""

    def __init__(
        self, policy: LimitPolicy, clock: IReactorTime, max_buckets: int = MAX_BUCKETS
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._max_buckets = max_buckets
        # The one that was used last is at the end.
        self._buckets: OrderedDict[tuple[Counted, str], Bucket] = OrderedDict()

    def __len__(self) -> int:
        """How many buckets are remembered."""
        return len(self._buckets)

    def count_message(self, requester: Requester, destination: Destination) -> None:
        """
        Count a message; one that is refused is not counted.

        :raise LimitExceeded: If there were too many.
        """
        self._count([*self._asking(requester), *_reaching(destination)])

    def count_request(self, requester: Requester) -> None:
        """
        Count what somebody asks for in place of a message; as :meth:`count_message`.

        :raise LimitExceeded: If there were too many.
        """
        self._count(self._asking(requester))

    def _count(self, counts: Sequence[tuple[Counted, str]]) -> None:
        counts = [each for each in counts if each[0] in self._policy.rates]
        wait = max((self._wait(each) for each in counts), default=0.0)
        if wait > 0:
            raise LimitExceeded(wait)
        for each in counts:
            self._take(each)

    def _asking(self, requester: Requester) -> Sequence[tuple[Counted, str]]:
        if isinstance(requester, Ourselves):
            return []
        counts = []
        if isinstance(requester, Account):
            counts.append((Counted.ACCOUNT, requester.user_id))
        if not requester.origin.is_within(self._policy.exempt_networks):
            counts.append((Counted.NETWORK, _site(requester.origin)))
        return counts

    def _wait(self, each: tuple[Counted, str]) -> float:
        bucket = self._buckets.get(each)
        if bucket is None:
            return 0.0
        return bucket.seconds_to_wait(
            self._policy.rates[each[0]], self._clock.seconds()
        )

    def _take(self, each: tuple[Counted, str]) -> None:
        rate, now = self._policy.rates[each[0]], self._clock.seconds()
        bucket = self._buckets.pop(each, None) or Bucket.full(rate, now)
        self._buckets[each] = bucket.less_one(rate, now)
        self._forget_some()

    def _forget_some(self) -> None:
        # Two for one that came: so the full ones at the front go, bit by bit.
        now = self._clock.seconds()
        for _ in range(2):
            oldest = next(iter(self._buckets))
            rate = self._policy.rates[oldest[0]]
            is_needless = self._buckets[oldest].is_full(rate, now)
            if not is_needless and len(self._buckets) <= self._max_buckets:
                return
            del self._buckets[oldest]


def _reaching(destination: Destination) -> Sequence[tuple[Counted, str]]:
    address = destination.threepid.address
    if destination.threepid.medium == EMAIL:
        return [(Counted.EMAIL, address)]
    if destination.threepid.medium == MSISDN:
        return [
            (Counted.PHONE, address),
            (Counted.COUNTRY, destination.country or ""),
        ]
    return []


def _site(origin: Origin) -> str:
    if isinstance(origin.address, IPv6Address) and not origin.address.ipv4_mapped:
        return str(ip_network((origin.address, IPV6_SITE), strict=False))
    return str(origin.address)
