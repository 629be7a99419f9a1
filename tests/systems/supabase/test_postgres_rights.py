"""On a real PostgreSQL: what tenants' logins may and may not, and passwords that never travel as text."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection, sql

from temoctl.engine.clock import SystemClock
from temoctl.engine.protocol import Verb
from temoctl.engine.throttle import Throttle
from temoctl.model.errors import Refused
from temoctl.model.resource import Presence
from temoctl.model.secret import Secret
from temoctl.systems.supabase import plugin
from temoctl.systems.supabase.client import PostgresSql
from tests.conformance.bench import Freely
from tests.systems.supabase.acts import Acts, base, login
from tests.systems.supabase.rigs import PostgresRig
from tests.systems.supabase.samples import OWNER, PASSWORD

pytestmark = [pytest.mark.anyio, pytest.mark.postgres]


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
    acts = await base(rig)
    await acts.make_sessions()
    await acts.make_seat()
    assert sent
    assert PASSWORD.reveal() not in "\n".join(sent)
    stored = rig.run("knowledge", f"select rolpassword from pg_authid where rolname = '{acts.schema}'")
    assert stored[0][0].startswith("SCRAM-SHA-256$")


async def test_a_new_password_replaces_the_old_one(rig: PostgresRig) -> None:
    acts = await base(rig)
    acts.password = Secret("another-Password-9876543210")
    await acts.do(Verb.UPDATE, "schema", "knowledge", acts.base_props(), changes=["password"])
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        await login(rig, acts.schema)
    assert all(one.ok for one in await rig.system.probe(acts.targets()["schema"], ()))


async def test_a_reader_reaches_its_own_schema_and_nothing_else(rig: PostgresRig) -> None:
    acts, neighbour = await base(rig, 1), await base(rig, 2)
    connection = await login(rig, acts.schema)
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
        await login(rig, acts.schema, database="sessions")


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
    acts = await base(rig)
    sleeper = await login(rig, acts.schema)
    await sleeper.execute("begin")
    await sleeper.execute("select * from products_menu")
    await acts.do(Verb.DELETE, "schema", "knowledge", acts.base_props())
    assert (await acts.see("schema")).presence is Presence.ABSENT
    with pytest.raises(psycopg.OperationalError):
        await sleeper.execute("select 1")
    await sleeper.close()


async def test_what_others_built_on_a_table_is_named_before_it_is_lost(rig: PostgresRig) -> None:
    acts = await base(rig)
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


async def test_a_seat_sees_and_writes_its_own_rows_only(rig: PostgresRig) -> None:
    one, two = Acts(rig, 1), Acts(rig, 2)
    await one.make_sessions()
    await one.make_seat()
    await two.make_seat()
    first, second = [await login(rig, acts.seat, database="sessions") for acts in (one, two)]
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
    connection = await login(rig, acts.seat, database="sessions")
    await connection.execute(f"insert into {acts.sessions}.wa_sessions (channel, chat_id) values ('t', '1')".encode())
    await acts.make_sessions()
    assert await (
        await connection.execute(f"select count(*) from {acts.sessions}.wa_sessions".encode())
    ).fetchone() == (1,)
    await connection.close()
