"""What only the store in memory has: the door that every durable write goes through, and state that can be kept."""

from __future__ import annotations

import ast
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from temoctl.engine.ids import SeededIds
from temoctl.model.secret import Secret
from temoctl.systemdata import memory
from temoctl.systemdata.memory import MemoryStore
from temoctl.systemdata.memory_state import MemoryState
from tests.systemdata.conftest import ADMIN, ManualClock
from tests.systemdata.samples import ACME, CREDENTIAL, begin, done, intent, record, tenant

pytestmark = pytest.mark.anyio


class Died(Exception):
    """The simulated process is gone."""


class Door:
    """Dies before or after the n-th durable write."""

    def __init__(self, at: int = -1, *, after: bool = False) -> None:
        self.at, self.after = at, after
        self.labels: list[str] = []

    async def __call__(self, label: str, perform: Callable[[], Awaitable[Any]]) -> Any:
        self.labels.append(label)
        dies = len(self.labels) - 1 == self.at
        if dies and not self.after:
            raise Died
        answer = await perform()
        if dies:
            raise Died
        return answer


def store(state: MemoryState, door: Door | None = None) -> MemoryStore:
    return MemoryStore(state, ADMIN, clock=ManualClock(), ids=SeededIds(3), effect=door)


async def life(books: MemoryStore) -> None:
    lease = await tenant(books)
    await books.vault.put(ACME, "a", Secret("x"), by="root")
    one = intent("1ntent000001")
    await books.journal.write([begin(lease, one)])
    await books.journal.write([done(lease.fence(), CREDENTIAL, one.id, record=record(), step="s", plan="P")])
    await books.release_lease(lease)


async def test_a_death_keeps_exactly_what_was_committed() -> None:
    door = Door()
    await life(store(MemoryState(), door))
    assert door.labels == [
        "register",
        "lease.take",
        "vault.put",
        "journal.write",
        "journal.write",
        "lease.release",
    ]
    whole = len(door.labels)
    kept: list[MemoryState] = []
    for at in range(whole):
        for after in (False, True):
            state = MemoryState()
            with pytest.raises(Died):
                await life(store(state, Door(at, after=after)))
            kept.append(state.copy())
    for at in range(whole - 1):
        assert kept[2 * at + 1] == kept[2 * (at + 1)], "dying after a write is dying before the next"
    assert kept[0].tenants == {}
    assert len({str(one) for one in kept}) == whole + 1


async def test_a_copy_is_apart() -> None:
    state = MemoryState()
    await life(store(state))
    copy = state.copy()
    assert copy == state
    await store(state).vault.put(ACME, "b", Secret("y"), by="root")
    assert await store(copy).vault.versions(ACME) == {"a": 1}
    assert await store(state).vault.versions(ACME) == {"a": 1, "b": 1}


async def test_the_same_story_gives_the_same_rows() -> None:
    one, two = MemoryState(), MemoryState()
    await life(store(one))
    await life(store(two))
    assert one == two


def test_both_stores_offer_the_whole_port() -> None:
    from temoctl.systemdata import ports
    from temoctl.systemdata.postgres import PostgresStore

    tree = ast.parse(Path(ports.__file__).read_text())
    port = next(one for one in tree.body if isinstance(one, ast.ClassDef) and one.name == "Store")
    wanted = {one.name for one in port.body if isinstance(one, ast.AsyncFunctionDef | ast.FunctionDef)}
    assert len(wanted) > 30
    wanted -= {"journal", "vault", "inbox"}  # attributes, used by every test of the suite
    for offered in (memory.MemoryStore, PostgresStore):
        assert {name for name in wanted if not hasattr(offered, name)} == set()
