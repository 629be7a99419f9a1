"""The journal in memory: same promises as the real one, for simulations. Must not know who calls it or why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from temoctl.engine.ports import Begin, Ending, Finish, Intent
from temoctl.systemdata.memory_rights import Desk
from temoctl.systemdata.memory_state import IntentRow


class MemoryJournal:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def write(self, entries: Sequence[Begin | Finish]) -> Sequence[bool]:
        def write() -> list[bool]:
            accepted = [self._desk.holds(entry.fence) for entry in entries]
            changed: set[str] = set()
            for entry, fresh in zip(entries, accepted, strict=True):
                if not fresh:
                    continue
                if isinstance(entry, Begin):
                    self._begin(entry)
                elif self._finish(entry):
                    changed.add(entry.fence.uid)
            for uid in changed:
                row = self._desk.state.tenants[uid]
                self._desk.state.tenants[uid] = replace(row, serial=row.serial + 1)
            return accepted

        return await self._desk.commit("journal.write", write)

    def _begin(self, entry: Begin) -> None:
        self._desk.state.intents.setdefault(entry.intent.id, IntentRow(entry.fence.uid, entry.intent))

    def _finish(self, entry: Finish) -> bool:
        """Returns whether a record changed. An entry that is here already is taken as written."""
        state, uid, key = self._desk.state, entry.fence.uid, (entry.fence.uid, entry.address)
        if entry.intent:
            begun = state.intents.get(entry.intent)
            if begun is not None and (begun.uid != uid or begun.ending is not None):
                return False
            if begun is not None:
                state.intents[entry.intent] = replace(begun, ending=entry.ending, note=entry.note)
        if entry.ending is Ending.DONE and entry.step and entry.plan:
            state.done[uid, entry.plan, entry.step] = True
        if entry.record is not None:
            changed = state.resources.get(key) != entry.record
            state.resources[key] = entry.record
        elif entry.remove:
            changed = state.resources.pop(key, None) is not None
        else:
            return False
        if changed or entry.intent:
            self._log(entry)
        return changed

    def _log(self, entry: Finish) -> None:
        self._desk.log(
            entry.fence.uid,
            entry.action or ("delete" if entry.remove else "record"),
            str(entry.address),
            intent=entry.intent,
            ending=entry.ending.value,
            plan=entry.plan,
            note=entry.note,
            evidence=dict(entry.evidence),
        )

    async def open_intents(self, uid: str) -> Sequence[Intent]:
        if not self._desk.sees(uid):
            return []
        rows = [row.intent for row in self._desk.state.intents.values() if row.uid == uid and row.ending is None]
        return sorted(rows, key=lambda intent: (intent.at, intent.id))

    async def done_steps(self, uid: str, plan: str) -> frozenset[str]:
        if not self._desk.sees(uid):
            return frozenset()
        return frozenset(step for owner, of, step in self._desk.state.done if (owner, of) == (uid, plan))
