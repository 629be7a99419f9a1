"""Runs, used plans and the state of channels on PostgreSQL. Must not know how a run goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psycopg.types.json import Jsonb

from temoctl.engine.ports import Fence
from temoctl.model.value import Json
from temoctl.systemdata import refusals, rows
from temoctl.systemdata.pg_room import Room
from temoctl.systemdata.ports import Connection, PlanUse, RunRow
from temoctl.systemdata.session import Connected, fetch

START = """
INSERT INTO temoctl.runs (run, tenant_uid, manager, tenant, mode, plan, by_name)
SELECT %s, tenant_uid, manager, %s, %s, %s, %s FROM temoctl.tenants WHERE tenant_uid = %s
ON CONFLICT DO NOTHING
"""

END_DEAD = """
UPDATE temoctl.runs SET finished_at = now(), status = 'stopped'
WHERE tenant_uid = %s AND run <> %s AND finished_at IS NULL
"""

RUNS = """
SELECT run, tenant, mode, plan, by_name, extract(epoch FROM started_at)::float8 AS started_at,
  extract(epoch FROM finished_at)::float8 AS finished_at, status, summary
FROM temoctl.runs WHERE %(tenant)s::text IS NULL OR tenant = %(tenant)s
ORDER BY runs.started_at DESC, run LIMIT %(limit)s
"""

USE = """
INSERT INTO temoctl.plan_uses AS u (plan, tenant, tenant_uid, manager, use)
SELECT %s, %s, tenant_uid, manager, %s FROM temoctl.tenants WHERE tenant_uid = %s
ON CONFLICT (plan, tenant) DO UPDATE SET use = excluded.use, at = now() WHERE u.use <> 'finished'
RETURNING plan
"""

CONNECT = """
INSERT INTO temoctl.connections AS c (tenant_uid, manager, channel, kind, status, why, fields)
SELECT t.tenant_uid, t.manager, e.channel, e.kind, e.status, e.why, e.fields
FROM jsonb_to_recordset(%s) AS e (channel text, kind text, status text, why text, fields jsonb)
JOIN temoctl.tenants t ON t.tenant_uid = %s
ON CONFLICT (tenant_uid, channel) DO UPDATE SET kind = excluded.kind, status = excluded.status, why = excluded.why,
  fields = excluded.fields, since = CASE WHEN c.status = excluded.status THEN c.since ELSE now() END
"""

CONNECTIONS = """
SELECT t.tenant, c.channel, c.kind, c.status, c.why, extract(epoch FROM c.since)::float8 AS since, c.fields
FROM temoctl.connections c JOIN temoctl.tenants t ON t.tenant_uid = c.tenant_uid
WHERE %(tenants)s::text[] IS NULL OR t.tenant = ANY (%(tenants)s)
ORDER BY t.tenant COLLATE "C", c.channel COLLATE "C"
"""


class Runs(Room):
    async def start_run(self, fence: Fence, run: str, *, tenant: str, mode: str, plan: str, by: str) -> None:
        async def work(connection: Connected) -> None:
            await self._require(connection, fence)
            await connection.execute(END_DEAD, [fence.uid, run])
            await connection.execute(START, [run, tenant, mode, plan, by, fence.uid])

        await self._session.transact(work)

    async def end_run(self, fence: Fence, run: str, *, status: str, summary: Mapping[str, Json]) -> None:
        async def work(connection: Connected) -> None:
            await self._require(connection, fence)
            await connection.execute(
                "UPDATE temoctl.runs SET finished_at = clock_timestamp(), status = %s, summary = %s "
                "WHERE run = %s AND tenant_uid = %s",
                [status, Jsonb(dict(summary)), run, fence.uid],
            )

        await self._session.transact(work)

    async def runs(self, tenant: str | None = None, *, limit: int = 50) -> Sequence[RunRow]:
        found = await self._session.rows(RUNS, {"tenant": tenant, "limit": limit})
        return [rows.run(row) for row in found]

    async def plan_use(self, plan: str, tenant: str) -> PlanUse:
        found = await self._session.rows(
            "SELECT use FROM temoctl.plan_uses WHERE plan = %s AND tenant = %s", [plan, tenant]
        )
        return PlanUse(found[0]["use"]) if found else PlanUse.UNUSED

    async def use_plan(self, fence: Fence, plan: str, tenant: str, use: PlanUse) -> None:
        async def work(connection: Connected) -> None:
            await self._require(connection, fence)
            noted = await fetch(connection, USE, [plan, tenant, use.value, fence.uid])
            if not noted:
                raise refusals.plan_finished(plan, tenant)

        await self._session.transact(work)

    async def put_connections(self, fence: Fence, rows: Sequence[Connection]) -> None:
        tree = [
            {
                "channel": row.channel,
                "kind": row.kind,
                "status": row.status,
                "why": row.why,
                "fields": dict(row.fields),
            }
            for row in rows
        ]

        async def work(connection: Connected) -> None:
            await self._require(connection, fence)
            await connection.execute(CONNECT, [Jsonb(tree), fence.uid])

        await self._session.transact(work)

    async def connections(self, tenants: Sequence[str] | None = None) -> Sequence[Connection]:
        wanted = None if tenants is None else list(tenants)
        found = await self._session.rows(CONNECTIONS, {"tenants": wanted})
        return [Connection(**row) for row in found]
