"""How much people may ask for, and be sent."""

from collections.abc import Hashable, Mapping, Sequence, Set
from enum import Enum

from attrs import field, frozen
from twisted.internet.interfaces import IReactorTime

from mxisd.errors import LimitExceeded
from mxisd.features.buckets import MAX_BUCKETS, Buckets
from mxisd.model.buckets import Rate
from mxisd.model.destinations import Destination
from mxisd.model.networks import network_of, site_of
from mxisd.model.requesters import (
    Account,
    Network,
    Origin,
    Ourselves,
    Requester,
    Stranger,
)
from mxisd.model.threepids import EMAIL, MSISDN

REGISTRATION_REFUSAL = "Too many attempts to register; try again later."


class Counted(Enum):
    """What is counted apart."""

    ACCOUNT = "messages that one account asks for"
    TEXTS = "text messages that one account asks for"
    NETWORK = "messages that one network asks for"
    SITE = "messages that one /48 of IPv6 asks for"
    EMAIL = "messages to one e-mail address that one account asks for"
    EMAIL_IN_ALL = "messages to one e-mail address that a group asks for"
    PHONE = "messages to one phone number that one account asks for"
    PHONE_IN_ALL = "messages to one phone number that a group asks for"
    COUNTRY = "messages to the phones of one country that a group asks for"
    LOOKUPS = "addresses that one account looks up"
    REGISTRATIONS = "account tokens that one user is given"
    REGISTERING_NETWORK = "attempts of one network to register"
    REGISTERING_SITE = "attempts of one /48 of IPv6 to register"


class Side(Enum):
    """Whose requests are remembered apart, lest the others' push them out."""

    NEAR = "a homeserver in an internal network, which asks for its users"
    OWN = "an account of a homeserver that the operator named"
    OTHERS = "an account of any other homeserver"


Count = tuple[Counted, Side, Hashable]
"""What is counted, and under which key."""


@frozen
class Group:
    """
    Requesters that share budgets; what others do never uses up theirs.

    :ivar name: The homeserver, or its network; nothing for all the homeservers together
        that the operator did not name, since anybody can have as many as they like.
    """

    side: Side
    name: str


@frozen
class LimitPolicy:
    """
    What is allowed.

    :ivar rates: What is not in it has no limit.
    :ivar exempt_networks: Networks that may ask without limit, such as that of a
        homeserver, which asks for all of its users.
    :ivar homeservers: Each of these is a group of its own.
    """

    rates: Mapping[Counted, Rate] = field(factory=dict)
    exempt_networks: Sequence[Network] = ()
    homeservers: Set[str] = frozenset()

    def group_of(self, requester: Requester) -> Group:
        """With whom somebody shares budgets."""
        if isinstance(requester, Account):
            side = self.side_of(requester)
            return Group(side, _server(requester) if side is Side.OWN else "")
        if isinstance(requester, Stranger):
            return Group(Side.NEAR, network_of(requester.origin))
        return Group(Side.NEAR, "")

    def side_of(self, requester: Requester) -> Side:
        """With whom somebody is remembered."""
        if not isinstance(requester, Account):
            return Side.NEAR
        return Side.OWN if _server(requester) in self.homeservers else Side.OTHERS


class Limits:
    """Keeps count; of what was long ago nothing is remembered, nor across restarts."""

    def __init__(
        self, policy: LimitPolicy, clock: IReactorTime, max_buckets: int = MAX_BUCKETS
    ) -> None:
        """
        Begin with nothing counted.

        :param max_buckets: For each kind of count on each side.
        """
        self._policy = policy
        self._clock = clock
        self._max_buckets = max_buckets
        self._buckets: dict[tuple[Counted, Side], Buckets] = {}

    def __len__(self) -> int:
        """How many buckets are remembered."""
        return sum(map(len, self._buckets.values()))

    def count_message(self, requester: Requester, destination: Destination) -> None:
        """
        Count a message; one that is refused is not counted.

        :raise LimitExceeded: If there were too many.
        """
        counts = [*self._asking(requester), *self._reaching(requester, destination)]
        self._count(counts, "Too many messages were asked for; try again later.")

    def count_request(self, requester: Requester) -> None:
        """
        Count what somebody asks for in place of a message; as :meth:`count_message`.

        :raise LimitExceeded: If there were too many.
        """
        self._count(self._asking(requester), "Too many requests; try again later.")

    def count_lookup(self, requester: Requester, addresses: int) -> None:
        """
        Count addresses that an account looks up; networks may look up without limit.

        :raise LimitExceeded: If there were too many.
        """
        if isinstance(requester, Account):
            side = self._policy.side_of(requester)
            counts = [(Counted.LOOKUPS, side, requester.user_id)]
            refusal = "Too many addresses were looked up; try again later."
            self._count(counts, refusal, addresses)

    def count_attempt_to_register(self, origin: Origin) -> None:
        """
        Count an attempt to register, before it is known of whom.

        :raise LimitExceeded: If there were too many of a network.
        """
        if origin.is_within(self._policy.exempt_networks):
            return
        # All on one side: anybody can say to be of whatever homeserver.
        side = Side.OTHERS
        counts: Sequence[Count] = [
            (Counted.REGISTERING_NETWORK, side, network_of(origin)),
            (Counted.REGISTERING_SITE, side, site_of(origin)),
        ]
        self._count(counts, REGISTRATION_REFUSAL)

    def count_registration(self, account: Account) -> None:
        """
        Count a registration of a user whose homeserver vouches for them.

        :raise LimitExceeded: If there were too many.
        """
        side = self._policy.side_of(account)
        counts = [(Counted.REGISTRATIONS, side, account.user_id)]
        self._count(counts, REGISTRATION_REFUSAL)

    # --- What is counted --------------------------------------------------------------

    def _asking(self, requester: Requester) -> Sequence[Count]:
        if isinstance(requester, Ourselves):
            return []
        counts: list[Count] = []
        side = self._policy.side_of(requester)
        if isinstance(requester, Account):
            counts.append((Counted.ACCOUNT, side, requester.user_id))
        if not requester.origin.is_within(self._policy.exempt_networks):
            counts.append((Counted.NETWORK, side, network_of(requester.origin)))
            counts.append((Counted.SITE, side, site_of(requester.origin)))
        return counts

    def _reaching(
        self, requester: Requester, destination: Destination
    ) -> Sequence[Count]:
        if destination.threepid.medium == EMAIL:
            return self._reaching_mailbox(requester, destination)
        if destination.threepid.medium == MSISDN:
            return self._reaching_phone(requester, destination)
        return []

    def _reaching_mailbox(
        self, requester: Requester, destination: Destination
    ) -> Sequence[Count]:
        group, mailbox = self._policy.group_of(requester), _mailbox(destination)
        counts: list[Count] = [
            (Counted.EMAIL_IN_ALL, group.side, (group.name, mailbox))
        ]
        if isinstance(requester, Account):
            key = requester.user_id, mailbox
            counts.append((Counted.EMAIL, group.side, key))
        return counts

    def _reaching_phone(
        self, requester: Requester, destination: Destination
    ) -> Sequence[Count]:
        group, number = self._policy.group_of(requester), destination.threepid.address
        counts: list[Count] = [
            (Counted.PHONE_IN_ALL, group.side, (group.name, number)),
            (Counted.COUNTRY, group.side, (group.name, destination.country)),
        ]
        if isinstance(requester, Account):
            key = requester.user_id, number
            counts.append((Counted.TEXTS, group.side, requester.user_id))
            counts.append((Counted.PHONE, group.side, key))
        return counts

    # --- Counting ---------------------------------------------------------------------

    def _count(self, counts: Sequence[Count], refusal: str, number: int = 1) -> None:
        counted = [
            (self._of(what, side), key)
            for what, side, key in counts
            if what in self._policy.rates and key is not None
        ]
        wait = max((each.wait(key, number) for each, key in counted), default=0.0)
        if wait > 0:
            raise LimitExceeded(wait, refusal)
        for buckets, key in counted:
            buckets.take(key, number)

    def _of(self, what: Counted, side: Side) -> Buckets:
        found = self._buckets.get((what, side))
        if found is None:
            rate = self._policy.rates[what]
            found = Buckets(rate, self._clock, self._max_buckets)
            self._buckets[what, side] = found
        return found


def _server(account: Account) -> str:
    return account.user_id.partition(":")[2]


def _mailbox(destination: Destination) -> str:
    # What follows a plus is the owner's own affair, mostly: bob+1@ and bob+2@ are one
    # person's, who is sent all of it.
    local, at, domain = destination.threepid.address.rpartition("@")
    return (local.partition("+")[0] or local) + at + domain
