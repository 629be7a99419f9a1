"""How hard one system is driven: concurrency, calls per second, Retry-After, and the count of calls.

Shared by all tenants of a run; the rate, by way of SystemData, by all processes. Own code, because the libraries at
hand (aiolimiter, pyrate-limiter, limits) read the event loop's or the machine's clock: a rate limit that can't run on
injected time can't be tested in virtual time. Must not know what is called.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from temoctl.engine.ports import Clock
from temoctl.engine.protocol import Limits
from temoctl.model.errors import TemoError


class Rate:
    """GCRA: `rate` calls a second, `burst` at once. `reserve` books the next call and says how long to wait for it."""

    def __init__(self, rate: float, burst: int = 1) -> None:
        self._gap, self._burst = 1.0 / rate, max(1, burst)
        self._next = float("-inf")

    def reserve(self, now: float) -> float:
        self._next = max(self._next, now) + self._gap
        return max(0.0, self._next - self._gap * self._burst - now)


class Shared:
    """A rate that several processes keep together. `take(n)` reserves n calls and returns the seconds to wait for them.

    Asked for a handful at once, so that it costs a small part of the calls it guards. While nobody answers, this
    process goes on at its own rate: the vendor's 429 is obeyed in any case.
    """

    def __init__(self, take: Callable[[int], Awaitable[float]], burst: int, clock: Clock) -> None:
        self._take, self._clock = take, clock
        self._batch = max(1, min(10, burst // 2))
        self._left, self._ready = 0, float("-inf")
        self._asking = asyncio.Lock()

    async def reserve(self) -> float:
        """Book the next call; returns the seconds to wait for it."""
        async with self._asking:
            if self._left == 0:
                try:
                    wait = await self._take(self._batch)
                except TemoError:
                    return 0.0
                self._left, self._ready = self._batch, self._clock.monotonic() + wait
            self._left -= 1
            return max(0.0, self._ready - self._clock.monotonic())


class Throttle:
    """Implements `ports.Slots` for one system. `reads` and `writes` count the calls that were let through.

    `take` reserves calls across processes (see `Shared`); without it this process alone keeps the rate.
    """

    def __init__(self, limits: Limits, clock: Clock, take: Callable[[int], Awaitable[float]] | None = None) -> None:
        self._limits, self._clock = limits, clock
        self._shared = Shared(take, limits.burst, clock) if take is not None and limits.rate > 0 else None
        self._places = asyncio.Semaphore(limits.concurrency)
        self._rate = Rate(limits.rate, limits.burst) if limits.rate > 0 else None
        self._lanes: dict[str, asyncio.Semaphore] = {}
        self._keys: dict[str, Rate] = {}
        self._paused: dict[str, float] = {}
        self.reads = 0
        self.writes = 0

    @asynccontextmanager
    async def take(self, *, key: str = "", write: bool = False, lane: str = "") -> AsyncIterator[None]:
        places = self._lanes.setdefault(lane, asyncio.Semaphore(1)) if lane else self._places
        await self._rates(key)
        while True:
            await self._pauses(key)
            async with places:
                # A pause may have been asked for while this call stood in the queue.
                if self._left(key) > 0:
                    continue
                if write:
                    self.writes += 1
                else:
                    self.reads += 1
                yield
                return

    def pause(self, seconds: float, *, key: str = "") -> None:
        until = self._clock.monotonic() + seconds
        self._paused[key] = max(until, self._paused.get(key, 0.0))

    async def _rates(self, key: str) -> None:
        """Wait for the key's rate, then the system's: a busy key must not hold a place others could use."""
        if key and self._limits.per_key > 0:
            own = self._keys.setdefault(key, Rate(self._limits.per_key))
            await self._wait(own.reserve(self._clock.monotonic()))
        if self._rate is not None:
            await self._wait(self._rate.reserve(self._clock.monotonic()))
        if self._shared is not None:
            await self._wait(await self._shared.reserve())

    async def _pauses(self, key: str) -> None:
        while (left := self._left(key)) > 0:
            await self._clock.sleep(left)

    def _left(self, key: str) -> float:
        """Seconds of pause left for a key; a pause without a key holds everybody."""
        if not self._paused:
            return 0.0
        now = self._clock.monotonic()
        return max(self._paused.get("", 0.0), self._paused.get(key, 0.0)) - now

    async def _wait(self, seconds: float) -> None:
        if seconds > 0:
            await self._clock.sleep(seconds)
