"""Bindings, and the peppers with which they are hashed."""

from collections.abc import Mapping, Sequence, Set
from functools import partial

from zope.interface import implementer

from mxisd.errors import RecordsUnavailable
from mxisd.model.associations import Association
from mxisd.model.hashing import Generation, lookup_digest
from mxisd.model.identifiers import UserId
from mxisd.model.threepids import ThreePid
from mxisd.ports import IBindingRecords, IPepperRecords
from mxisd.records.database import Database, Row, Transaction

GENERATIONS = (
    "SELECT pepper, since_ms, until_ms FROM peppers WHERE since_ms IS NOT NULL "
    "ORDER BY until_ms IS NOT NULL, since_ms DESC"
)
PEPPERS = "SELECT pepper FROM peppers"
PREPARE = "INSERT INTO peppers (pepper) VALUES (?)"
RETIRE = (
    "UPDATE peppers SET until_ms = ? WHERE since_ms IS NOT NULL AND until_ms IS NULL"
)
PROMOTE = "UPDATE peppers SET since_ms = ? WHERE pepper = ? AND since_ms IS NULL"
OVER = "SELECT pepper FROM peppers WHERE since_ms IS NULL OR until_ms <= ?"
FORGET_PEPPER = "DELETE FROM peppers WHERE pepper = ?"
FORGET_HASHES = (
    "DELETE FROM binding_hashes WHERE pepper = ? AND digest IN "
    "(SELECT digest FROM binding_hashes WHERE pepper = ? LIMIT ?)"
)
NEXT_BINDINGS = (
    "SELECT medium, address, lowered, user_id FROM bindings "
    "WHERE (medium, address) > (?, ?) ORDER BY medium, address LIMIT ?"
)
OWNERS = "SELECT address, user_id FROM bindings WHERE medium = ? AND address = ANY(?)"
PUBLISHED = (
    "SELECT lowered, user_id, ts_ms, not_before_ms, not_after_ms FROM bindings "
    "WHERE medium = ? AND address = ?"
)
BIND = (
    "INSERT INTO bindings "
    "(medium, address, lowered, user_id, ts_ms, not_before_ms, not_after_ms) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)"
)
BIND_IF_NEWER = (
    BIND + " ON CONFLICT (medium, address) DO UPDATE SET lowered = excluded.lowered, "
    "user_id = excluded.user_id, ts_ms = excluded.ts_ms, "
    "not_before_ms = excluded.not_before_ms, not_after_ms = excluded.not_after_ms "
    "WHERE excluded.ts_ms > bindings.ts_ms"
)
UNBIND = "DELETE FROM bindings WHERE medium = ? AND address = ?"
UNBIND_OWN = UNBIND + " AND user_id = ?"
ADD_HASH = (
    "INSERT INTO binding_hashes (pepper, digest, medium, address, user_id) "
    "VALUES (?, ?, ?, ?, ?) ON CONFLICT (pepper, digest) DO NOTHING"
)
UNHASH = "DELETE FROM binding_hashes WHERE medium = ? AND address = ?"
OWNERS_BY_DIGEST = (
    "SELECT digest, user_id FROM binding_hashes WHERE pepper = ? AND digest = ANY(?)"
)
ANY_HASH = "SELECT 1 FROM binding_hashes WHERE pepper = ? LIMIT 1"

MANY_DIGESTS = 16
"""From so many digests on, it is worth asking first whether there is any binding."""

CHUNK = 1000
"""So many rows are hashed or forgotten at once; then other writes have their turn."""


@implementer(IPepperRecords)
class PepperRecords:
    """Peppers in our tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def generations(self) -> Sequence[Generation]:
        """Those that may still be answered, the current one first."""
        return [Generation(*row) for row in self._database.rows(GENERATIONS)]

    async def prepare_pepper(self, pepper: str) -> None:
        """
        Announce a pepper, and hash every binding with it.

        Whoever binds after the announcement writes the hash for it, too: what was bound
        before can then be hashed little by little, and nothing is missed.
        """

        async def announce(tx: Transaction) -> None:
            await tx.run(PREPARE, pepper)

        await self._database.transact(announce)
        last: Row | None = ("", "")
        while last is not None:
            last = await self._database.transact(partial(_hash_next, pepper, last))

    async def promote_pepper(self, pepper: str, now_ms: int, grace_ms: int) -> None:
        """
        Make a prepared pepper the current one.

        :raise RecordsUnavailable: If it is not prepared; its predecessor stays.
        """

        async def work(tx: Transaction) -> None:
            await tx.run(RETIRE, now_ms + grace_ms)
            if not await tx.run(PROMOTE, now_ms, pepper):
                raise RecordsUnavailable("the new pepper is not prepared")

        await self._database.transact(work)

    async def purge_peppers(self, now_ms: int) -> Sequence[str]:
        """Forget peppers whose grace is over, and unfinished preparations."""

        async def over(tx: Transaction) -> list[str]:
            return [pepper for (pepper,) in await tx.rows(OVER, now_ms)]

        peppers = await self._database.transact(over)
        for pepper in peppers:
            await self._forget(pepper)
        return peppers

    async def _forget(self, pepper: str) -> None:
        """Forget the hashes little by little, and with the last ones the pepper."""

        async def work(tx: Transaction) -> bool:
            is_last = await tx.run(FORGET_HASHES, pepper, pepper, CHUNK) < CHUNK
            if is_last:
                await tx.run(FORGET_PEPPER, pepper)
            return is_last

        while not await self._database.transact(work):
            pass


async def _hash_next(pepper: str, after: Row, tx: Transaction) -> Row | None:
    """Hash the bindings behind one, in order; tells the last of them."""
    bindings = await tx.rows(NEXT_BINDINGS, *after, CHUNK)
    for medium, address, lowered, user_id in bindings:
        threepid = ThreePid(medium, address, lowered)
        await tx.run_many(ADD_HASH, hash_rows([pepper], threepid, user_id))
    return bindings[-1][:2] if len(bindings) == CHUNK else None


@implementer(IBindingRecords)
class BindingRecords:
    """Bindings in our tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def bound(self, threepids: Set[ThreePid]) -> Mapping[ThreePid, UserId]:
        """Find the current owners of these."""
        found = {}
        for medium in {threepid.medium for threepid in threepids}:
            addresses = [each.address for each in threepids if each.medium == medium]
            for address, owner in self._database.rows_among(OWNERS, addresses, medium):
                found[ThreePid(medium, address)] = UserId.parse(owner)
        return found

    def bound_by_digest(
        self, pepper: str, digests: Sequence[bytes]
    ) -> Mapping[bytes, str]:
        """Find owners by lookup hash, at once."""
        if len(digests) >= MANY_DIGESTS and not self._database.rows(ANY_HASH, pepper):
            return {}
        return dict(self._database.rows_among(OWNERS_BY_DIGEST, digests, pepper))

    async def association(self, threepid: ThreePid) -> Association | None:
        """Find what the current owner has published."""
        medium, address = threepid.medium, threepid.address
        for lowered, owner, *times in self._database.rows(PUBLISHED, medium, address):
            published = ThreePid(medium, address, lowered)
            return Association(published, UserId.parse(owner), *times)
        return None

    async def bind(self, association: Association) -> None:
        """Publish; a 3PID has one owner, the newest."""
        threepid, user_id = association.threepid, str(association.user_id)

        async def work(tx: Transaction) -> None:
            await tx.run(UNBIND, threepid.medium, threepid.address)
            await tx.run(BIND, *binding_row(association))
            peppers = [pepper for (pepper,) in await tx.rows(PEPPERS)]
            await tx.run_many(ADD_HASH, hash_rows(peppers, threepid, user_id))

        await self._database.transact(work)

    async def unbind(self, threepid: ThreePid, user_id: UserId) -> bool:
        """Withdraw, hashes included; tells whether that binding was there."""

        async def work(tx: Transaction) -> int:
            return await tx.run(
                UNBIND_OWN, threepid.medium, threepid.address, str(user_id)
            )

        return await self._database.transact(work) > 0


def binding_row(association: Association) -> Row:
    """The parameters of :data:`BIND`."""
    threepid = association.threepid
    return (
        threepid.medium,
        threepid.address,
        threepid.lowered,
        str(association.user_id),
        association.ts_ms,
        association.not_before_ms,
        association.not_after_ms,
    )


def hash_rows(peppers: Sequence[str], threepid: ThreePid, user_id: str) -> list[Row]:
    """The parameters of :data:`ADD_HASH`, for every pepper and spelling."""
    return [
        (
            pepper,
            lookup_digest(spelling, threepid.medium, pepper),
            threepid.medium,
            threepid.address,
            user_id,
        )
        for pepper in peppers
        for spelling in threepid.spellings
    ]
