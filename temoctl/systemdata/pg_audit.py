"""What happened and who did it, on PostgreSQL: audit, drift history, reads; managers; rate limits across processes.

The last rows of each are the newest. Must not know what the entries mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psycopg.types.json import Jsonb

from temoctl.model.value import Json
from temoctl.systemdata import refusals
from temoctl.systemdata.pg_room import Room
from temoctl.systemdata.ports import AuditRow, DriftRow, ManagerRow
from temoctl.systemdata.session import Connected, fetch

AUDIT = """
SELECT extract(epoch FROM at)::float8 AS at, by_name, tenant, action, subject, detail
FROM temoctl.audit WHERE %(tenant)s::text IS NULL OR tenant = %(tenant)s ORDER BY id DESC LIMIT %(limit)s
"""

DRIFT = """
SELECT extract(epoch FROM d.at)::float8 AS at, d.by_name, t.tenant, d.changes, d.detail
FROM temoctl.drift_history d JOIN temoctl.tenants t ON t.tenant_uid = d.tenant_uid
WHERE t.tenant = %s ORDER BY d.id DESC LIMIT %s
"""

# A row says when the calls reserved so far will have been made (GCRA): one statement, no lock held, any pooler.
TOKENS = """
INSERT INTO temoctl.rate_tokens AS r (key, due)
SELECT %(key)s, now - %(burst)s::float8 / %(rate)s::float8 + %(count)s::float8 / %(rate)s::float8
FROM (SELECT extract(epoch FROM clock_timestamp())::float8 AS now) AS clock
ON CONFLICT (key) DO UPDATE SET due =
  greatest(r.due, extract(epoch FROM clock_timestamp())::float8 - %(burst)s::float8 / %(rate)s::float8)
  + %(count)s::float8 / %(rate)s::float8
RETURNING greatest(0, due - extract(epoch FROM clock_timestamp())::float8)::float8 AS wait
"""


class Audits(Room):
    async def audit(self, tenant: str | None = None, *, limit: int = 50) -> Sequence[AuditRow]:
        found = await self._session.rows(AUDIT, {"tenant": tenant, "limit": limit})
        return [
            AuditRow(row["at"], row["by_name"], row["tenant"], row["action"], row["subject"], row["detail"] or {})
            for row in found
        ]

    async def note_drift(self, uid: str, *, by: str, changes: int, detail: Mapping[str, Json]) -> None:
        async def work(connection: Connected) -> None:
            await self._owned(connection, uid)
            await connection.execute(
                "INSERT INTO temoctl.drift_history (tenant_uid, manager, by_name, changes, detail) "
                "SELECT tenant_uid, manager, %s, %s, %s FROM temoctl.tenants WHERE tenant_uid = %s",
                [by, changes, Jsonb(dict(detail)), uid],
            )

        await self._session.transact(work, operational=True)

    async def drift_history(self, tenant: str, *, limit: int = 50) -> Sequence[DriftRow]:
        found = await self._session.rows(DRIFT, [tenant, limit])
        return [DriftRow(row["at"], row["by_name"], row["tenant"], row["changes"], row["detail"]) for row in found]

    async def note_read(self, uid: str, *, by: str, what: str) -> None:
        async def work(connection: Connected) -> None:
            await self._owned(connection, uid)
            await connection.execute(
                "INSERT INTO temoctl.read_audit (tenant_uid, manager, by_name, what) "
                "SELECT tenant_uid, manager, %s, %s FROM temoctl.tenants WHERE tenant_uid = %s",
                [by, what, uid],
            )

        await self._session.transact(work, operational=True)

    async def take_tokens(self, key: str, count: int, *, rate: float, burst: int) -> float:
        async def work(connection: Connected) -> float:
            found = await fetch(connection, TOKENS, {"key": key, "count": count, "rate": rate, "burst": burst})
            return float(found[0]["wait"])

        return await self._session.transact(work, operational=True)

    async def managers(self) -> Sequence[ManagerRow]:
        found = await self._session.rows(
            "SELECT name, db_role FROM temoctl.managers WHERE name <> '' ORDER BY name COLLATE \"C\""
        )
        return [ManagerRow(row["name"], row["db_role"] or "") for row in found]

    async def put_manager(self, name: str, *, db_role: str = "", by: str) -> None:
        if not self._operator:
            raise refusals.operators_only("change managers")

        async def work(connection: Connected) -> None:
            await connection.execute(
                "INSERT INTO temoctl.managers (name, db_role) VALUES (%s, %s) "
                "ON CONFLICT (name) DO UPDATE SET db_role = excluded.db_role",
                [name, db_role or None],
            )
            await connection.execute(
                "INSERT INTO temoctl.audit (by_name, action, subject, detail) VALUES (%s, 'manager-set', %s, %s)",
                [by, name, Jsonb({"db_role": db_role})],
            )

        await self._session.transact(work)
