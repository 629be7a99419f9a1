"""Tenants and their recorded state on PostgreSQL. Must not know how state comes to be recorded (the journal does)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psycopg.rows import DictRow

from temoctl.engine.ports import Fence
from temoctl.model.address import PLATFORM, Address
from temoctl.model.plan import RecordedTenant
from temoctl.model.resource import Recorded
from temoctl.systemdata import refusals, rows
from temoctl.systemdata.pg_room import Room, log
from temoctl.systemdata.ports import Role
from temoctl.systemdata.session import Connected, fetch

LIVING = """
SELECT tenant_uid, tenant, manager, serial, plan FROM temoctl.tenants
WHERE status = 'living' AND tenant = ANY (%s)
"""

INTENTS = """
SELECT tenant_uid, array_agg(intent) AS known,
       array_agg(intent ORDER BY at, intent) FILTER (WHERE ending IS NULL) AS unended
FROM temoctl.intents WHERE tenant_uid = ANY (%s) GROUP BY tenant_uid
"""


class Tenants(Room):
    async def tenants(self) -> Sequence[RecordedTenant]:
        found = await self._session.rows(
            "SELECT tenant_uid, tenant, manager, serial, plan FROM temoctl.tenants WHERE status = 'living' "
            "ORDER BY tenant <> 'platform', tenant COLLATE \"C\""
        )
        return [
            RecordedTenant(row["tenant"], row["tenant_uid"], row["serial"], row["manager"], plan=row["plan"])
            for row in found
        ]

    async def load(self, tenants: Sequence[str]) -> Mapping[str, RecordedTenant]:
        async def work(
            connection: Connected,
        ) -> tuple[list[DictRow], dict[str, dict[Address, Recorded]], list[DictRow]]:
            living = await fetch(connection, LIVING, [list(tenants)])
            uids = [row["tenant_uid"] for row in living]
            resources: dict[str, dict[Address, Recorded]] = {uid: {} for uid in uids}
            if not uids:
                return living, resources, []
            async with connection.pipeline():
                records = await connection.execute(
                    'SELECT * FROM temoctl.resources WHERE tenant_uid = ANY (%s) ORDER BY address COLLATE "C"', [uids]
                )
                intents = await connection.execute(INTENTS, [uids])
                async for row in records:  # one at a time: a fleet's rows and its records at once are twice the memory
                    record = rows.record(row)
                    if record is None:
                        raise refusals.unreadable(str(row["address"]))
                    resources[row["tenant_uid"]][record.address] = record
                return living, resources, await intents.fetchall()

        living, resources, intents = await self._session.transact(work)
        journal = {row["tenant_uid"]: row for row in intents}
        found = {}
        for row in living:
            uid = row["tenant_uid"]
            known = journal.get(uid, {"known": (), "unended": ()})
            found[row["tenant"]] = RecordedTenant(
                row["tenant"],
                uid,
                row["serial"],
                row["manager"],
                resources[uid],
                tuple(known["unended"] or ()),
                frozenset(known["known"] or ()),
                row["plan"],
            )
        return {tenant: found.get(tenant) or RecordedTenant(tenant) for tenant in tenants}

    async def register(self, tenant: str, uid: str, *, manager: str, by: str) -> str:
        owner = "" if tenant == PLATFORM else manager

        async def work(connection: Connected) -> str:
            living = await fetch(connection, LIVING, [[tenant]])
            if living:
                return str(living[0]["tenant_uid"])
            taken = await fetch(connection, "SELECT temoctl.is_taken(%s) AS taken", [tenant])
            if taken[0]["taken"]:
                raise refusals.other_managers(tenant)
            if not self._operator and (tenant == PLATFORM or owner != self._session.principal.name):
                raise refusals.operators_only(f"register {tenant} for {owner or 'nobody'}", tenant)
            if owner:
                await connection.execute("SELECT temoctl.know_manager(%s)", [owner])
            made = await fetch(
                connection,
                "INSERT INTO temoctl.tenants (tenant_uid, tenant, manager) VALUES (%s, %s, %s) "
                "ON CONFLICT DO NOTHING RETURNING tenant_uid",
                [uid, tenant, owner],
            )
            if not made:  # made by somebody else since we looked, or the uid was used before
                living = await fetch(connection, LIVING, [[tenant]])
                if not living:
                    raise refusals.uid_taken(tenant)
                return str(living[0]["tenant_uid"])
            await log(connection, by, uid, "registered", tenant, manager=owner)
            return uid

        return await self._session.transact(work)

    async def assign(self, tenant: str, manager: str, *, by: str) -> None:
        if not self._operator:
            raise refusals.operators_only(f"give {tenant} to another manager", tenant)

        async def work(connection: Connected) -> None:
            living = await fetch(connection, LIVING + "FOR UPDATE", [[tenant]])
            if not living:
                raise refusals.unknown_tenant(tenant)
            before, uid = living[0]["manager"], living[0]["tenant_uid"]
            if before == manager or tenant == PLATFORM:
                return
            await connection.execute("SELECT temoctl.know_manager(%s)", [manager])
            await connection.execute(
                "UPDATE temoctl.tenants SET manager = %s WHERE tenant_uid = %s", [manager, uid]
            )  # all rows of the tenant follow
            await log(connection, by, uid, "assigned", tenant, before=before, after=manager)

        await self._session.transact(work)

    async def note_plan(self, fence: Fence, plan: str, *, by: str) -> None:
        async def work(connection: Connected) -> None:
            await self._require(connection, fence)
            there = await fetch(
                connection, "SELECT plan FROM temoctl.tenants WHERE tenant_uid = %s FOR UPDATE", [fence.uid]
            )
            before = str(there[0]["plan"])
            if before != plan:
                await connection.execute(
                    "UPDATE temoctl.tenants SET plan = %s WHERE tenant_uid = %s", [plan, fence.uid]
                )
                await log(connection, by, fence.uid, "plan-changed", plan, before=before)

        await self._session.transact(work)

    async def forget(self, fence: Fence, address: Address, *, by: str) -> None:
        async def work(connection: Connected) -> None:
            await self._require(connection, fence)
            gone = await fetch(
                connection,
                "DELETE FROM temoctl.resources WHERE tenant_uid = %s AND address = %s RETURNING address",
                [fence.uid, str(address)],
            )
            if gone:
                await self._count(connection, fence.uid)
                await log(connection, by, fence.uid, "forget", str(address))

        await self._session.transact(work)

    async def close_tenant(self, fence: Fence, *, by: str) -> None:
        async def work(connection: Connected) -> None:
            tenant = await self._require(connection, fence)
            left = await fetch(
                connection, "SELECT count(*) AS n FROM temoctl.resources WHERE tenant_uid = %s", [fence.uid]
            )
            if left[0]["n"]:
                raise refusals.still_recorded(tenant, left[0]["n"])
            closed = await fetch(
                connection,
                "UPDATE temoctl.tenants SET status = 'closed', closed_at = now(), serial = serial + 1 "
                "WHERE tenant_uid = %s AND status = 'living' RETURNING tenant_uid",
                [fence.uid],
            )
            if not closed:
                return
            await connection.execute("DELETE FROM temoctl.secrets WHERE tenant_uid = %s", [fence.uid])
            await connection.execute("DELETE FROM temoctl.data_keys WHERE tenant_uid = %s", [fence.uid])
            await connection.execute("DELETE FROM temoctl.connections WHERE tenant_uid = %s", [fence.uid])
            await connection.execute("DELETE FROM temoctl.claims WHERE tenant_uid = %s", [fence.uid])
            await log(connection, by, fence.uid, "closed", tenant)

        await self._session.transact(work)

    async def pin(self, system: str, instance: str) -> str:
        async def work(connection: Connected) -> str:
            there = "SELECT instance FROM temoctl.system_instances WHERE system = %s"
            found = await fetch(connection, there, [system])
            if not found:
                if self._session.principal.role is Role.MANAGER:
                    raise refusals.operators_only(f"say which {system} this installation uses")
                await connection.execute(
                    "INSERT INTO temoctl.system_instances (system, instance) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                    [system, instance],
                )
                found = await fetch(connection, there, [system])
            return str(found[0]["instance"])

        return await self._session.transact(work)

    async def pinned(self) -> Mapping[str, str]:
        found = await self._session.rows("SELECT system, instance FROM temoctl.system_instances ORDER BY system")
        return {row["system"]: row["instance"] for row in found}

    async def claim(self, uid: str, name: str, value_hash: str) -> str | None:
        async def work(connection: Connected) -> str | None:
            await self._owned(connection, uid)
            await connection.execute(
                "INSERT INTO temoctl.claims (name, value_hash, tenant_uid, manager) "
                "SELECT %s, %s, tenant_uid, manager FROM temoctl.tenants WHERE tenant_uid = %s "
                "ON CONFLICT DO NOTHING",
                [name, value_hash, uid],
            )
            found = await fetch(
                connection,
                "SELECT tenant_uid, tenant FROM temoctl.claimed(%s) WHERE value_hash = %s",
                [name, value_hash],
            )
            return None if found[0]["tenant_uid"] == uid else str(found[0]["tenant"])

        return await self._session.transact(work)

    async def claims(self, name: str) -> Mapping[str, str]:
        found = await self._session.rows("SELECT value_hash, tenant FROM temoctl.claimed(%s)", [name])
        return {row["value_hash"]: row["tenant"] for row in found}
