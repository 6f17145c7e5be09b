"""Doubles for the features' tests."""

from collections.abc import Iterator, Mapping, Sequence, Set
from ipaddress import ip_address
from typing import Any

from attrs import define, field
from zope.interface import implementer

from mxisd.errors import RecordsUnavailable
from mxisd.model.associations import Association
from mxisd.model.identifiers import ServerName, UserId
from mxisd.model.requesters import Origin, Stranger
from mxisd.model.secret import Secret
from mxisd.model.threepids import ThreePid
from mxisd.ports import (
    AccountRecord,
    IAccountRecords,
    IBindingRecords,
    IHomeserver,
    IHomeserverKeys,
    IKeyRing,
    IRandom,
    IRecordsHealth,
    ITermsRecords,
)

ANYBODY = Stranger(Origin(ip_address("192.0.2.1")))


@implementer(IRandom)
@define(eq=False)
class CountingRandom:
    """Random values that tell themselves apart, and nothing more."""

    count: int = 0

    def token_bytes(self, size: int) -> bytes:
        """Bytes that count up."""
        self.count += 1
        return self.count.to_bytes(size, "big")

    def alphanumeric(self, length: int) -> str:
        """A text that counts up."""
        self.count += 1
        return f"{self.count:0{length}d}"


@implementer(IAccountRecords)
@define(eq=False)
class MemoryAccounts:
    """Accounts in a dict."""

    accounts: dict[bytes, AccountRecord] = field(factory=dict)

    def account(self, token_hash: bytes) -> AccountRecord | None:
        """Find a token."""
        return self.accounts.get(token_hash)

    async def add_account(self, record: AccountRecord, most: int) -> None:
        """Remember a token, and forget the user's oldest."""
        self.accounts[record.token_hash] = record
        own = [h for h, r in self.accounts.items() if r.user_id == record.user_id]
        for token_hash in own[:-most]:
            del self.accounts[token_hash]

    async def remove_account(self, token_hash: bytes) -> bool:
        """Forget a token."""
        return self.accounts.pop(token_hash, None) is not None

    async def purge_accounts(self, now_ms: int) -> int:
        """Forget what has expired."""
        over = [h for h, r in self.accounts.items() if r.expires_ms <= now_ms]
        for token_hash in over:
            del self.accounts[token_hash]
        return len(over)


@implementer(ITermsRecords)
@define(eq=False)
class MemoryTerms:
    """
    Accepted terms in a dict.

    :ivar accepted_ms: When each user accepted something last.
    """

    accepted: dict[UserId, set[str]] = field(factory=dict)
    accepted_ms: dict[UserId, int] = field(factory=dict)

    def accepted_urls(self, user_id: UserId) -> frozenset[str]:
        """What a user accepted."""
        return frozenset(self.accepted.get(user_id, ()))

    async def accept_urls(self, user_id: UserId, urls: Set[str], now_ms: int) -> None:
        """Remember."""
        self.accepted.setdefault(user_id, set()).update(urls)
        self.accepted_ms[user_id] = now_ms


@implementer(IRecordsHealth)
@define(eq=False)
class Pulse:
    """Records that work, or do not."""

    works: bool = True

    async def check(self) -> None:
        """Work, or not."""
        if not self.works:
            raise RecordsUnavailable("gone")


@implementer(IHomeserver)
@define(eq=False)
class VouchingHomeserver:
    """A homeserver that gives the answer it is told, or raises it."""

    answer: "str | Exception"
    asked: list[tuple[str, str]] = field(factory=list)

    async def openid_user(self, server_name: ServerName, token: Secret) -> str:
        """Answer."""
        self.asked.append((str(server_name), token.value))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@implementer(IBindingRecords)
@define(eq=False)
class MemoryBindings:
    """
    Bindings in a dict; without hashes.

    :ivar trouble: What is raised instead.
    """

    owners: dict[ThreePid, UserId] = field(factory=dict)
    stated: dict[ThreePid, Association] = field(factory=dict)
    trouble: Exception | None = None

    async def bound(self, threepids: Set[ThreePid]) -> Mapping[ThreePid, UserId]:
        """Find owners."""
        return {each: self.owners[each] for each in threepids if each in self.owners}

    def bound_by_digest(
        self, pepper: str, digests: Sequence[bytes]
    ) -> Mapping[bytes, str]:
        """Find nobody."""
        return {}

    async def association(self, threepid: ThreePid) -> Association | None:
        """What was published."""
        if self.trouble is not None:
            raise self.trouble
        is_bound = threepid in self.owners
        return self.stated.get(threepid) if is_bound else None

    async def bind(self, association: Association) -> None:
        """Publish."""
        if self.trouble is not None:
            raise self.trouble
        self.stated[association.threepid] = association
        self.owners[association.threepid] = association.user_id

    async def unbind(self, threepid: ThreePid, user_id: UserId) -> bool:
        """Withdraw."""
        is_bound = self.owners.get(threepid) == user_id
        if is_bound:
            del self.owners[threepid]
        return is_bound


@implementer(IHomeserverKeys)
@define(eq=False)
class FixedKeys:
    """
    Homeservers' keys, by server name and key ID.

    :ivar trouble: What is raised instead.
    :ivar asked: For which keys somebody asked.
    :ivar remembered: Which keys need not be asked for.
    """

    keys: dict[tuple[str, str], bytes] = field(factory=dict)
    trouble: Exception | None = None
    asked: list[tuple[str, str]] = field(factory=list)
    remembered: set[tuple[str, str]] = field(factory=set)

    def remembered_key(self, server_name: ServerName, key_id: str) -> bytes | None:
        """Find a key without asking."""
        name = str(server_name), key_id
        return self.keys[name] if name in self.remembered else None

    async def verify_key(self, server_name: ServerName, key_id: str) -> bytes | None:
        """Find a key."""
        self.asked.append((str(server_name), key_id))
        if self.trouble is not None:
            raise self.trouble
        return self.keys.get((str(server_name), key_id))


@implementer(IKeyRing)
class MarkingKeyRing:
    """Signs with a mark."""

    def public_key(self, key_id: str) -> str | None:
        """No key is asked for here."""
        return None

    def is_valid(self, public_key: str) -> bool:
        """No key is asked for here."""
        return False

    def is_ephemeral_valid(self, public_key: str) -> bool:
        """No key is asked for here."""
        return False

    def current_key_id(self) -> str:
        """Any text."""
        return "ed25519:now"

    def signed(
        self, content: dict[str, Any], key_id: str | None = None
    ) -> dict[str, Any]:
        """Mark the content."""
        mark = "signed" if key_id is None else f"signed with {key_id}"
        return {**content, "signatures": mark}


@define(eq=False)
class FixedHashes:
    """A hash index of a few digests, one pepper current and one in its grace."""

    digests: Mapping[bytes, str]
    pepper: str = "matrixrocks"
    former: str = "formerrocks"

    def current_pepper(self) -> str:
        """The current one."""
        return self.pepper

    def is_served(self, pepper: str) -> bool:
        """Both are."""
        return pepper in (self.pepper, self.former)

    def find(self, pepper: str, digests: Sequence[bytes]) -> Mapping[bytes, str]:
        """Find; whoever asks says with which pepper."""
        assert pepper
        return {d: self.digests[d] for d in digests if d in self.digests}

    def find_many(
        self, pepper: str, digests: Sequence[bytes]
    ) -> Iterator[Mapping[bytes, str]]:
        """Find one after the other."""
        for digest in digests:
            yield self.find(pepper, [digest])
