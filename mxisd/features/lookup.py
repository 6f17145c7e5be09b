"""
Lookups: which users are behind these 3PIDs?

Source: Identity Service API v1.19, "Association lookup"; r0.3.0, "lookup".
"""

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from functools import partial
from typing import Any, Protocol, TypeVar

from attrs import frozen
from twisted.internet.interfaces import IReactorTime

from mxisd.errors import (
    InvalidParam,
    InvalidPepper,
    RecordsUnavailable,
    StoreUnavailable,
    Unavailable,
)
from mxisd.features.limits import Limits
from mxisd.model.associations import Association
from mxisd.model.hashing import NONE, SHA256, digests_of, lookup_digest
from mxisd.model.identifiers import UserId
from mxisd.model.policy import may_recurse
from mxisd.model.requesters import Network, Requester
from mxisd.model.threepids import IllegalThreePid, ThreePid, canonical
from mxisd.portions import Portions
from mxisd.ports import (
    IBindingRecords,
    IKeyRing,
    IThreePidResolver,
    LookupContext,
    Resolution,
)

MANY_HASHES = 1000
"""More than these, about two milliseconds' work, are looked up in portions."""

AT_A_STRETCH = 256
"""Hashes that are decoded without a break: up to 2 µs each."""

Spelled = TypeVar("Spelled", str, tuple[str, str])


class Hashes(Protocol):
    """What a lookup needs of the hash index."""

    def current_pepper(self) -> str:
        """The pepper that clients are to use."""

    def is_served(self, pepper: str) -> bool:
        """Whether lookups with this pepper are still answered."""

    def find(self, pepper: str, digests: Sequence[bytes]) -> Mapping[bytes, str]:
        """User IDs by digest, of a pepper that is served."""

    def find_many(
        self, pepper: str, digests: Sequence[bytes]
    ) -> Iterator[Mapping[bytes, str]]:
        """The same in steps, each of less than a millisecond."""


@frozen
class HashDetails:
    """What clients need to know before they look up."""

    pepper: str
    algorithms: tuple[str, ...]


@frozen(kw_only=True)
class LookupPolicy:
    """
    The settings of lookups.

    :ivar timeout: The longest a lookup takes, in seconds.
    :ivar recursion_enabled: Whether other servers are ever asked.
    :ivar recursion_networks: For whom they are.
    :ivar bulk_enabled: Whether v1 bulk lookups are answered.
    """

    algorithms: tuple[str, ...]
    timeout: float
    recursion_enabled: bool
    recursion_networks: tuple[Network, ...]
    bulk_enabled: bool


class Lookup:
    """Answers lookups, by hash and in the clear."""

    def __init__(
        self,
        policy: LookupPolicy,
        resolver: IThreePidResolver,
        hashes: Hashes,
        key_ring: IKeyRing,
        clock: IReactorTime,
        limits: Limits,
        portions: Portions | None = None,
        bindings: IBindingRecords | None = None,
    ) -> None:
        """
        Answer.

        :param bindings: Those that are found; ``None``: none are.
        :param portions: Those of everybody whose loops are to share their turns.
        """
        self._policy = policy
        self._resolver = resolver
        self._hashes = hashes
        self._key_ring = key_ring
        self._clock = clock
        self._limits = limits
        self._portions = portions or Portions(clock)
        self._bindings = bindings

    def hash_details(self) -> HashDetails:
        """The pepper and the algorithms for the next lookup."""
        return HashDetails(self._hashes.current_pepper(), self._policy.algorithms)

    def require_algorithm(self, name: str) -> None:
        """
        Let an algorithm pass that we offer.

        :raise InvalidParam: For any other.
        """
        if name not in self._policy.algorithms:
            offered = ", ".join(self._policy.algorithms)
            raise InvalidParam(f"The algorithm is not one of {offered}.")

    def by_hash(
        self, pepper: str, hashes: Sequence[str], requester: Requester
    ) -> Mapping[str, str]:
        """
        Find users by lookup hash; no store is asked.

        :param hashes: As the client sent them; malformed ones match nothing.
        :return: User IDs by the client's own strings.
        :raise InvalidPepper: If the pepper is not served any more.
        :raise LimitExceeded: If the requester looks up too many addresses.
        """
        self._require_pepper(SHA256, pepper)
        self._limits.count_lookup(requester, len(hashes))
        digests = digests_of(hashes)
        found = self._hashes.find(pepper, list(digests.values()))
        if not found:
            return {}
        return {text: found[d] for text, d in digests.items() if d in found}

    async def many_by_hash(
        self, pepper: str, hashes: Sequence[str], requester: Requester
    ) -> Mapping[str, str]:
        """
        The same for more than :data:`MANY_HASHES`; others have their turn meanwhile.

        :raise InvalidPepper: Also if the pepper ceases to be served in between.
        """
        self._require_pepper(SHA256, pepper)
        self._limits.count_lookup(requester, len(hashes))
        digests: dict[str, bytes] = {}
        found: dict[bytes, str] = {}

        def steps() -> Iterator[None]:
            for start in range(0, len(hashes), AT_A_STRETCH):
                digests.update(digests_of(hashes[start : start + AT_A_STRETCH]))
                yield
            for some in self._hashes.find_many(pepper, list(digests.values())):
                found.update(some)
                yield

        await self._portions.run(steps())
        self._require_pepper(SHA256, pepper)
        return {text: found[d] for text, d in digests.items() if d in found}

    def known_by_hash(self, medium: str, spelling: str) -> str | None:
        """
        Whom a lookup by hash finds now for an address just as it is spelled.

        :return: A user ID; ``None`` also if no lookup by hash is answered (yet).
        """
        if SHA256 not in self._policy.algorithms:
            return None
        try:
            pepper = self._hashes.current_pepper()
        except Unavailable:
            return None
        digest = lookup_digest(spelling, medium, pepper)
        return self._hashes.find(pepper, [digest]).get(digest)

    async def in_clear(
        self, pepper: str, addresses: Sequence[str], requester: Requester
    ) -> Mapping[str, str]:
        """
        Find users by ``"<address> <medium>"``; what could not be asked is left out.

        :return: User IDs by the client's own strings.
        :raise InvalidPepper: If the pepper is not served any more.
        :raise LimitExceeded: If the requester looks up too many addresses.
        """
        self._require_pepper(NONE, pepper)
        self._limits.count_lookup(requester, len(addresses))
        spelled = list(dict.fromkeys(addresses))
        users = await self._users(_split, spelled, requester)
        return {text: user for text, user in zip(spelled, users, strict=True) if user}

    async def owners(
        self, threepids: Set[ThreePid], requester: Requester, recursive: bool
    ) -> Mapping[ThreePid, UserId]:
        """
        Find the owners of addresses for a purpose of our own.

        :param recursive: Whether other servers may be asked, where the requester may.
        """
        return (await self.resolution(threepids, requester, recursive)).found

    async def resolution(
        self, threepids: Set[ThreePid], requester: Requester, recursive: bool
    ) -> Resolution:
        """The same, with the names of those who could not be asked."""
        deadline = self._deadline()
        return await self._resolve(threepids, requester, deadline, recursive)

    async def one(
        self, medium: str, address: str, requester: Requester
    ) -> dict[str, Any] | None:
        """
        Find one user, as v1 does.

        :return: A signed association with the client's own spelling, ready for JSON: a
            binding has its own times.
        :raise StoreUnavailable: If nobody knew, and somebody could not be asked.
        """
        threepid = _canonical_or_none(medium, address)
        wanted = frozenset() if threepid is None else frozenset([threepid])
        resolution = await self._resolve(wanted, requester, self._deadline())
        if threepid is None or threepid not in resolution.found:
            if resolution.unanswered:
                raise StoreUnavailable("A store could not be asked; try again later.")
            return None
        association = await self._association(threepid, resolution.found[threepid])
        return self._key_ring.signed(association.content(address))

    async def many(
        self, pairs: Sequence[tuple[str, str]], requester: Requester
    ) -> Sequence[tuple[str, str, str]]:
        """
        Find users for pairs of medium and address, as the v1 bulk lookup does.

        :return: Medium and address as sent, and the user ID, of the found ones.
        """
        if not self._policy.bulk_enabled:
            return ()
        users = await self._users(_of_pair, pairs, requester)
        return [(*pair, user) for pair, user in zip(pairs, users, strict=True) if user]

    async def _association(self, threepid: ThreePid, user_id: UserId) -> Association:
        """What that user has published, or else what we state ourselves just now."""
        published = await self._published(threepid)
        if published is not None and published.user_id == user_id:
            return published
        now_ms = int(self._clock.seconds() * 1000)
        return Association.looked_up(threepid, user_id, now_ms)

    async def _published(self, threepid: ThreePid) -> Association | None:
        if self._bindings is None:
            return None
        try:
            return await self._bindings.association(threepid)
        except RecordsUnavailable:
            # Then a store has found the user, and states it itself.
            return None

    async def _users(
        self,
        read: Callable[[Spelled], ThreePid | None],
        spelled: Sequence[Spelled],
        requester: Requester,
    ) -> Sequence[str | None]:
        """
        Find the user IDs, if any, behind addresses as a client spelled them.

        There may be ten thousand. The time that reading them takes is a part of the
        lookup's.

        :raise DeadlineExceeded: If it is over before they are read.
        """
        deadline = self._deadline()
        keys: list[ThreePid | None] = []
        wanted: set[ThreePid] = set()

        def take(some: Sequence[Spelled]) -> None:
            known = [read(each) for each in some]
            keys.extend(known)
            wanted.update(key for key in known if key is not None)

        await self._portions.each(take, spelled, until=deadline)
        found = (await self._resolve(wanted, requester, deadline)).found
        return await self._portions.mapped(partial(_user, found), keys)

    async def _resolve(
        self,
        threepids: Set[ThreePid],
        requester: Requester,
        deadline: float,
        recursive: bool = True,
    ) -> Resolution:
        if not threepids:
            return Resolution({})
        recursive = recursive and may_recurse(
            requester, self._policy.recursion_enabled, self._policy.recursion_networks
        )
        return await self._resolver.resolve(
            frozenset(threepids), LookupContext(requester, recursive, deadline)
        )

    def _deadline(self) -> float:
        return self._clock.seconds() + self._policy.timeout

    def _require_pepper(self, algorithm: str, pepper: str) -> None:
        if not self._hashes.is_served(pepper):
            raise InvalidPepper(algorithm, self._hashes.current_pepper())


def _user(found: Mapping[ThreePid, UserId], key: ThreePid | None) -> str | None:
    user_id = None if key is None else found.get(key)
    return None if user_id is None else str(user_id)


def _split(text: str) -> ThreePid | None:
    address, _, medium = text.rpartition(" ")
    return _canonical_or_none(medium, address)


def _of_pair(pair: tuple[str, str]) -> ThreePid | None:
    return _canonical_or_none(*pair)


def _canonical_or_none(medium: str, address: str) -> ThreePid | None:
    try:
        return canonical(medium, address)
    except IllegalThreePid:
        return None
