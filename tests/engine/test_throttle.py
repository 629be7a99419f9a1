"""The throttle on virtual time: what a lane is for."""

from __future__ import annotations

import asyncio

import pytest

from temoctl.engine.clock import VirtualClock
from temoctl.engine.protocol import Limits
from temoctl.engine.throttle import Throttle

pytestmark = pytest.mark.anyio


async def test_a_lane_goes_one_by_one_and_past_the_queue() -> None:
    """Calls that disturb each other don't wait behind all the others: a fleet's proofs once stood in that queue."""
    clock = VirtualClock()
    throttle = Throttle(Limits(concurrency=1), clock)
    ended: list[tuple[str, float]] = []

    async def call(name: str, lane: str = "") -> None:
        async with throttle.take(lane=lane):
            await clock.sleep(1.0)
            ended.append((name, clock.monotonic()))

    await asyncio.gather(*(call(f"plain {n}") for n in range(4)), call("test 1", "test"), call("test 2", "test"))
    assert [at for name, at in ended if name.startswith("plain")] == [1.0, 2.0, 3.0, 4.0]
    assert [at for name, at in ended if name.startswith("test")] == [1.0, 2.0]
    assert throttle.reads == 6
