"""The engine as it is, and deliberately broken surroundings for it: each of them must be caught by the table."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from temoctl.engine.ports import Begin, Fence, Finish, Intent, Journal, Permit
from temoctl.engine.protocol import Call, Outcome, System
from temoctl.engine.retry import Patience
from temoctl.model.errors import UnknownOutcome
from temoctl.model.kind import Kind
from temoctl.systemdata.ports import Store

UID = "t" * 16


@dataclass(frozen=True)
class Variant:
    """One way to build the engine's surroundings wrongly, to see that the table notices. The default is right."""

    name: str = "the engine as it is"
    journal: Callable[[Store], Journal] = lambda store: store.journal
    system: Callable[[System], System] = lambda system: system
    permit: Callable[[Permit], Permit] = lambda permit: permit
    kinds: Callable[[Mapping[str, Kind]], Mapping[str, Kind]] = lambda kinds: kinds
    patience: Patience = field(default_factory=Patience)


RIGHT = Variant()


class _NoIntents:
    """State is written after each create, nothing before it."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def write(self, entries: Sequence[Begin | Finish]) -> Sequence[bool]:
        kept = [entry for entry in entries if isinstance(entry, Finish)]
        answers = iter(await self._journal.write(kept) if kept else [])
        return [True if isinstance(entry, Begin) else next(answers) for entry in entries]

    async def open_intents(self, uid: str) -> Sequence[Intent]:
        return await self._journal.open_intents(uid)

    async def done_steps(self, uid: str, plan: str) -> frozenset[str]:
        return await self._journal.done_steps(uid, plan)


class _NoFence(_NoIntents):
    """Writes are taken from anybody, whatever epoch they come from."""

    def __init__(self, store: Store) -> None:
        super().__init__(store.journal)
        self._store = store

    async def write(self, entries: Sequence[Begin | Finish]) -> Sequence[bool]:
        (lease,) = await self._store.leases()
        newest = Fence(UID, lease.epoch)
        return await self._journal.write([replace(entry, fence=newest) for entry in entries])


class _Freely:
    def check(self) -> None:
        return None


class _Blind:
    """A system whose caller repeats whatever got no answer."""

    def __init__(self, system: System) -> None:
        self._system = system

    def __getattr__(self, name: str) -> Any:
        return getattr(self._system, name)

    async def execute(self, call: Call) -> Outcome:
        for _ in range(3):
            with contextlib.suppress(UnknownOutcome):
                return await self._system.execute(call)
        return await self._system.execute(call)


def _unsettled(kinds: Mapping[str, Kind]) -> Mapping[str, Kind]:
    return {name: replace(kind, settle=0.0) for name, kind in kinds.items()}


BROKEN = (
    Variant("state written after each create", journal=lambda store: _NoIntents(store.journal)),
    Variant("blind retry", system=_Blind),
    Variant("no fencing", journal=_NoFence, permit=lambda _: _Freely()),
    Variant("no settle window", kinds=_unsettled, patience=Patience(skew=0.0)),
)
