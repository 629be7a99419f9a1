"""Events from outside on PostgreSQL: who handles one, and that it was handled. Must not know what an event says."""

from __future__ import annotations

from collections.abc import Mapping

from temoctl.engine.ports import Ids
from temoctl.model.value import Json
from temoctl.systemdata.pg_room import Room, log
from temoctl.systemdata.ports import INBOX_DAYS, Receipt, Taken
from temoctl.systemdata.session import Connected, Session, fetch

TAKING_LENGTH = 12

# Takings of one tenant's events stand in a row here, so that of two at once one sees the other.
QUEUE = "SELECT pg_advisory_xact_lock(hashtextextended('temoctl.inbox ' || %s, 0))"

# A taking of ours whose answer was lost is taken again; another's only when its time ran out.
TAKE = """
INSERT INTO temoctl.inbox AS i (source, event, tenant_uid, manager, taking, taken_until)
SELECT %(source)s, %(event)s, t.tenant_uid, t.manager, %(taking)s, clock_timestamp() + make_interval(secs => %(secs)s)
FROM temoctl.tenants t WHERE t.tenant_uid = %(uid)s AND NOT EXISTS (
  SELECT FROM temoctl.inbox o WHERE o.tenant_uid = t.tenant_uid AND o.handled_at IS NULL
    AND o.taken_until > clock_timestamp() AND o.taking <> %(taking)s)
ON CONFLICT (source, event) DO UPDATE SET taking = excluded.taking, taken_until = excluded.taken_until
WHERE i.handled_at IS NULL AND (i.taking = excluded.taking OR i.taken_until <= clock_timestamp())
RETURNING taking
"""

FINISH = """
UPDATE temoctl.inbox SET handled_at = clock_timestamp(), outcome = %s
WHERE source = %s AND event = %s AND taking = %s AND handled_at IS NULL RETURNING tenant_uid
"""

LET_GO = """
UPDATE temoctl.inbox SET taken_until = clock_timestamp()
WHERE source = %s AND event = %s AND taking = %s AND handled_at IS NULL
"""

FORGET_OLD = """
DELETE FROM temoctl.inbox WHERE source = %s AND handled_at < clock_timestamp() - make_interval(days => %s)
"""


class PostgresInbox(Room):
    def __init__(self, session: Session, ids: Ids) -> None:
        self._session = session
        self._ids = ids

    async def take(self, source: str, event: str, *, uid: str, seconds: float) -> Receipt:
        mine = self._ids.token(TAKING_LENGTH)
        values = {"source": source, "event": event, "uid": uid, "taking": mine, "secs": seconds}

        async def work(connection: Connected) -> Taken:
            await self._owned(connection, uid)
            await connection.execute(QUEUE, [uid])
            if await fetch(connection, TAKE, values):
                return Taken.OURS
            known = await fetch(
                connection,
                "SELECT handled_at IS NOT NULL AS handled FROM temoctl.inbox WHERE source = %s AND event = %s",
                [source, event],
            )
            return Taken.HANDLED if known and known[0]["handled"] else Taken.BUSY

        return Receipt(source, event, uid, await self._session.transact(work), mine)

    async def finish(
        self, receipt: Receipt, *, outcome: str, subject: str, detail: Mapping[str, Json], by: str
    ) -> bool:
        async def work(connection: Connected) -> bool:
            key = [receipt.source, receipt.event, receipt.taking]
            if await fetch(connection, FINISH, [outcome, *key]):
                await log(connection, by, receipt.uid, f"{receipt.source}-event", subject, **detail)
                await connection.execute(FORGET_OLD, [receipt.source, INBOX_DAYS])
                return True
            ours = await fetch(
                connection,
                "SELECT FROM temoctl.inbox WHERE source = %s AND event = %s AND taking = %s AND handled_at IS NOT NULL",
                key,
            )
            return bool(ours)  # the answer to our own commit was lost

        return await self._session.transact(work)

    async def let_go(self, receipt: Receipt) -> None:
        async def work(connection: Connected) -> None:
            await connection.execute(LET_GO, [receipt.source, receipt.event, receipt.taking])

        await self._session.transact(work)
