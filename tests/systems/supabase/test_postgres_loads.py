"""On a real PostgreSQL: tables are swapped under their readers, whole, and a failed load leaves nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from psycopg import sql

from temoctl.engine.protocol import Verb
from temoctl.model.errors import Conflict, Retryable
from temoctl.systems.supabase import loading
from tests.systems.supabase.acts import base, login
from tests.systems.supabase.rigs import PostgresRig

pytestmark = [pytest.mark.anyio, pytest.mark.postgres]


async def test_readers_never_see_an_error_or_half_a_table(rig: PostgresRig) -> None:
    """Two versions with other columns and row counts are swapped back and forth under five kinds of readers."""
    acts = await base(rig)
    place = sql.Identifier(acts.schema, "products_menu")
    plain = sql.SQL("select _row, sku, nazvanie, tsena from {}").format(place)
    done = asyncio.Event()
    seen: dict[str, set[int]] = {}

    async def reader(name: str, *, prepare: bool | None, whole: bool) -> None:
        connection = await login(rig, acts.schema)
        seen[name] = set()
        while not done.is_set():
            if whole:
                await connection.execute("begin isolation level repeatable read")
                await connection.execute("select 1 from pg_class limit 1")  # the snapshot is older than what follows
                await asyncio.sleep(0.01)
            cursor = await connection.execute(plain, prepare=prepare)
            rows = await cursor.fetchall()
            seen[name].add(len(rows))
            assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
            if whole:
                await connection.execute("commit")
        await connection.close()

    readers = [
        asyncio.create_task(reader("plain", prepare=False, whole=False)),
        asyncio.create_task(reader("plain too", prepare=False, whole=False)),
        asyncio.create_task(reader("prepared", prepare=True, whole=False)),
        asyncio.create_task(reader("old snapshot", prepare=False, whole=True)),
        asyncio.create_task(reader("old snapshot too", prepare=False, whole=True)),
    ]
    for file in ("kb/menu-new.csv", "kb/menu.csv") * 10:
        outcome = await acts.do(Verb.UPDATE, "table", "products-menu", acts.table_props(file), changes=["digest"])
        assert outcome.outputs["rows"] in (2, 3)
        await asyncio.sleep(0.02)
    done.set()
    await asyncio.gather(*readers)
    assert all(counts <= {2, 3} for counts in seen.values()), seen
    assert set.union(*seen.values()) == {2, 3}


async def test_a_reader_in_a_transaction_holds_the_swap_but_not_the_others(
    rig: PostgresRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "SWAP_TRIES", 2)
    monkeypatch.setattr(loading, "SWAP_WAIT", "300ms")
    acts = await base(rig)
    place = sql.Identifier(acts.schema, "products_menu")
    count = sql.SQL("select count(*) from {}").format(place)
    holder, other = await login(rig, acts.schema), await login(rig, acts.schema)
    await holder.execute("begin")
    await holder.execute(count)
    props = acts.table_props("kb/menu-new.csv")
    load = asyncio.create_task(acts.do(Verb.UPDATE, "table", "products-menu", props, changes=["digest"]))
    slowest = 0.0
    while not load.done():
        started = asyncio.get_running_loop().time()
        assert await (await other.execute(count)).fetchone() == (2,)
        slowest = max(slowest, asyncio.get_running_loop().time() - started)
        await asyncio.sleep(0.01)
    with pytest.raises(Retryable) as caught:
        await load
    assert caught.value.code == "TEMO713"
    assert slowest < 2, "others waited for the holder"
    find = f"select relname from pg_class where relkind = 'r' and relnamespace = '{acts.schema}'::regnamespace"
    assert rig.run("knowledge", find) == [("products_menu",)], "nothing is left of the load"
    await holder.execute("commit")
    await acts.do(Verb.UPDATE, "table", "products-menu", props, changes=["digest"])
    assert await (await other.execute(count)).fetchone() == (3,)
    await holder.close()
    await other.close()


async def test_two_loads_at_once_end_as_one_table(rig: PostgresRig) -> None:
    acts = await base(rig)
    calls = [acts.do(Verb.UPDATE, "table", "products-menu", acts.table_props(), changes=["digest"]) for _ in range(6)]
    await asyncio.gather(*calls)
    assert (await acts.see("table")).props["structure"] == "as loaded"
    assert not (await acts.observe(*acts.targets().values())).strays


async def test_a_load_that_fails_in_the_middle_leaves_the_old_table(
    rig: PostgresRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    acts = await base(rig)
    before = await acts.see("table")
    copy = loading._copy

    async def halfway(*args: Any) -> int:
        await copy(*args)
        raise Conflict("TEMO319", "the file changed while it was being read")

    monkeypatch.setattr(loading, "_copy", halfway)
    with pytest.raises(Conflict):
        await acts.do(Verb.UPDATE, "table", "products-menu", acts.table_props("kb/menu-new.csv"), changes=["digest"])
    monkeypatch.undo()
    assert await acts.see("table") == before
    assert not (await acts.see("schema")).note
