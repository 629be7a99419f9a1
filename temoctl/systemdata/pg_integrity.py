"""`state check` and `state repair` on PostgreSQL. What counts as broken is `integrity`'s to say.

Records of a tenant somebody works on right now are left alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from temoctl.systemdata.integrity import (
    DANGLING,
    DEAD_RUN,
    NO_INSTANCE,
    SERIAL,
    SILENT_LEASE,
    UNREADABLE,
    Census,
    ResourceFact,
    TenantFact,
)
from temoctl.systemdata.pg_room import Room, log
from temoctl.systemdata.ports import Finding
from temoctl.systemdata.session import Connected, fetch

TENANTS = """
SELECT t.tenant_uid, t.tenant, t.status, t.serial, coalesce(max(a.serial), 0) AS logged
FROM temoctl.tenants t LEFT JOIN temoctl.audit a ON a.tenant_uid = t.tenant_uid GROUP BY t.tenant_uid
"""

RESOURCES = """
SELECT tenant_uid, address, depends_on, instance, jsonb_typeof(props) = 'object'
  AND jsonb_typeof(resolved) = 'object' AND jsonb_typeof(outputs) = 'object' AS readable
FROM temoctl.resources
"""

# What is mended, by code. Each statement changes nothing when the finding is no longer true.
MEND_LEASE = """
UPDATE temoctl.leases SET holder = '', epoch = epoch + 1
WHERE tenant_uid = %(uid)s AND holder <> '' AND expires_at <= clock_timestamp() RETURNING 1 AS done
"""
MEND_RUN = """
UPDATE temoctl.runs SET status = 'stopped', finished_at = clock_timestamp()
WHERE tenant_uid = %(uid)s AND run = %(subject)s AND finished_at IS NULL RETURNING 1 AS done
"""
MEND_NEEDS = """
UPDATE temoctl.resources r SET depends_on = ARRAY(
  SELECT d FROM unnest(r.depends_on) AS d
  WHERE EXISTS (SELECT FROM temoctl.resources k WHERE k.address = d
                AND k.tenant_uid IN (r.tenant_uid, temoctl.platform_uid())))
WHERE r.tenant_uid = %(uid)s AND r.address = %(subject)s RETURNING 1 AS done
"""
MEND_INSTANCE = """
UPDATE temoctl.resources r SET instance = s.instance FROM temoctl.system_instances s
WHERE r.tenant_uid = %(uid)s AND r.address = %(subject)s AND r.instance = ''
  AND s.system = split_part(split_part(r.address, '/', 2), '.', 1) RETURNING 1 AS done
"""
MEND_ROW = """
DELETE FROM temoctl.resources r WHERE tenant_uid = %(uid)s AND address = %(subject)s RETURNING to_jsonb(r) AS was
"""
MEND_SERIAL = """
UPDATE temoctl.tenants SET serial = %(subject)s::bigint WHERE tenant_uid = %(uid)s AND serial < %(subject)s::bigint
RETURNING 1 AS done
"""
MENDING = {
    SILENT_LEASE: MEND_LEASE,
    DEAD_RUN: MEND_RUN,
    DANGLING: MEND_NEEDS,
    NO_INSTANCE: MEND_INSTANCE,
    UNREADABLE: MEND_ROW,
    SERIAL: MEND_SERIAL,
}
RECORDS = frozenset({DANGLING, NO_INSTANCE, UNREADABLE, SERIAL})


class Integrity(Room):
    async def census(self, unreadable_secrets: Sequence[tuple[str, str]]) -> Census:
        """All rows that this principal may see, as they stand."""

        async def work(connection: Connected) -> Census:
            tenants = await fetch(connection, TENANTS)
            resources = await fetch(connection, RESOURCES)
            intents = await fetch(
                connection, "SELECT tenant_uid, intent, address, run FROM temoctl.intents WHERE ending IS NULL"
            )
            runs = await fetch(connection, "SELECT tenant_uid, run FROM temoctl.runs WHERE finished_at IS NULL")
            leases = await fetch(
                connection,
                "SELECT tenant_uid, holder, expires_at > now() AS alive FROM temoctl.leases WHERE holder <> ''",
            )
            pins = await fetch(connection, "SELECT system, instance FROM temoctl.system_instances")
            return Census(
                tenants=[
                    TenantFact(
                        row["tenant_uid"], row["tenant"], row["status"] == "living", row["serial"], row["logged"]
                    )
                    for row in tenants
                ],
                resources=[
                    ResourceFact(
                        row["tenant_uid"],
                        str(row["address"]),
                        tuple(str(one) for one in row["depends_on"] or ()),
                        str(row["instance"] or ""),
                        bool(row["readable"]),
                    )
                    for row in resources
                ],
                intents=[(row["tenant_uid"], row["intent"], row["address"], row["run"]) for row in intents],
                runs=[(row["tenant_uid"], row["run"]) for row in runs],
                living_leases=frozenset(row["tenant_uid"] for row in leases if row["alive"]),
                silent_leases={row["tenant_uid"]: row["holder"] for row in leases if not row["alive"]},
                pins={row["system"]: row["instance"] for row in pins},
                unreadable_secrets=unreadable_secrets,
            )

        return await self._session.transact(work)

    async def repair(self, findings: Sequence[Finding], *, by: str) -> int:
        """Mend what is safe to mend; returns how many findings were mended."""

        async def work(connection: Connected) -> int:
            return sum([await self._mend(connection, one, by) for one in findings if one.repair])

        return await self._session.transact(work)

    async def _mend(self, connection: Connected, finding: Finding, by: str) -> bool:
        statement = MENDING.get(finding.code)
        if statement is None:
            return False
        if finding.code in RECORDS and await self._is_busy(connection, finding.uid):
            return False
        done = await fetch(connection, statement, {"uid": finding.uid, "subject": finding.subject})
        if not done:
            return False
        if finding.code in RECORDS - {SERIAL}:
            await self._count(connection, finding.uid)
        detail = {"code": finding.code, "was": done[0].get("was")}
        await log(connection, by, finding.uid, "repaired", finding.subject, **detail)
        return True

    async def _is_busy(self, connection: Connected, uid: str) -> bool:
        found = await fetch(
            connection,
            "SELECT 1 AS busy FROM temoctl.leases "
            "WHERE tenant_uid = %s AND holder <> '' AND expires_at > now() FOR SHARE",
            [uid],
        )
        return bool(found)
