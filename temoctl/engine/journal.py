"""Group commit: entries of all tenants in flight share one store transaction, and nobody waits long for company.

One commit per entry costs a worker three times as much as a commit for a short window's worth. The order of writing
is kept. One tenant's stale fence fails that tenant only. Must not know how entries are stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from temoctl.engine.clock import VirtualClock
from temoctl.engine.ports import Begin, Clock, Finish, Intent, Journal
from temoctl.model.errors import Unavailable

_WINDOW = 0.005
_PAUSES = (0.1, 0.25, 0.6, 1.5, 4.0)
"""Seconds between tries: together long enough for a database to restart."""


@dataclass(slots=True)
class _Waiting:
    entries: Sequence[Begin | Finish]
    answer: asyncio.Future[Sequence[bool]]


class GroupJournal:
    """A `ports.Journal` in front of another one. Share one per run.

    When the store can't be reached the same entries are written again for a while: a store takes an entry it already
    has as written, so a commit whose answer was lost is no harm.
    """

    def __init__(self, store: Journal, clock: Clock, *, window: float = _WINDOW) -> None:
        self._store, self._clock = store, clock
        self._window = 0.0 if isinstance(clock, VirtualClock) else window
        self._queue: list[_Waiting] = []
        self._flushing: asyncio.Task[None] | None = None
        self.flushes = 0
        self.written = 0

    async def write(self, entries: Sequence[Begin | Finish]) -> Sequence[bool]:
        answer: asyncio.Future[Sequence[bool]] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(entries, answer))
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush(), name="journal flush")
        # A caller that is cancelled leaves its entries in the queue: they may be durable already.
        return await asyncio.shield(answer)

    async def open_intents(self, uid: str) -> Sequence[Intent]:
        return await self._store.open_intents(uid)

    async def done_steps(self, uid: str, plan: str) -> frozenset[str]:
        return await self._store.done_steps(uid, plan)

    async def close(self) -> None:
        """Wait until everything that was handed over has been written."""
        if self._flushing is not None:
            await self._flushing

    async def _flush(self) -> None:
        while self._queue:
            if self._window:
                await self._clock.sleep(self._window)
            batch, self._queue = self._queue, []
            try:
                answers = await self._write([entry for one in batch for entry in one.entries])
            except BaseException as error:
                # Whatever ended the write must reach everyone who waits for it, or they would wait for ever.
                for one in batch:
                    if not one.answer.done():
                        one.answer.set_exception(error) if isinstance(error, Exception) else one.answer.cancel()
                if not isinstance(error, Exception):
                    raise
                continue
            self._hand_out(batch, answers)

    def _hand_out(self, batch: Sequence[_Waiting], answers: Sequence[bool]) -> None:
        start = 0
        for one in batch:
            end = start + len(one.entries)
            if not one.answer.done():
                one.answer.set_result(answers[start:end])
            start = end

    async def _write(self, entries: Sequence[Begin | Finish]) -> Sequence[bool]:
        for delay in _PAUSES:
            try:
                return self._counted(entries, await self._store.write(entries))
            except Unavailable:
                await self._clock.sleep(delay)
        return self._counted(entries, await self._store.write(entries))

    def _counted(self, entries: Sequence[Begin | Finish], answers: Sequence[bool]) -> Sequence[bool]:
        self.flushes += 1
        self.written += len(entries)
        return answers
