"""Leases on PostgreSQL: one row a tenant, time by the database's clock, a new epoch at every take.

A row and not an advisory lock, so that it works through a transaction-mode pooler and outlives a connection.
Must not know what a lease is needed for.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from temoctl.systemdata import refusals, rows
from temoctl.systemdata.pg_room import Room, log
from temoctl.systemdata.ports import LeaseState
from temoctl.systemdata.session import Connected, fetch

TAKE = """
INSERT INTO temoctl.leases AS l (tenant_uid, manager, epoch, holder, taking, operation, taken_at, heartbeat_at,
                                 expires_at)
SELECT tenant_uid, manager, 1, %(holder)s, %(taking)s, %(operation)s, clock_timestamp(), clock_timestamp(),
       clock_timestamp() + make_interval(secs => %(ttl)s)
FROM temoctl.tenants WHERE tenant_uid = %(uid)s
ON CONFLICT (tenant_uid) DO UPDATE SET epoch = l.epoch + 1, holder = excluded.holder, taking = excluded.taking,
  operation = excluded.operation,
  taken_at = clock_timestamp(), heartbeat_at = clock_timestamp(),
  expires_at = clock_timestamp() + make_interval(secs => %(ttl)s)
WHERE l.holder = '' OR l.taking = excluded.taking OR l.expires_at <= clock_timestamp()
RETURNING tenant_uid
"""

RENEW = """
UPDATE temoctl.leases SET heartbeat_at = clock_timestamp(),
  expires_at = clock_timestamp() + make_interval(secs => %(ttl)s)
WHERE tenant_uid = %(uid)s AND epoch = %(epoch)s AND holder = %(holder)s AND expires_at > clock_timestamp()
RETURNING extract(epoch FROM heartbeat_at)::float8 AS heartbeat_at, extract(epoch FROM expires_at)::float8 AS expires_at
"""

SELECT = """
SELECT l.tenant_uid, t.tenant, l.epoch, l.holder, l.operation,
  extract(epoch FROM l.taken_at)::float8 AS taken_at,
  extract(epoch FROM l.heartbeat_at)::float8 AS heartbeat_at,
  extract(epoch FROM l.expires_at)::float8 AS expires_at,
  extract(epoch FROM clock_timestamp())::float8 AS now
FROM temoctl.leases l JOIN temoctl.tenants t ON t.tenant_uid = l.tenant_uid
"""

BREAK = """
UPDATE temoctl.leases SET holder = '', epoch = epoch + 1 WHERE tenant_uid = %s
"""


class Leases(Room):
    async def take_lease(self, uid: str, *, holder: str, operation: str, ttl: float) -> LeaseState:
        values = {"uid": uid, "holder": holder, "operation": operation, "ttl": ttl, "taking": uuid4().hex}

        async def work(connection: Connected) -> LeaseState:
            await self._owned(connection, uid)
            taken = await fetch(connection, TAKE, values)
            found = await fetch(connection, SELECT + "WHERE l.tenant_uid = %s", [uid])
            lease = rows.lease(found[0])
            if not taken:
                raise refusals.locked(lease, found[0]["now"])
            return lease

        return await self._session.transact(work)

    async def renew_lease(self, lease: LeaseState, ttl: float) -> LeaseState:
        renewed = await self._session.rows(
            RENEW, {"uid": lease.uid, "epoch": lease.epoch, "holder": lease.holder, "ttl": ttl}
        )
        if not renewed:
            raise refusals.lease_lost(lease.tenant)
        return LeaseState(
            lease.uid,
            lease.tenant,
            lease.epoch,
            lease.holder,
            lease.operation,
            lease.taken_at,
            renewed[0]["heartbeat_at"],
            renewed[0]["expires_at"],
        )

    async def release_lease(self, lease: LeaseState) -> None:
        await self._session.rows(
            "UPDATE temoctl.leases SET holder = '' WHERE tenant_uid = %s AND epoch = %s AND holder = %s",
            [lease.uid, lease.epoch, lease.holder],
        )

    async def leases(self) -> Sequence[LeaseState]:
        found = await self._session.rows(SELECT + "WHERE l.holder <> '' ORDER BY t.tenant COLLATE \"C\"")
        return [rows.lease(row) for row in found]

    async def break_lease(self, tenant: str, *, by: str, steal: bool, holder: str = "") -> LeaseState | None:
        async def work(connection: Connected) -> LeaseState | None:
            found = await fetch(connection, SELECT + "WHERE t.tenant = %s AND l.holder <> '' FOR UPDATE OF l", [tenant])
            if not found:
                return None
            lease = rows.lease(found[0])
            if holder not in ("", lease.holder):
                return None
            if lease.expires_at > found[0]["now"] and not steal:
                raise refusals.still_alive(lease, found[0]["now"])
            await connection.execute(BREAK, [lease.uid])
            await log(connection, by, lease.uid, "unlocked", tenant, holder=lease.holder, steal=steal)
            return lease

        return await self._session.transact(work)
