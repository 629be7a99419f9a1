"""What only a real PostgreSQL can prove: readers under a swap, rights, lost connections, limited logins, isolation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection, sql

from temoctl.engine.clock import SystemClock
from temoctl.engine.protocol import Verb
from temoctl.engine.throttle import Throttle
from temoctl.model.errors import Conflict, Refused, Retryable, UnknownOutcome
from temoctl.model.resource import Doubt, Presence
from temoctl.model.secret import Secret
from temoctl.systems.supabase import loading, plugin
from temoctl.systems.supabase.client import PostgresSql
from tests.conformance.bench import Freely
from tests.systems.supabase.acts import Acts
from tests.systems.supabase.rigs import Databases, PostgresRig, postgres_rig
from tests.systems.supabase.samples import OWNER, PASSWORD

pytestmark = [pytest.mark.anyio, pytest.mark.postgres]


@pytest.fixture
async def rig(databases: Databases) -> AsyncIterator[PostgresRig]:
    made = await postgres_rig(databases)
    yield made
    await made.close()


async def _login(rig: PostgresRig, role: str, *, database: str = "knowledge") -> AsyncConnection[Any]:
    name = rig.databases.knowledge if database == "knowledge" else rig.databases.sessions
    dsn = rig.databases.server.dsn(name, user=role, password=PASSWORD).reveal()
    return await AsyncConnection.connect(dsn, autocommit=True)


async def _base(rig: PostgresRig, number: int = 1) -> Acts:
    acts = Acts(rig, number)
    await acts.make_base()
    await acts.make_table()
    return acts


# --- readers under a swap


async def test_readers_never_see_an_error_or_half_a_table(rig: PostgresRig) -> None:
    """Two versions with other columns and row counts are swapped back and forth under five kinds of readers."""
    acts = await _base(rig)
    place = sql.Identifier(acts.schema, "products_menu")
    plain = sql.SQL("select _row, sku, nazvanie, tsena from {}").format(place)
    done = asyncio.Event()
    seen: dict[str, set[int]] = {}

    async def reader(name: str, *, prepare: bool | None, whole: bool) -> None:
        connection = await _login(rig, acts.schema)
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
    acts = await _base(rig)
    place = sql.Identifier(acts.schema, "products_menu")
    count = sql.SQL("select count(*) from {}").format(place)
    holder, other = await _login(rig, acts.schema), await _login(rig, acts.schema)
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
    acts = await _base(rig)
    calls = [acts.do(Verb.UPDATE, "table", "products-menu", acts.table_props(), changes=["digest"]) for _ in range(6)]
    await asyncio.gather(*calls)
    assert (await acts.see("table")).props["structure"] == "as loaded"
    assert not (await acts.observe(*acts.targets().values())).strays


async def test_a_load_that_fails_in_the_middle_leaves_the_old_table(
    rig: PostgresRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    acts = await _base(rig)
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


# --- rights


async def test_the_password_reaches_the_server_as_a_verifier_only(
    rig: PostgresRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    execute = AsyncConnection.execute

    async def record(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        sent.append(query.as_string(self) if isinstance(query, sql.Composable) else str(query))
        sent.append(repr(args))
        return await execute(self, query, *args, **kwargs)

    monkeypatch.setattr(AsyncConnection, "execute", record)
    acts = await _base(rig)
    await acts.make_sessions()
    await acts.make_seat()
    assert sent
    assert PASSWORD.reveal() not in "\n".join(sent)
    stored = rig.run("knowledge", f"select rolpassword from pg_authid where rolname = '{acts.schema}'")
    assert stored[0][0].startswith("SCRAM-SHA-256$")


async def test_a_new_password_replaces_the_old_one(rig: PostgresRig) -> None:
    acts = await _base(rig)
    acts.password = Secret("another-Password-9876543210")
    await acts.do(Verb.UPDATE, "schema", "knowledge", acts.base_props(), changes=["password"])
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        await _login(rig, acts.schema)
    assert all(one.ok for one in await rig.system.probe(acts.targets()["schema"], ()))


async def test_a_reader_reaches_its_own_schema_and_nothing_else(rig: PostgresRig) -> None:
    acts, neighbour = await _base(rig, 1), await _base(rig, 2)
    connection = await _login(rig, acts.schema)
    rows = await (await connection.execute("select sku, tsena from products_menu order by _row")).fetchall()
    assert [row[0] for row in rows] == ["007", "008"]
    for statement in (
        f"select * from {neighbour.schema}.products_menu",
        f"create table {acts.schema}.mine ()",
        "create table public.mine ()",
        "create temp table mine ()",
        "create schema mine",
        "create role mine",
        f"set role {neighbour.schema}",
        "select rolpassword from pg_authid",
    ):
        await connection.execute("set default_transaction_read_only = off")
        with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)):
            await connection.execute(statement.encode())
    for statement in ("delete from products_menu", "update products_menu set sku = ''", "drop table products_menu"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute(statement.encode())
    await connection.close()
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        await acts.make_sessions()
        await _login(rig, acts.schema, database="sessions")


async def test_closing_the_database_locks_nobody_else_out(rig: PostgresRig) -> None:
    server, name = rig.databases.server, f"{rig.databases.knowledge}_closing"
    stranger = f"stranger_{OWNER.installation}"
    with psycopg.connect(server.dsn("postgres").reveal(), autocommit=True) as owner:
        owner.execute(f'create database "{name}"'.encode())
        owner.execute(f"create role {stranger} login password 'x'".encode())
    database = PostgresSql(server.dsn(name), title="it", slots=Throttle(plugin.limits, SystemClock()))
    acts = Acts(rig, 3)
    try:
        await database.put_base(acts_change(acts), Freely())
        with psycopg.connect(server.dsn(name, user=stranger, password=Secret("x")).reveal()) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
        with psycopg.connect(server.dsn(name).reveal(), autocommit=True) as connection:
            find = "select has_database_privilege('public', current_database(), 'connect')"
            assert connection.execute(find).fetchone() == (False,)
            connection.execute(f"drop owned by {stranger}".encode())
    finally:
        await database.close()
        with psycopg.connect(server.dsn("postgres").reveal(), autocommit=True) as owner:
            owner.execute(f'drop database "{name}" with (force)'.encode())
            owner.execute(f"drop role {stranger}".encode())


def acts_change(acts: Acts) -> Any:
    from temoctl.model.identity import Marker
    from temoctl.systems.supabase.sql import BaseChange

    return BaseChange(acts.schema, acts.schema, PASSWORD, Marker(acts.owner, "schema", "knowledge", "0" * 12))


async def test_many_bases_at_once(rig: PostgresRig) -> None:
    """They all change the database's own grants, which PostgreSQL fails unless they take turns."""
    everybody = [Acts(rig, number) for number in range(10, 26)]
    await asyncio.gather(*(acts.make_base() for acts in everybody))
    await asyncio.gather(*(acts.make_table() for acts in everybody))
    assert all(one.ok for one in await rig.system.probe(everybody[0].targets()["schema"], ()))
    await asyncio.gather(*(acts.do(Verb.DELETE, "schema", "knowledge", acts.base_props()) for acts in everybody))
    for acts in everybody:
        assert (await acts.see("schema")).presence is Presence.ABSENT


async def test_a_base_is_deleted_under_a_reader_that_sleeps_in_a_transaction(rig: PostgresRig) -> None:
    acts = await _base(rig)
    sleeper = await _login(rig, acts.schema)
    await sleeper.execute("begin")
    await sleeper.execute("select * from products_menu")
    await acts.do(Verb.DELETE, "schema", "knowledge", acts.base_props())
    assert (await acts.see("schema")).presence is Presence.ABSENT
    with pytest.raises(psycopg.OperationalError):
        await sleeper.execute("select 1")
    await sleeper.close()


async def test_what_others_built_on_a_table_is_named_before_it_is_lost(rig: PostgresRig) -> None:
    acts = await _base(rig)
    rig.run("knowledge", "create view {v} as select sku from {t}", v="public.report", t=f"{acts.schema}.products_menu")
    try:
        with pytest.raises(Refused) as caught:
            await acts.do(
                Verb.UPDATE, "table", "products-menu", acts.table_props("kb/menu-new.csv"), changes=["digest"]
            )
        assert caught.value.code == "TEMO715"
        assert "report" in caught.value.detail
        assert (await acts.see("table")).outputs["rows"] == 2
    finally:
        rig.run("knowledge", "drop view {v}", v="public.report")


# --- the shared sessions


async def test_a_seat_sees_and_writes_its_own_rows_only(rig: PostgresRig) -> None:
    one, two = Acts(rig, 1), Acts(rig, 2)
    await one.make_sessions()
    await one.make_seat()
    await two.make_seat()
    first, second = [await _login(rig, acts.seat, database="sessions") for acts in (one, two)]
    insert = f"insert into {one.sessions}.wa_sessions (channel, chat_id) values ('telegram', '42')"
    place = one.sessions
    for connection in (first, second):
        for statement in (
            insert,
            f"insert into {place}.sessions_statuses (channel, chat_id) values ('t', '42')",
            f"insert into {place}.wa_buffer_messages (channel, chat_id, trace, body) values ('t', '42', 'x', 'hi')",
        ):
            await connection.execute(statement.encode())
    cursor = await first.execute(f"select tenant_uid, payment_status from {place}.sessions_statuses".encode())
    assert await cursor.fetchall() == [(one.owner.uid, "no_payment_link")]
    changed = await first.execute(f"update {one.sessions}.sessions_statuses set payment_status = 'paid'".encode())
    assert changed.rowcount == 1
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        await first.execute(f"update {one.sessions}.sessions_statuses set payment_status = 'free'".encode())
    forged = (
        f"insert into {one.sessions}.wa_sessions (tenant_uid, channel, chat_id) values ('{two.owner.uid}', 't', '1')"
    )
    for statement in (
        forged,
        f"update {one.sessions}.wa_sessions set tenant_uid = '{two.owner.uid}'",
        f"select * from {one.sessions}.seats",
        f"insert into {one.sessions}.seats values ('x', 'y')",
        f"alter table {one.sessions}.wa_sessions disable row level security",
        f"create table {one.sessions}.mine ()",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await first.execute(statement.encode())
    await first.execute("select set_config('role', 'none', false)")
    deleted = await first.execute(f"delete from {one.sessions}.wa_sessions".encode())
    assert deleted.rowcount == 1, "only its own"
    await first.close()
    await one.do(Verb.DELETE, "seat", "sessions", one.seat_props())
    left = rig.run("sessions", f"select tenant_uid from {one.sessions}.wa_buffer_messages")
    assert left == [(two.owner.uid,)], "the tenant's rows go with the seat, the neighbour's stay"
    assert await (await second.execute(f"select count(*) from {one.sessions}.wa_sessions".encode())).fetchone() == (1,)
    await second.close()


async def test_the_sessions_template_may_run_again_over_data(rig: PostgresRig) -> None:
    acts = Acts(rig)
    await acts.make_sessions()
    await acts.make_seat()
    connection = await _login(rig, acts.seat, database="sessions")
    await connection.execute(f"insert into {acts.sessions}.wa_sessions (channel, chat_id) values ('t', '1')".encode())
    await acts.make_sessions()
    assert await (
        await connection.execute(f"select count(*) from {acts.sessions}.wa_sessions".encode())
    ).fetchone() == (1,)
    await connection.close()


# --- a login that is no superuser, as Supabase's `postgres`


@pytest.fixture
def limited(databases: Databases) -> Iterator[Databases]:
    """Databases owned by a login that may create roles and is no superuser."""
    server, admin = databases.server, f"admin_{OWNER.installation}"
    databases.wipe()
    with ExitStack() as stack:
        owner = stack.enter_context(psycopg.connect(server.dsn("postgres").reveal(), autocommit=True))
        owner.execute(f"create role {admin} login createrole password 'limited'".encode())
        names = [f"{one}_limited" for one in (databases.knowledge, databases.sessions)]
        for name in names:
            owner.execute(f'create database "{name}" owner {admin}'.encode())
        yield LimitedDatabases(server, *names)
        for name in names:
            owner.execute(f'drop database "{name}" with (force)'.encode())
        for (role,) in owner.execute(
            "select rolname from pg_roles where rolname like %s", [f"temo\\_{OWNER.installation}\\_%"]
        ):
            owner.execute(f"drop role {role}".encode())
        owner.execute(f"drop role {admin}".encode())


class LimitedDatabases(Databases):
    """Reached through the limited login."""

    def dsn(self, name: str) -> str:
        return self.server.dsn(name, user=f"admin_{OWNER.installation}", password=Secret("limited")).reveal()

    def wipe(self) -> None:
        """They are new."""


async def test_everything_works_without_a_superuser(limited: Databases) -> None:
    rig = await postgres_rig(limited)
    acts, neighbour = Acts(rig, 1), Acts(rig, 2)
    await acts.make_sessions()
    for one in (acts, neighbour):
        await one.make_base()
        await one.make_table()
        await one.make_seat()
    for kind in ("schema", "seat"):
        results = await rig.system.probe(acts.targets()[kind], [neighbour.targets()[kind]])
        assert all(result.ok for result in results), results
    assert "knowledge=" in await rig.system.instance()
    snapshot = await acts.observe(*acts.targets().values())
    assert {seen.presence for seen in snapshot.observed.values()} == {Presence.PRESENT}
    rig.run("knowledge", "alter role {r} nologin", r=acts.schema)
    rig.run("knowledge", "grant usage on schema {s} to public", s=acts.schema)
    await acts.do(Verb.UPDATE, "schema", "knowledge", acts.base_props(), changes=["access"])
    assert (await acts.see("schema")).props["access"] == "as granted"
    sleeper = await _login(rig, acts.schema)
    await sleeper.execute("begin")
    await sleeper.execute("select * from products_menu")
    for one in (acts, neighbour):
        await one.do(Verb.DELETE, "table", "products-menu", one.table_props()) if one is neighbour else None
        await one.do(Verb.DELETE, "schema", "knowledge", one.base_props())
        await one.do(Verb.DELETE, "seat", "sessions", one.seat_props())
    await acts.do(Verb.DELETE, "sessions", "shared", {"schema": acts.sessions})
    await sleeper.close()
    for one in (acts, neighbour):
        assert not (await one.observe()).strays
    left = rig.run("knowledge", f"select rolname from pg_roles where rolname like 'temo\\_{OWNER.installation}\\_%'")
    assert left == []
    await rig.close()


# --- connections


async def test_a_commit_without_an_answer_is_unknown(rig: PostgresRig) -> None:
    """A deferred trigger ends the connection inside COMMIT: the client can't know on which side of it."""
    acts = await _base(rig)
    rig.run(
        "knowledge",
        "create function public.cut() returns trigger language plpgsql as"
        " 'begin perform pg_terminate_backend(pg_backend_pid()); return null; end'",
    )
    rig.run("knowledge", "create table public.fuse (a int)")
    rig.run(
        "knowledge",
        "create constraint trigger cut after insert on public.fuse deferrable initially deferred"
        " for each row execute function public.cut()",
    )
    try:

        async def work(connection: Any) -> None:
            await connection.execute("insert into public.fuse values (1)")

        database = rig.knowledge.inner._database
        with pytest.raises(UnknownOutcome) as caught:
            await database.change(Freely(), work)
        assert caught.value.code == "TEMO712"
    finally:
        rig.run("knowledge", "drop table public.fuse")
        rig.run("knowledge", "drop function public.cut")
    assert (await acts.see("schema")).presence is Presence.PRESENT


async def test_a_connection_lost_before_commit_had_no_effect(rig: PostgresRig) -> None:
    acts = await _base(rig)
    database = rig.knowledge.inner._database

    async def work(connection: Any) -> None:
        await connection.execute("create table public.half (a int)")
        await connection.execute("select pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(Retryable):
        await database.change(Freely(), work)
    assert rig.run("knowledge", "select to_regclass('public.half')") == [(None,)]
    assert (await acts.see("schema")).presence is Presence.PRESENT


async def test_kept_connections_that_the_server_dropped_are_replaced(rig: PostgresRig) -> None:
    acts = await _base(rig)
    rig.run(
        "knowledge",
        "select pg_terminate_backend(pid, 2000) from pg_stat_activity"
        f" where datname = '{rig.databases.knowledge}' and pid <> pg_backend_pid()",
    )
    assert (await acts.see("schema")).presence is Presence.PRESENT
    await acts.make_table()


async def test_a_wrong_login_is_denied_and_a_dead_server_is_an_outage(rig: PostgresRig) -> None:
    server = rig.databases.server
    slots = Throttle(plugin.limits, SystemClock())
    wrong = server.dsn(rig.databases.knowledge, user="nobody_here", password=Secret("canary-wrong-password"))
    dead = Secret("postgresql://u:canary-wrong-password@127.0.0.1:1/d")
    for dsn, doubt in ((wrong, Doubt.DENIED), (dead, Doubt.OUTAGE)):
        rig.knowledge.inner = PostgresSql(dsn, title="the knowledge database", slots=slots, timeout=2)
        acts = Acts(rig)
        seen = await acts.see("schema")
        assert seen.presence is Presence.UNKNOWN
        assert seen.doubt is doubt
        assert seen.why
        assert seen.fix
        assert "canary" not in f"{seen!r}"
        with pytest.raises((Refused, Retryable)) as caught:
            await acts.make_base()
        assert "canary" not in f"{caught.value!r} {caught.value.detail} {caught.value.__cause__!r}"


async def test_observing_a_fleet_costs_one_transaction_per_database(rig: PostgresRig) -> None:
    everybody = [Acts(rig, number) for number in range(30, 42)]
    await everybody[0].make_sessions()
    for acts in everybody:
        await acts.make_base()
        await acts.make_table()
        await acts.make_seat()
    targets = [
        target for acts in everybody for target in acts.targets().values() if target.address.tenant != "platform"
    ]
    statements: list[object] = []
    execute = AsyncConnection.execute

    async def count(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        statements.append(query)
        return await execute(self, query, *args, **kwargs)

    costs = []
    for part in (targets[:3], targets):
        statements.clear()
        start = rig.slots.reads
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(AsyncConnection, "execute", count)
            snapshot = await everybody[0].observe(*part)
        assert {seen.presence for seen in snapshot.observed.values()} == {Presence.PRESENT}
        costs.append((rig.slots.reads - start, len(statements)))
    assert costs[0] == costs[1]
    assert costs[0][0] == 3, "one transaction each, and one list of buckets"
