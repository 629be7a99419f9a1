"""Who holds a tenant: the living are waited for, the dead of this computer are not, and nobody is mistaken for them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import psutil
import pytest

from temoctl.app.holder import Holder
from temoctl.engine.clock import VirtualClock
from temoctl.engine.ids import SeededIds
from temoctl.systemdata.memory import MemoryStore
from temoctl.systemdata.memory_state import MemoryState
from temoctl.systemdata.ports import Principal


def of_process(pid: int) -> Holder:
    return replace(Holder.here("anna", "first"), pid=pid, started=psutil.Process(pid).create_time())


def test_a_holder_is_read_back_as_it_was_written() -> None:
    mine = Holder.here("desk@temoweb.example", "k7q2m0")
    again = Holder.read(str(mine))
    assert again is not None and (again.who, again.host, again.pid, again.place, again.own) == (
        mine.who,
        mine.host,
        mine.pid,
        mine.place,
        mine.own,
    )
    assert not again.certainly_dead
    assert Holder.read("anna@laptop:17") is None and Holder.read("") is None


def test_a_process_that_ended_is_dead_and_one_of_another_computer_never_is() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        alive = of_process(child.pid)
        assert not alive.certainly_dead
        assert replace(alive, started=alive.started - 60).certainly_dead, "the number was given to another process"
        child.kill()
        child.wait()
        assert alive.certainly_dead
    assert not replace(alive, place="0" * 10).certainly_dead, "the same number elsewhere may well live"


@pytest.mark.anyio
async def test_only_the_lease_that_was_meant_is_broken() -> None:
    """Between looking and breaking somebody may have taken the tenant."""
    store = MemoryStore(MemoryState(), Principal("root"), clock=VirtualClock(), ids=SeededIds(1))
    uid = await store.register("acme", "0" * 16, manager="", by="root")
    await store.take_lease(uid, holder="anna@laptop:1 [a.1.b]", operation="apply", ttl=60)
    assert await store.break_lease("acme", by="root", steal=True, holder="boris@laptop:2 [a.2.c]") is None
    broken = await store.break_lease("acme", by="root", steal=True, holder="anna@laptop:1 [a.1.b]")
    assert broken is not None and broken.who == "anna@laptop:1"
