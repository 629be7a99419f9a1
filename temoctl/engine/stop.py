"""How a run is asked to end: first politely, then at once. A plain object; signal handlers only on request."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager


class Stopped(Exception):
    """A step gave way to the wish to stop before it had an effect."""


class StopSignal:
    """First `press`: finish what runs, start nothing. Second: stop now (what was in flight stays recoverable)."""

    def __init__(self) -> None:
        self._presses = 0
        self._changed = asyncio.Event()
        self._now = asyncio.Event()

    @property
    def requested(self) -> bool:
        return self._presses > 0

    @property
    def now(self) -> bool:
        return self._presses > 1

    def press(self) -> None:
        self._presses += 1
        self._changed.set()
        if self.now:
            self._now.set()

    async def wait_requested(self) -> None:
        await self._changed.wait()

    async def wait_now(self) -> None:
        await self._now.wait()

    @contextmanager
    def on_signals(self) -> Iterator[StopSignal]:
        """Press on Ctrl-C and SIGTERM while the block runs. Call it inside the running event loop."""
        loop = asyncio.get_running_loop()
        both = (signal.SIGINT, signal.SIGTERM)
        for one in both:
            loop.add_signal_handler(one, self.press)
        try:
            yield self
        finally:
            for one in both:
                loop.remove_signal_handler(one)
