"""Which master keys a database knows, the hash key sealed with them, and changing from one to the next.

A wrong key is noticed before anything is written with it. Must not know where keys come from (`master_key`).
"""

from __future__ import annotations

from psycopg.rows import DictRow

from temoctl.systemdata import refusals, sealing
from temoctl.systemdata.ports import Role
from temoctl.systemdata.sealing import MasterKey
from temoctl.systemdata.session import Connected, Session, fetch

HASH_KEY = "installation"
"""The place the hash key is sealed for; no tenant has such a uid."""
BATCH = 500


async def admit(connection: Connected, session: Session, master: MasterKey, *, read_only: bool) -> bytes:
    """Check the master key against the database and give the hash key; the first administrator sets both up.

    Where nothing was set up yet and this principal can't, a throw-away hash key is given: nothing was hashed yet.
    """
    known = await fetch(connection, "SELECT kek, check_value FROM temoctl.master_keys WHERE retired_at IS NULL")
    if known:
        _admitted(known, master)
    elif not read_only and session.principal.role is not Role.MANAGER:
        await _introduce(connection, master)
    else:
        return sealing.fresh_key()
    row = (await fetch(connection, "SELECT hash_key, hash_key_kek FROM temoctl.installation"))[0]
    if row["hash_key"] is None:
        return await _first_hash_key(connection, master) if not read_only else sealing.fresh_key()
    if row["hash_key_kek"] != master.kek:
        raise refusals.wrong_master_key(row["hash_key_kek"], master.origin)
    return sealing.unwrap(master, bytes(row["hash_key"]), HASH_KEY, 1)


async def rotate(session: Session, old: MasterKey, new: MasterKey) -> int:
    """Seal everything that `old` sealed with `new`; returns how many data keys were changed.

    May be interrupted and called again: what is done stays done. Until it is finished both keys are needed.
    """

    async def begin(connection: Connected) -> None:
        await _introduce(connection, new)
        row = (await fetch(connection, "SELECT hash_key, hash_key_kek FROM temoctl.installation FOR UPDATE"))[0]
        if row["hash_key"] is not None and row["hash_key_kek"] == old.kek:
            key = sealing.unwrap(old, bytes(row["hash_key"]), HASH_KEY, 1)
            await _keep_hash_key(connection, new, key)

    async def some(connection: Connected) -> int:
        found = await fetch(
            connection,
            "SELECT tenant_uid, version, wrapped FROM temoctl.data_keys WHERE kek = %s "
            "ORDER BY tenant_uid, version LIMIT %s FOR UPDATE",
            [old.kek, BATCH],
        )
        if found:
            await _rewrap(connection, old, new, found)
        return len(found)

    async def end(connection: Connected) -> None:
        await connection.execute(
            "UPDATE temoctl.master_keys SET retired_at = now() WHERE kek = %s "
            "AND NOT EXISTS (SELECT FROM temoctl.data_keys WHERE kek = %s)",
            [old.kek, old.kek],
        )

    await session.transact(begin)
    total = 0
    while count := await session.transact(some):
        total += count
    await session.transact(end)
    return total


async def _rewrap(connection: Connected, old: MasterKey, new: MasterKey, found: list[DictRow]) -> None:
    uids, versions, wrapped = [], [], []
    for row in found:
        key = sealing.unwrap(old, bytes(row["wrapped"]), row["tenant_uid"], row["version"])
        uids.append(row["tenant_uid"])
        versions.append(row["version"])
        wrapped.append(sealing.wrap(new, key, row["tenant_uid"], row["version"]))
    await connection.execute(
        "UPDATE temoctl.data_keys k SET kek = %s, wrapped = w.wrapped "
        "FROM unnest(%s::text[], %s::int[], %s::bytea[]) AS w (uid, version, wrapped) "
        "WHERE k.tenant_uid = w.uid AND k.version = w.version AND k.kek = %s",
        [new.kek, uids, versions, wrapped, old.kek],
    )


def _admitted(known: list[DictRow], master: MasterKey) -> None:
    for row in known:
        if row["kek"] == master.kek and bytes(row["check_value"]) == master.check_value:
            return
    raise refusals.wrong_master_key(known[0]["kek"], master.origin)


async def _introduce(connection: Connected, master: MasterKey) -> None:
    await connection.execute(
        "INSERT INTO temoctl.master_keys (kek, check_value) VALUES (%s, %s) ON CONFLICT DO NOTHING",
        [master.kek, master.check_value],
    )


async def _first_hash_key(connection: Connected, master: MasterKey) -> bytes:
    row = (await fetch(connection, "SELECT hash_key FROM temoctl.installation FOR UPDATE"))[0]
    if row["hash_key"] is not None:  # another process was first
        return sealing.unwrap(master, bytes(row["hash_key"]), HASH_KEY, 1)
    key = sealing.fresh_key()
    await _keep_hash_key(connection, master, key)
    return key


async def _keep_hash_key(connection: Connected, master: MasterKey, key: bytes) -> None:
    await connection.execute(
        "UPDATE temoctl.installation SET hash_key = %s, hash_key_kek = %s",
        [sealing.wrap(master, key, HASH_KEY, 1), master.kek],
    )
