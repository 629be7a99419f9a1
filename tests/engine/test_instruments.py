"""Clock, ids, throttle, lease, fair places, order, stop: the engine's instruments by themselves."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from temoctl.engine.clock import SystemClock, VirtualClock
from temoctl.engine.fair import FairPlaces
from temoctl.engine.graph import Order
from temoctl.engine.ids import RandomIds, SeededIds
from temoctl.engine.lease import HeldLease
from temoctl.engine.protocol import Limits
from temoctl.engine.retry import Patience, backoff
from temoctl.engine.stop import StopSignal
from temoctl.engine.throttle import Throttle
from temoctl.model.address import Address
from temoctl.model.errors import Bug, LeaseLost, Unavailable
from temoctl.model.identity import ALPHABET
from temoctl.model.step import Action, Step

pytestmark = pytest.mark.anyio


class TestClock:
    async def test_sleepers_wake_in_order_of_time_whoever_slept_first(self) -> None:
        clock, woke = VirtualClock(), []

        async def sleeper(seconds: float) -> None:
            await clock.sleep(seconds)
            woke.append((seconds, clock.monotonic()))
            if seconds == 1:
                await sleeper(1.5)

        await asyncio.gather(*(sleeper(seconds) for seconds in (3, 1, 2)))
        assert woke == [(1, 1), (2, 2), (1.5, 2.5), (3, 3)]

    async def test_time_waits_for_those_who_work(self) -> None:
        clock, seen = VirtualClock(), []

        async def worker() -> None:
            for _ in range(200):
                await asyncio.sleep(0)
            seen.append(clock.monotonic())

        await asyncio.gather(clock.sleep(50), worker())
        assert seen == [0]
        assert clock.monotonic() == 50

    async def test_a_cancelled_sleeper_moves_no_time(self) -> None:
        clock = VirtualClock()
        task = asyncio.create_task(clock.sleep(1000))
        await asyncio.sleep(0)
        task.cancel()
        await clock.sleep(5)
        assert clock.monotonic() == 5

    async def test_two_clocks_in_one_loop_do_not_wait_for_each_other(self) -> None:
        one, other = VirtualClock(), VirtualClock()
        await asyncio.wait_for(asyncio.gather(one.sleep(5), other.sleep(7), one.sleep(3)), 5)
        assert (one.monotonic(), other.monotonic()) == (5, 7)

    def test_one_clock_serves_several_loops(self) -> None:
        clock = VirtualClock(start=100)
        for _ in range(2):
            asyncio.run(clock.sleep(10))
        assert clock.now() == 120

    async def test_the_real_clock_runs(self) -> None:
        clock = SystemClock()
        before = clock.monotonic()
        await clock.sleep(0.01)
        assert clock.monotonic() - before >= 0.009
        assert clock.now() > 1_700_000_000


class TestIds:
    def test_tokens_are_of_our_alphabet_and_differ(self) -> None:
        ids = RandomIds()
        tokens = {ids.token(12) for _ in range(100)}
        assert len(tokens) == 100
        assert set("".join(tokens)) <= set(ALPHABET)
        assert len(ids.password().reveal()) * 5 >= 128
        assert 0 <= ids.jitter() < 1

    def test_a_seed_repeats_itself(self) -> None:
        assert SeededIds(5).token(30) == SeededIds(5).token(30) != SeededIds(6).token(30)

    def test_backoff_grows_to_its_limit_and_spreads(self) -> None:
        delays = backoff(Patience(first=1, longest=8), SeededIds(1))
        drawn = [next(delays) for _ in range(8)]
        assert all(base / 2 <= delay <= base for base, delay in zip([1, 2, 4, 8, 8, 8, 8, 8], drawn, strict=True))
        assert len(set(drawn[4:])) > 1


class TestThrottle:
    async def test_no_more_calls_at_once_than_allowed(self) -> None:
        clock = VirtualClock()
        throttle, running, most = Throttle(Limits(concurrency=3), clock), 0, 0

        async def call() -> None:
            nonlocal running, most
            async with throttle.take():
                running += 1
                most = max(most, running)
                await clock.sleep(1)
                running -= 1

        await asyncio.gather(*(call() for _ in range(9)))
        assert (most, clock.monotonic(), throttle.reads, throttle.writes) == (3, 3, 9, 0)

    async def test_the_rate_holds_after_the_burst(self) -> None:
        clock = VirtualClock()
        throttle, started = Throttle(Limits(concurrency=99, rate=2, burst=4), clock), []

        async def call() -> None:
            async with throttle.take(write=True):
                started.append(clock.monotonic())

        await asyncio.gather(*(call() for _ in range(8)))
        assert started == [0, 0, 0, 0, 0.5, 1.0, 1.5, 2.0]
        assert throttle.writes == 8

    async def test_a_busy_key_holds_back_only_itself(self) -> None:
        clock = VirtualClock()
        throttle, started = Throttle(Limits(concurrency=1, per_key=1), clock), []

        async def call(key: str) -> None:
            async with throttle.take(key=key):
                started.append((key, clock.monotonic()))

        await asyncio.gather(*(call(key) for key in ("bot1", "bot1", "bot1", "bot2")))
        assert started == [("bot1", 0), ("bot2", 0), ("bot1", 1), ("bot1", 2)]

    async def test_retry_after_holds_everybody_even_those_in_the_queue(self) -> None:
        clock = VirtualClock()
        throttle, started = Throttle(Limits(concurrency=1), clock), []

        async def first() -> None:
            async with throttle.take():
                await clock.sleep(1)
                throttle.pause(30)

        async def second() -> None:
            async with throttle.take():
                started.append(clock.monotonic())

        await asyncio.gather(first(), second(), second())
        assert started == [31, 31]

    async def test_a_pause_of_one_key_leaves_the_others(self) -> None:
        clock = VirtualClock()
        throttle = Throttle(Limits(), clock)
        throttle.pause(10, key="bot1")
        async with throttle.take(key="bot2"):
            assert clock.monotonic() == 0
        async with throttle.take(key="bot1"):
            assert clock.monotonic() == 10


class TestLease:
    async def test_it_is_lost_when_no_heartbeat_is_confirmed_in_time(self) -> None:
        clock = VirtualClock()

        async def unreachable() -> None:
            raise Unavailable("TEMO600", "no answer")

        async with HeldLease(clock, ttl=60, renew=unreachable) as lease:
            clock.advance(47)
            lease.check()
            clock.advance(2)
            with pytest.raises(LeaseLost):
                lease.check()
            clock.advance(-40)
            with pytest.raises(LeaseLost):
                lease.check()  # what was lost once never comes back

    async def test_heartbeats_keep_it(self) -> None:
        clock, beats = VirtualClock(), []

        async def renew() -> None:
            beats.append(clock.monotonic())

        async with HeldLease(clock, ttl=60, renew=renew) as lease:
            await clock.sleep(600)
            lease.check()
        assert len(beats) in range(38, 42)

    async def test_a_beat_counts_from_when_it_was_sent(self) -> None:
        clock = VirtualClock()

        async def slow() -> None:
            await clock.sleep(50)

        lease = HeldLease(clock, ttl=60, renew=slow)
        await lease.beat()
        with pytest.raises(LeaseLost):
            lease.check()

    async def test_it_is_lost_as_soon_as_the_store_says_so(self) -> None:
        clock = VirtualClock()

        async def taken() -> None:
            raise LeaseLost("TEMO601", "taken by anna")

        lease = HeldLease(clock, ttl=60, renew=taken)
        lease.check()
        await lease.beat()
        assert lease.lost
        with pytest.raises(LeaseLost, match="taken by anna"):
            lease.check()


class TestFairPlaces:
    async def test_a_tenant_with_much_to_do_does_not_starve_the_others(self) -> None:
        clock, places, order = VirtualClock(), FairPlaces(1), []

        async def step(tenant: str) -> None:
            async with places.take(tenant):
                order.append(tenant)
                await clock.sleep(1)

        await asyncio.gather(*(step(tenant) for tenant in "aaaaabbc"))
        assert "".join(order) == "aabcabaa"

    async def test_who_is_cancelled_gives_the_place_back(self) -> None:
        clock, places, done = VirtualClock(), FairPlaces(1), []

        async def step(name: str) -> None:
            async with places.take(name):
                await clock.sleep(1)
                done.append(name)

        tasks = [asyncio.create_task(step(name)) for name in "abc"]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert done == ["a", "c"]
        async with places.take("d"):
            pass


def _step(name: str, *needs: str) -> Step:
    return Step(name, Address("acme", "toy", "room", name), Action.CREATE, "", name, needs=needs)


class TestOrder:
    def test_what_hangs_on_a_failure_is_blocked_by_its_root(self) -> None:
        order = Order([_step("a"), _step("b", "a"), _step("c", "b"), _step("d")])
        a, d = order.ready()
        order.over(d, ok=True)
        order.over(a, ok=False)
        (b,) = order.ready()
        assert order.blocked_by(b) == "a"
        order.over(b, ok=False, because="a")
        (c,) = order.ready()
        assert order.blocked_by(c) == "a"

    @pytest.mark.parametrize("steps", [[_step("a", "b"), _step("b", "a")], [_step("a", "nowhere")]])
    def test_a_plan_that_does_not_hold_together_is_our_fault(self, steps: list[Step]) -> None:
        with pytest.raises(Bug, match="TEMO951"):
            Order(steps)


class TestStop:
    async def test_signals_press_it_and_handlers_go_away_again(self) -> None:
        stop = StopSignal()
        with stop.on_signals():
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.wait_for(stop.wait_requested(), 5)
            assert (stop.requested, stop.now) == (True, False)
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.wait_for(stop.wait_now(), 5)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
