"""Time, injected. `SystemClock` is the real one; `VirtualClock` lets a whole run happen without waiting.

Nothing else in temoctl reads a clock of its own. Must not know who sleeps, or why.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from weakref import WeakKeyDictionary

_MONOTONIC = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))
_TURNS_WITHOUT_SIGHT = 50
"""How often a loop that doesn't show its queue is let go round before virtual time moves on."""


class SystemClock:
    """The machine's clock. Monotonic time goes on while the machine sleeps, so that a lease can't outlive a nap."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic() if _MONOTONIC is None else time.clock_gettime(_MONOTONIC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


class VirtualClock:
    """Time that moves only when every task waits for it: sleepers wake in order of time, then of going to sleep.

    For worlds within one process: work on real sockets or threads is not waited for. One clock may be used by
    several event loops after each other (one per simulated life of a process).
    """

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._start, self._elapsed = start, 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._turning: asyncio.AbstractEventLoop | None = None
        self._turns = 0

    def now(self) -> float:
        return self._start + self._elapsed

    def monotonic(self) -> float:
        return self._elapsed

    def advance(self, seconds: float) -> None:
        """Let time pass by hand; sleepers whose time has come wake at the loop's next turn."""
        self._elapsed += seconds

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._order), future))
        if self._turning is not loop:
            self._turning, self._turns = loop, 0
            self._turn_soon(loop)
        await future

    def _turn_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        _pending_turns[loop] = _pending_turns.get(loop, 0) + 1
        loop.call_soon(self._turn, loop)

    def _turn_over(self, loop: asyncio.AbstractEventLoop) -> None:
        _pending_turns[loop] -= 1

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        self._turn_over(loop)
        if self._turning is not loop:
            return
        while self._sleepers and (self._sleepers[0][2].done() or self._sleepers[0][2].get_loop() is not loop):
            heapq.heappop(self._sleepers)
        if not self._sleepers:
            self._turning = None
        elif self._busy(loop):
            self._turn_soon(loop)
        else:
            self._turns = 0
            wake, _, future = heapq.heappop(self._sleepers)
            self._elapsed = max(self._elapsed, wake)
            future.set_result(None)
            self._turn_soon(loop)

    def _busy(self, loop: asyncio.AbstractEventLoop) -> bool:
        """True while some task can still run at this moment of virtual time; other clocks' turns don't count."""
        ready = getattr(loop, "_ready", None)
        if ready is not None:
            return len(ready) > _pending_turns[loop]
        self._turns += 1
        return self._turns < _TURNS_WITHOUT_SIGHT


_pending_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, int] = WeakKeyDictionary()
"""Turns of virtual clocks that wait in a loop's queue: two clocks in one loop must not keep each other waiting."""
