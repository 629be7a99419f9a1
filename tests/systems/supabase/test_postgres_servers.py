"""On a real PostgreSQL: a login that is no superuser, as on Supabase, and connections that are lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection

from temoctl.engine.clock import SystemClock
from temoctl.engine.protocol import Verb
from temoctl.engine.throttle import Throttle
from temoctl.model.errors import Refused, Retryable, UnknownOutcome
from temoctl.model.resource import Doubt, Presence
from temoctl.model.secret import Secret
from temoctl.systems.supabase import plugin
from temoctl.systems.supabase.client import PostgresSql
from tests.conformance.bench import Freely
from tests.systems.supabase.acts import Acts, base, login
from tests.systems.supabase.rigs import Databases, PostgresRig, postgres_rig
from tests.systems.supabase.samples import OWNER

pytestmark = [pytest.mark.anyio, pytest.mark.postgres]


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
    sleeper = await login(rig, acts.schema)
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


async def test_a_commit_without_an_answer_is_unknown(rig: PostgresRig) -> None:
    """A deferred trigger ends the connection inside COMMIT: the client can't know on which side of it."""
    acts = await base(rig)
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
    acts = await base(rig)
    database = rig.knowledge.inner._database

    async def work(connection: Any) -> None:
        await connection.execute("create table public.half (a int)")
        await connection.execute("select pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(Retryable):
        await database.change(Freely(), work)
    assert rig.run("knowledge", "select to_regclass('public.half')") == [(None,)]
    assert (await acts.see("schema")).presence is Presence.PRESENT


async def test_kept_connections_that_the_server_dropped_are_replaced(rig: PostgresRig) -> None:
    acts = await base(rig)
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
