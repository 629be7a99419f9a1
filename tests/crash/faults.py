"""Where a simulated life goes wrong: effects are counted, and chosen ones misbehave. Knows no engine and no vendor.

An effect is a mutating request to a vendor, a flush of the journal, or a secret committed to the vault.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any

from temoctl.engine.clock import VirtualClock
from temoctl.model.errors import Unavailable, UnknownOutcome

LATE_AFTER = 20.0
"""Seconds until a late effect lands: shorter than the toy systems' settle window, longer than any answer takes."""


class Kind(StrEnum):
    DIE_BEFORE = "die before"
    DIE_AFTER = "die after"
    LOST = "response lost"
    LATE = "effect lands late"
    DIE_LATE = "die, effect lands late"
    FREEZE = "freeze past the lease"


Fault = tuple[int, Kind]


class Life:
    """One process: alive, frozen or dead. A dead one does nothing more, whatever its code would still like to do."""

    def __init__(self) -> None:
        self.died = asyncio.Event()
        self.froze = asyncio.Event()
        self.thaw = asyncio.Event()
        self._never = asyncio.Event()

    @property
    def frozen(self) -> bool:
        return self.froze.is_set() and not self.thaw.is_set()

    async def die(self) -> None:
        self.died.set()
        await self._never.wait()

    async def pass_if_alive(self) -> None:
        if self.died.is_set():
            await self._never.wait()
        if self.frozen:
            await self.thaw.wait()


class Faults:
    """Counts effects over all lives of one schedule and says what happens at each."""

    def __init__(self, schedule: tuple[Fault, ...], clock: VirtualClock) -> None:
        self._left = dict(schedule)
        self._clock = clock
        self.count = 0
        self.labels: list[str] = []
        self._pending: list[tuple[float, Callable[[], Any]]] = []
        self._landing: float | None = None

    def land(self) -> None:
        """Let late effects happen whose time has come. Called whenever anybody looks at the world."""
        now = self._clock.now()
        due = [one for one in self._pending if one[0] <= now]
        self._pending = [one for one in self._pending if one[0] > now]
        for at, perform in due:
            self._landing = at
            with contextlib.suppress(LookupError):  # what it was meant for may be gone
                perform()
        self._landing = None

    def now(self) -> float:
        """The vendor's time: that of the effect which is just landing, else the clock's."""
        return self._clock.now() if self._landing is None else self._landing

    async def next(self, life: Life, label: str, *, freezes: bool = True) -> Kind | None:
        """Count one effect and say what goes wrong with it. A freeze is over when this returns."""
        await life.pass_if_alive()
        fault = self._left.pop(self.count, None)
        self.count += 1
        self.labels.append(label)
        if fault is Kind.FREEZE and freezes:
            life.froze.set()
            await life.thaw.wait()
        self.land()
        return fault

    async def request(
        self, life: Life, label: str, check: Callable[[], None], perform: Callable[[], Any], *, freezes: bool = True
    ) -> Any:
        """A mutating request to a vendor. A freeze comes before the permit is asked: that is what it guards."""
        fault = await self.next(life, label, freezes=freezes)
        check()
        if fault is Kind.DIE_BEFORE:
            await life.die()
        if fault in (Kind.LATE, Kind.DIE_LATE):
            self._pending.append((self._clock.now() + LATE_AFTER, perform))
            if fault is Kind.DIE_LATE:
                await life.die()
            raise UnknownOutcome("TEMO790", "no answer")
        answer = perform()
        if fault is Kind.DIE_AFTER:
            await life.die()
        if fault is Kind.LOST:
            raise UnknownOutcome("TEMO790", "no answer")
        return answer

    async def commit(self, life: Life, label: str, perform: Callable[[], Awaitable[Any]]) -> Any:
        """A durable write of ours. A database has no late effects: a lost or refused commit is told at once."""
        fault = await self.next(life, label)
        if fault in (Kind.DIE_BEFORE, Kind.DIE_LATE):
            await life.die()
        if fault is Kind.LATE:
            raise Unavailable("TEMO690", "the database refused the connection")
        answer = await perform()
        if fault is Kind.DIE_AFTER:
            await life.die()
        if fault is Kind.LOST:
            raise Unavailable("TEMO690", "the connection was cut during the commit")
        return answer
