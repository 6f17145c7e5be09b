"""
The step to A-labels, for rows that earlier versions wrote.

They folded a domain like the rest of an address, and sent mail where IDNA 2003 leads:
``straße.de`` was ``strasse.de``. What was proved is where the mail went, and that is
what a row stays about, whatever had been typed.
"""

from attrs import define
from twisted.logger import Logger

from mxisd.model.threepids import EMAIL, IllegalThreePid, ThreePid, canonical
from mxisd.records.bindings import (
    ADD_HASH,
    BIND_IF_NEWER,
    PEPPERS,
    UNBIND,
    UNHASH,
    hash_rows,
)
from mxisd.records.database import Row, Transaction

CHUNK = 1000

NEXT_BINDINGS = (
    "SELECT address, lowered, user_id, ts_ms, not_before_ms, not_after_ms "
    "FROM bindings WHERE medium = ? AND address > ? ORDER BY address LIMIT ?"
)
OWNER = "SELECT lowered, user_id FROM bindings WHERE medium = ? AND address = ?"
SESSIONS = "SELECT sid, address, lowered FROM sessions WHERE medium = ?"
MOVE_SESSION = "UPDATE sessions SET address = ?, lowered = ? WHERE sid = ?"
CLOSE_SESSION = "DELETE FROM sessions WHERE sid = ?"
INVITES = "SELECT token, address, lowered FROM invites WHERE medium = ?"
MOVE_INVITE = "UPDATE invites SET address = ?, lowered = ? WHERE token = ?"

log = Logger()


@define
class _Count:
    """
    What has been done.

    :ivar merged: Bindings that gave way to a newer one of the same address.
    :ivar lost: Bindings and sessions of what is no address any more.
    """

    bindings: int = 0
    merged: int = 0
    sessions: int = 0
    invites: int = 0
    lost: int = 0


async def move_to_a_labels(tx: Transaction) -> None:
    """Bring the addresses in all tables into their present canonical form."""
    count = _Count()
    await _move_bindings(tx, count)
    await _move_sessions(tx, count)
    await _move_invites(tx, count)
    if count != _Count():
        log.info(
            "Domains are kept as A-labels now: changed {bindings} bindings, {sessions} "
            "sessions and {invites} invites; {merged} bindings gave way to a newer one "
            "of the same address; dropped {lost} of what is no address any more",
            bindings=count.bindings,
            sessions=count.sessions,
            invites=count.invites,
            merged=count.merged,
            lost=count.lost,
        )


def moved(address: str, lowered: str | None) -> ThreePid | None:
    """
    The 3PID of a row of an e-mail address.

    :return: ``None`` if nobody can have such an address.
    """
    local, _at, domain = address.rpartition("@")
    typed_local, _at, typed_domain = (lowered or address).rpartition("@")
    try:
        name = domain if domain.isascii() else domain.encode("idna").decode("ascii")
        proved = canonical(EMAIL, f"{local}@{name}")
        for each in (typed_domain, name):
            typed = _canonical_or_none(f"{typed_local}@{each}")
            if typed == proved:
                return typed
    except (UnicodeError, IllegalThreePid):
        return None
    return proved


def _canonical_or_none(address: str) -> ThreePid | None:
    try:
        return canonical(EMAIL, address)
    except IllegalThreePid:
        return None


async def _move_bindings(tx: Transaction, count: _Count) -> None:
    # First everything is read: what moves must not be met again.
    rows = await _outdated_bindings(tx)
    peppers = [pepper for (pepper,) in await tx.rows(PEPPERS)]
    for address, *_others in rows:
        await tx.run(UNHASH, EMAIL, address)
        await tx.run(UNBIND, EMAIL, address)
    threepids = set()
    for address, lowered, *others in rows:
        threepid = moved(address, lowered)
        if threepid is None:
            count.lost += 1
            continue
        is_alone = not await tx.rows(OWNER, EMAIL, threepid.address)
        key = EMAIL, threepid.address, threepid.lowered
        await tx.run(BIND_IF_NEWER, *key, *others)
        count.bindings += 1
        count.merged += not is_alone
        threepids.add(threepid)
    for threepid in threepids:
        await _hash(tx, threepid, peppers)


async def _hash(tx: Transaction, threepid: ThreePid, peppers: list[str]) -> None:
    ((lowered, user_id),) = await tx.rows(OWNER, EMAIL, threepid.address)
    await tx.run(UNHASH, EMAIL, threepid.address)
    bound = ThreePid(EMAIL, threepid.address, lowered)
    await tx.run_many(ADD_HASH, hash_rows(peppers, bound, user_id))


async def _outdated_bindings(tx: Transaction) -> list[Row]:
    found: list[Row] = []
    rows = await tx.rows(NEXT_BINDINGS, EMAIL, "", CHUNK)
    while rows:
        found += [row for row in rows if _is_outdated(*row[:2])]
        rows = await tx.rows(NEXT_BINDINGS, EMAIL, rows[-1][0], CHUNK)
    return found


def _is_outdated(address: str, lowered: str | None) -> bool:
    threepid = moved(address, lowered)
    hashed = {address} if lowered is None else {address, lowered}
    return (
        threepid is None
        or (threepid.address, threepid.lowered) != (address, lowered)
        or set(threepid.spellings) != hashed
    )


async def _move_sessions(tx: Transaction, count: _Count) -> None:
    for sid, address, lowered in await tx.rows(SESSIONS, EMAIL):
        threepid = moved(address, lowered)
        if threepid is None:
            await tx.run(CLOSE_SESSION, sid)
            count.lost += 1
        elif (threepid.address, threepid.lowered) != (address, lowered):
            await tx.run(MOVE_SESSION, threepid.address, threepid.lowered, sid)
            count.sessions += 1


async def _move_invites(tx: Transaction, count: _Count) -> None:
    for token, address, lowered in await tx.rows(INVITES, EMAIL):
        threepid = moved(address, lowered)
        # The room remembers an invite of what is no address, too: it stays.
        if threepid and (threepid.address, threepid.lowered) != (address, lowered):
            await tx.run(MOVE_INVITE, threepid.address, threepid.lowered, token)
            count.invites += 1
