"""Events from outside, in memory: the same rules as in the database. Must not know what an event says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from temoctl.engine.ports import Ids
from temoctl.model.value import Json
from temoctl.systemdata.memory_rights import Desk
from temoctl.systemdata.memory_state import InboxRow
from temoctl.systemdata.ports import INBOX_DAYS, Receipt, Taken

_TAKING_LENGTH = 12
_DAY = 86400.0


class MemoryInbox:
    def __init__(self, desk: Desk, ids: Ids) -> None:
        self._desk = desk
        self._ids = ids

    async def take(self, source: str, event: str, *, uid: str, seconds: float) -> Receipt:
        mine = self._ids.token(_TAKING_LENGTH)

        def write() -> Taken:
            self._desk.tenant(uid)
            rows, now = self._desk.state.inbox, self._desk.clock.now()
            row = rows.get((source, event))
            if row is not None and row.handled_at is not None:
                return Taken.HANDLED
            if any(one.uid == uid and one.handled_at is None and one.taken_until > now for one in rows.values()):
                return Taken.BUSY
            rows[source, event] = InboxRow(uid, mine, now + seconds)
            return Taken.OURS

        return Receipt(source, event, uid, await self._desk.commit("inbox.take", write), mine)

    async def finish(
        self, receipt: Receipt, *, outcome: str, subject: str, detail: Mapping[str, Json], by: str
    ) -> bool:
        def write() -> bool:
            rows, now = self._desk.state.inbox, self._desk.clock.now()
            row = self._mine(receipt)
            if row is None:
                return False
            rows[receipt.source, receipt.event] = replace(row, handled_at=now, outcome=outcome)
            self._desk.log(receipt.uid, f"{receipt.source}-event", subject, by, **detail)
            old = now - INBOX_DAYS * _DAY
            for key in [key for key, one in rows.items() if one.handled_at is not None and one.handled_at < old]:
                del rows[key]
            return True

        return await self._desk.commit("inbox.finish", write)

    async def let_go(self, receipt: Receipt) -> None:
        def write() -> None:
            row = self._mine(receipt)
            if row is not None:
                freed = replace(row, taken_until=self._desk.clock.now())
                self._desk.state.inbox[receipt.source, receipt.event] = freed

        await self._desk.commit("inbox.let-go", write)

    def _mine(self, receipt: Receipt) -> InboxRow | None:
        row = self._desk.state.inbox.get((receipt.source, receipt.event))
        return row if row is not None and row.taking == receipt.taking and row.handled_at is None else None
