"""The vault on PostgreSQL: values sealed with the tenant's data key, which is sealed with the master key.

Destroying a tenant's data key makes its values unreadable for good, except in backups whose master key still exists.
Must not know what a secret is for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from psycopg.rows import DictRow

from temoctl.engine.ports import Fence
from temoctl.model.errors import Refused
from temoctl.model.secret import Secret, SecretRef
from temoctl.systemdata import refusals, sealing
from temoctl.systemdata.pg_room import Room, log
from temoctl.systemdata.ports import SecretRow
from temoctl.systemdata.sealing import MasterKey, Place
from temoctl.systemdata.session import Connected, Session, fetch

NEWEST_KEY = """
SELECT version, kek, wrapped FROM temoctl.data_keys WHERE tenant_uid = %s ORDER BY version DESC LIMIT 1 FOR UPDATE
"""

NEW_KEY = """
INSERT INTO temoctl.data_keys (tenant_uid, manager, version, kek, wrapped)
SELECT tenant_uid, manager, 1, %s, %s FROM temoctl.tenants WHERE tenant_uid = %s
ON CONFLICT DO NOTHING
"""

STORE = """
INSERT INTO temoctl.secrets (tenant_uid, manager, path, version, key_version, sealed, by_name)
SELECT tenant_uid, manager, %s, %s, %s, %s, %s FROM temoctl.tenants WHERE tenant_uid = %s
"""

READ = """
SELECT s.tenant_uid, s.path, s.version, s.key_version, s.sealed, k.kek, k.wrapped
FROM temoctl.secrets s JOIN temoctl.data_keys k ON k.tenant_uid = s.tenant_uid AND k.version = s.key_version
"""

MANY = (
    READ
    + """
JOIN unnest(%s::text[], %s::text[], %s::int[]) AS w (uid, path, version)
  ON s.tenant_uid = w.uid AND s.path = w.path AND s.version = w.version
"""
)

LISTING = """
SELECT DISTINCT ON (path) path, version, extract(epoch FROM at)::float8 AS at, by_name
FROM temoctl.secrets WHERE tenant_uid = %s ORDER BY path, version DESC
"""

VERSIONS = """
SELECT tenant_uid, path, max(version) AS version FROM temoctl.secrets WHERE tenant_uid = ANY (%s)
GROUP BY tenant_uid, path ORDER BY tenant_uid, path
"""


def _unheard(_: Secret) -> None:
    return None


class PostgresVault(Room):
    def __init__(self, session: Session, master: MasterKey) -> None:
        self._session = session
        self._master = master
        self.learn: Callable[[Secret], None] = _unheard

    async def get(self, uid: str, path: str, version: int | None = None) -> Secret:
        found = await self._session.rows(
            READ
            + "WHERE s.tenant_uid = %(uid)s AND s.path = %(path)s "
            + "AND (%(version)s::int IS NULL OR s.version = %(version)s) ORDER BY s.version DESC LIMIT 1",
            {"uid": uid, "path": path, "version": version},
        )
        if not found:
            raise refusals.no_secret(path)
        return self._opened(found[0])

    async def many(self, wanted: Sequence[tuple[str, SecretRef]]) -> Mapping[tuple[str, SecretRef], Secret]:
        if not wanted:
            return {}
        found = await self._session.rows(
            MANY, [[uid for uid, _ in wanted], [ref.path for _, ref in wanted], [ref.version for _, ref in wanted]]
        )
        opened = {(row["tenant_uid"], row["path"], row["version"]): self._opened(row) for row in found}
        named = {(uid, ref): (uid, ref.path, ref.version) for uid, ref in wanted}
        return {key: opened[place] for key, place in named.items() if place in opened}

    async def versions(self, uid: str) -> Mapping[str, int]:
        return {row.path: row.version for row in await self.listing(uid)}

    async def versions_of(self, uids: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        found: dict[str, dict[str, int]] = {uid: {} for uid in uids}
        for row in await self._session.rows(VERSIONS, [list(uids)]):
            found[row["tenant_uid"]][row["path"]] = row["version"]
        return found

    async def listing(self, uid: str) -> Sequence[SecretRow]:
        found = await self._session.rows(LISTING, [uid])
        kept = [SecretRow(row["path"], row["version"], row["at"], row["by_name"]) for row in found]
        return sorted(kept, key=lambda row: row.path)

    async def ensure(self, fence: Fence, ref: SecretRef, fresh: Secret) -> Secret:
        async def work(connection: Connected) -> Secret:
            await self._require(connection, fence)
            key_version, key = await self._data_key(connection, fence.uid)
            found = await fetch(
                connection,
                READ + "WHERE s.tenant_uid = %s AND s.path = %s AND s.version = %s",
                [fence.uid, ref.path, ref.version],
            )
            if found:
                return self._opened(found[0])
            place = Place(fence.uid, ref.path, ref.version, key_version)
            await self._store(connection, key, fresh, place, self._session.principal.name)
            return fresh

        return await self._session.transact(work)

    async def put(self, uid: str, path: str, value: Secret, *, by: str) -> int:
        async def work(connection: Connected) -> int:
            await self._owned(connection, uid)
            key_version, key = await self._data_key(connection, uid)
            newest = await fetch(
                connection,
                "SELECT coalesce(max(version), 0) AS n FROM temoctl.secrets WHERE tenant_uid = %s AND path = %s",
                [uid, path],
            )
            version = int(newest[0]["n"]) + 1
            await self._store(connection, key, value, Place(uid, path, version, key_version), by)
            await log(connection, by, uid, "secret-set", path, version=version)
            return version

        return await self._session.transact(work)

    async def remove(self, uid: str, path: str, *, by: str) -> int:
        async def work(connection: Connected) -> int:
            await self._owned(connection, uid)
            gone = await fetch(
                connection,
                "DELETE FROM temoctl.secrets WHERE tenant_uid = %s AND path = %s RETURNING version",
                [uid, path],
            )
            if gone:
                await log(connection, by, uid, "secret-removed", path, versions=len(gone))
            return len(gone)

        return await self._session.transact(work)

    async def unreadable(self) -> list[tuple[str, str]]:
        """Which stored values can't be opened, as (uid, path). For `state check`: never raises for one of them."""
        broken = set()
        for row in await self._session.rows(READ):
            try:
                self._opened(row)
            except (Refused, UnicodeDecodeError):
                broken.add((row["tenant_uid"], row["path"]))
        return sorted(broken)

    async def _data_key(self, connection: Connected, uid: str) -> tuple[int, bytes]:
        """The tenant's newest data key, made when there is none. Its row stays locked: versions are counted alone."""
        found = await fetch(connection, NEWEST_KEY, [uid])
        if not found:
            fresh = sealing.wrap(self._master, sealing.fresh_key(), uid, 1)
            await connection.execute(NEW_KEY, [self._master.kek, fresh, uid])
            found = await fetch(connection, NEWEST_KEY, [uid])
        version = int(found[0]["version"])
        return version, self._unwrapped(uid, version, found[0])

    def _unwrapped(self, uid: str, version: int, row: DictRow) -> bytes:
        if row["kek"] != self._master.kek:
            raise refusals.wrong_master_key(row["kek"], self._master.origin)
        return sealing.unwrap(self._master, bytes(row["wrapped"]), uid, version)

    def _opened(self, row: DictRow) -> Secret:
        key = self._unwrapped(row["tenant_uid"], row["key_version"], row)
        place = Place(row["tenant_uid"], row["path"], row["version"], row["key_version"])
        secret = sealing.unseal(key, bytes(row["sealed"]), place)
        self.learn(secret)
        return secret

    async def _store(self, connection: Connected, key: bytes, value: Secret, place: Place, by: str) -> None:
        self.learn(value)
        sealed = sealing.seal(key, value, place)
        await connection.execute(STORE, [place.path, place.version, place.key_version, sealed, by, place.tenant])
