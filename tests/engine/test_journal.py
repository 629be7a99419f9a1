"""Group commit: few transactions, nobody's fault but one's own, nothing forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from temoctl.engine.clock import SystemClock, VirtualClock
from temoctl.engine.journal import GroupJournal
from temoctl.engine.ports import Begin, Ending, Fence, Finish, Intent
from temoctl.model.address import Address
from temoctl.model.errors import Bug, Unavailable

pytestmark = pytest.mark.anyio

ADDRESS = Address("acme", "toy", "room", "main")


class Recording:
    """A store that remembers its transactions, rejects stale epochs, and is unreachable as often as told."""

    def __init__(self, *, unreachable: int = 0, answers_lost: int = 0, broken: bool = False) -> None:
        self.transactions: list[list[str]] = []
        self.unreachable, self.answers_lost, self.broken = unreachable, answers_lost, broken

    async def write(self, entries: Sequence[Begin | Finish]) -> Sequence[bool]:
        await asyncio.sleep(0.002)
        if self.broken:
            raise Bug("TEMO900", "broken")
        if self.unreachable:
            self.unreachable -= 1
            raise Unavailable("TEMO600", "no connection")
        self.transactions.append([entry.note for entry in entries if isinstance(entry, Finish)])
        if self.answers_lost:
            self.answers_lost -= 1
            raise Unavailable("TEMO600", "cut during the commit")
        return [entry.fence.epoch == 1 for entry in entries]

    async def open_intents(self, uid: str) -> Sequence[Intent]:
        return []

    async def done_steps(self, uid: str, plan: str) -> frozenset[str]:
        return frozenset()


def entry(note: str, *, epoch: int = 1) -> Finish:
    return Finish(Fence(note, epoch), ADDRESS, Ending.DONE, note=note)


async def test_tenants_in_flight_share_a_transaction() -> None:
    store = Recording()
    journal = GroupJournal(store, SystemClock(), window=0.01)
    answers = await asyncio.gather(*(journal.write([entry(f"{n}a"), entry(f"{n}b")]) for n in range(20)))
    assert answers == [[True, True]] * 20
    assert store.transactions == [[f"{n}{half}" for n in range(20) for half in "ab"]]
    assert (journal.flushes, journal.written) == (1, 40)


async def test_one_stale_fence_fails_nobody_else() -> None:
    journal = GroupJournal(Recording(), VirtualClock())
    answers = await asyncio.gather(
        journal.write([entry("a")]), journal.write([entry("b", epoch=0)]), journal.write([entry("c")])
    )
    assert list(answers) == [[True], [False], [True]]


async def test_there_is_no_window_on_virtual_time() -> None:
    clock = VirtualClock()
    await GroupJournal(Recording(), clock).write([entry("a")])
    assert clock.monotonic() == 0


async def test_a_store_that_comes_back_is_waited_for() -> None:
    store = Recording(unreachable=3)
    assert await GroupJournal(store, VirtualClock()).write([entry("a")]) == [True]
    store = Recording(answers_lost=1)
    assert await GroupJournal(store, VirtualClock()).write([entry("a")]) == [True]
    assert store.transactions == [["a"], ["a"]]


async def test_a_store_that_stays_away_is_told_to_everybody_who_waits() -> None:
    clock = VirtualClock()
    journal = GroupJournal(Recording(unreachable=99), clock)
    answers = await asyncio.gather(journal.write([entry("a")]), journal.write([entry("b")]), return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable, Unavailable]
    assert clock.monotonic() > 5


async def test_after_a_failed_flush_the_next_one_works() -> None:
    store = Recording(broken=True)
    journal = GroupJournal(store, VirtualClock())
    with pytest.raises(Bug):
        await journal.write([entry("a")])
    store.broken = False
    assert await journal.write([entry("b")]) == [True]
    assert store.transactions == [["b"]]


async def test_what_was_handed_over_is_written_though_its_caller_is_gone() -> None:
    store = Recording()
    journal = GroupJournal(store, VirtualClock())
    task = asyncio.create_task(journal.write([entry("a")]))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await journal.close()
    assert store.transactions == [["a"]]
