"""What the rooms of the PostgreSQL store share: the session, the fence check, the audit row. Must not know a table's
meaning beyond that."""

from __future__ import annotations

from typing import Any

from psycopg.types.json import Jsonb

from temoctl.engine.ports import Fence
from temoctl.model.address import PLATFORM
from temoctl.systemdata import refusals
from temoctl.systemdata.ports import Role
from temoctl.systemdata.session import Connected, Session, fetch

HELD = """
SELECT t.tenant FROM temoctl.leases l JOIN temoctl.tenants t ON t.tenant_uid = l.tenant_uid
WHERE l.tenant_uid = %s AND l.epoch = %s AND l.holder <> '' AND l.expires_at > now()
FOR SHARE OF l
"""

AUDIT = """
INSERT INTO temoctl.audit (tenant_uid, manager, by_name, tenant, action, subject, serial, detail)
SELECT t.tenant_uid, t.manager, %s, t.tenant, %s, %s, t.serial, %s FROM temoctl.tenants t WHERE t.tenant_uid = %s
"""


class Room:
    """One part of the store."""

    _session: Session

    @property
    def _operator(self) -> bool:
        return self._session.principal.role in (Role.ADMIN, Role.CI)

    async def _require(self, connection: Connected, fence: Fence) -> str:
        """The tenant's id, when the fence still stands; it stands until the transaction ends."""
        held = await fetch(connection, HELD, [fence.uid, fence.epoch])
        if not held:
            raise refusals.lease_lost(await self._named(connection, fence.uid))
        return str(held[0]["tenant"])

    async def _owned(self, connection: Connected, uid: str) -> str:
        """The tenant's id, when this principal may change it."""
        living = "SELECT tenant FROM temoctl.tenants WHERE tenant_uid = %s AND status = 'living'"
        found = await fetch(connection, living, [uid])
        if not found:
            raise refusals.unknown_tenant(uid)
        tenant = str(found[0]["tenant"])
        if tenant == PLATFORM and not self._operator:
            raise refusals.operators_only(f"change {tenant}", tenant)
        return tenant

    async def _named(self, connection: Connected, uid: str) -> str:
        found = await fetch(connection, "SELECT tenant FROM temoctl.tenants WHERE tenant_uid = %s", [uid])
        return str(found[0]["tenant"]) if found else ""

    async def _count(self, connection: Connected, uid: str) -> None:
        """One more change of recorded state."""
        await connection.execute("UPDATE temoctl.tenants SET serial = serial + 1 WHERE tenant_uid = %s", [uid])


async def log(connection: Connected, by: str, uid: str, action: str, subject: str, **detail: Any) -> None:
    """An audit row in the same transaction as what it tells of."""
    await connection.execute(AUDIT, [by, action, subject, Jsonb(detail), uid])
