"""The run's parallelism: so many steps at once over all tenants, handed out tenant by tenant.

A plain semaphore would let a tenant with a hundred ready steps keep the others waiting. Must not know what runs.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class FairPlaces:
    """`places` steps at once; freed places go round the tenants that wait."""

    def __init__(self, places: int) -> None:
        if places < 1:
            raise ValueError("parallelism must be at least 1")
        self._free = places
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def take(self, tenant: str) -> AsyncIterator[None]:
        await self._enter(tenant)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, tenant: str) -> None:
        if self._free > 0:
            self._free -= 1
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tenant, deque()).append(future)
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self._leave()  # the place was handed over at the moment of cancelling
            raise

    def _leave(self) -> None:
        while self._waiting:
            tenant, queue = self._waiting.popitem(last=False)
            while queue:
                future = queue.popleft()
                if not future.done():
                    future.set_result(None)
                    if queue:
                        self._waiting[tenant] = queue
                    return
        self._free += 1
