"""The lease as this process holds it: the permit that every effect asks, kept alive by a heartbeat.

The store decides who owns a tenant; here is only what can be known without asking: time since the last confirmed
heartbeat. A process that was frozen past its lease finds it lost at the next check. Must not know the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType

from temoctl.engine.ports import Clock
from temoctl.model.errors import LeaseLost, TemoError

Renew = Callable[[], Awaitable[object]]

_SHARE_OF_MARGIN = 0.2
_BEATS_PER_LIFE = 4


class HeldLease:
    """Implements `ports.Permit`. `renew` must raise LeaseLost when somebody else has the tenant.

    `margin` is kept free before the lease's end: a request that was allowed at the last moment, and clocks that run
    differently, must still fall within it. Create it right after the lease was taken, and enter it to keep it alive.
    `since` is the clock's monotonic time at which taking it was asked for.
    """

    def __init__(
        self, clock: Clock, *, ttl: float, renew: Renew, since: float | None = None, margin: float | None = None
    ) -> None:
        self._clock, self._renew = clock, renew
        self._life = ttl - (ttl * _SHARE_OF_MARGIN if margin is None else margin)
        self._every = ttl / _BEATS_PER_LIFE
        self._confirmed = clock.monotonic() if since is None else since
        self._lost = ""
        self._beating: asyncio.Task[None] | None = None

    def check(self) -> None:
        """Raise LeaseLost unless the lease is certainly still ours."""
        if not self._lost and self._clock.monotonic() - self._confirmed >= self._life:
            self._lost = "its heartbeat could not be confirmed in time"
        if self._lost:
            raise LeaseLost(
                "TEMO508",
                f"this run no longer holds the tenant: {self._lost}",
                fix="see who works on it with `temoctl status`, then run the same command again",
            )

    @property
    def lost(self) -> bool:
        return bool(self._lost) or self._clock.monotonic() - self._confirmed >= self._life

    async def beat(self) -> None:
        """One heartbeat. It counts from when it was sent, because the store may have been quick and we slow."""
        sent = self._clock.monotonic()
        try:
            await self._renew()
        except LeaseLost as error:
            self._lost = self._lost or error.summary
        except TemoError:
            return  # the store can't be reached: the last confirmation stands until it is too old
        else:
            self._confirmed = max(self._confirmed, sent)

    async def _beat_on(self) -> None:
        while not self._lost:
            await self._clock.sleep(self._every)
            await self.beat()

    async def __aenter__(self) -> HeldLease:
        self._beating = asyncio.create_task(self._beat_on(), name="lease heartbeat")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
