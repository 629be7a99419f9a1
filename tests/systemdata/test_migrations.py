"""Migrations: each once, together or not at all, by many at once, and never over a newer database."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from temoctl.engine.clock import SystemClock
from temoctl.engine.ids import RandomIds, SeededIds
from temoctl.model.errors import Bug, Refused, Unavailable
from temoctl.systemdata import migrate, open_store
from temoctl.systemdata.migrations import known
from temoctl.systemdata.migrations import migrate as migrate_from
from tests.conftest import FreshDatabase
from tests.systemdata.conftest import ADMIN, MASTER

pytestmark = [pytest.mark.anyio, pytest.mark.postgres]


def rows(database: FreshDatabase, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(database.dsn.reveal(), autocommit=True) as connection:
        cursor = connection.execute(query.encode())
        return cursor.fetchall() if cursor.description else []


def folder_with(tmp_path: Path, *more: str) -> Path:
    for one in known():
        (tmp_path / f"{one.version:04}_{one.name}.sql").write_text(one.text)
    for number, text in enumerate(more, start=len(known()) + 1):
        (tmp_path / f"{number:04}_more.sql").write_text(text)
    return tmp_path


async def test_many_at_once_apply_each_step_once(fresh_database: FreshDatabase) -> None:
    counts = await asyncio.gather(*(migrate(fresh_database.dsn) for _ in range(5)))
    assert sorted(counts) == [0] * 4 + [len(known())]
    assert await migrate(fresh_database.dsn) == 0
    assert rows(fresh_database, "SELECT count(*) FROM temoctl.installation") == [(1,)]


async def test_the_installations_tag_is_injected(fresh_database: FreshDatabase) -> None:
    await migrate_from(fresh_database.dsn, ids=SeededIds(1))
    assert rows(fresh_database, "SELECT tag FROM temoctl.installation") == [(SeededIds(1).token(10),)]


async def test_a_later_step_is_applied_to_a_database_in_use(fresh_database: FreshDatabase, tmp_path: Path) -> None:
    await migrate(fresh_database.dsn)
    tag = rows(fresh_database, "SELECT tag FROM temoctl.installation")
    newer = folder_with(tmp_path, "CREATE TABLE temoctl.extra (id int);")
    assert await migrate_from(fresh_database.dsn, folder=newer) == 1
    assert rows(fresh_database, "SELECT max(version) FROM temoctl.migrations") == [(len(known()) + 1,)]
    assert rows(fresh_database, "SELECT tag FROM temoctl.installation") == tag

    with pytest.raises(Refused, match="TEMO630"):
        await migrate(fresh_database.dsn)
    with pytest.raises(Refused, match="TEMO630"):
        await open_store(fresh_database.dsn, ADMIN, clock=SystemClock(), ids=RandomIds(), master_key=MASTER)


async def test_a_broken_step_leaves_nothing(fresh_database: FreshDatabase, tmp_path: Path) -> None:
    broken = folder_with(tmp_path, "CREATE TABLE temoctl.extra (id int); SELECT 1 / 0;")
    with pytest.raises(errors.DivisionByZero):
        await migrate_from(fresh_database.dsn, folder=broken)
    assert rows(fresh_database, "SELECT to_regnamespace('temoctl')::text") == [(None,)]


async def test_another_history_is_refused(fresh_database: FreshDatabase, tmp_path: Path) -> None:
    await migrate(fresh_database.dsn)
    other = folder_with(tmp_path)
    path = next(other.glob("0001_*.sql"))
    path.write_text(path.read_text() + "\n-- changed\n")
    with pytest.raises(Refused, match="TEMO631"):
        await migrate_from(fresh_database.dsn, folder=other)


async def test_a_store_needs_a_migrated_database(fresh_database: FreshDatabase) -> None:
    with pytest.raises(Refused, match="TEMO632"):
        await open_store(fresh_database.dsn, ADMIN, clock=SystemClock(), ids=RandomIds(), master_key=MASTER)


async def test_a_database_that_isnt_there_is_told_without_its_password() -> None:
    dsn = "postgresql://temoctl:canary-4711@127.0.0.1:1/x"
    with pytest.raises(Unavailable, match="TEMO633") as caught:
        await migrate(dsn)
    assert "canary-4711" not in f"{caught.value.summary}{caught.value.detail}{caught.value.fix}"


async def test_a_login_that_may_not_create_is_told_what_to_do(fresh_database: FreshDatabase) -> None:
    role = f"poor_{fresh_database.name}"
    rows(fresh_database, f"CREATE ROLE {role} LOGIN PASSWORD 'x'")
    rows(fresh_database, f"GRANT CONNECT ON DATABASE {fresh_database.name} TO {role}")
    try:
        with pytest.raises(Refused, match="TEMO634"):
            await migrate(fresh_database.server.dsn(fresh_database.name, user=role, password="x"))
    finally:
        rows(fresh_database, f"DROP OWNED BY {role}")
        rows(fresh_database, f"DROP ROLE {role}")


async def test_an_owner_who_is_no_superuser_can_migrate_and_work(fresh_database: FreshDatabase) -> None:
    """As on Supabase: a login that may create roles, owns the database, and is nothing more."""
    role = f"owner_{fresh_database.name}"
    rows(fresh_database, f"CREATE ROLE {role} LOGIN CREATEROLE PASSWORD 'x'")
    rows(fresh_database, f"ALTER DATABASE {fresh_database.name} OWNER TO {role}")
    rows(
        fresh_database,
        "DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'temoctl_service') THEN "
        f"GRANT temoctl_service, temoctl_reader TO {role}; END IF; END $$",
    )
    dsn = fresh_database.server.dsn(fresh_database.name, user=role, password="x")
    try:
        assert await migrate(dsn) == len(known())
        store = await open_store(dsn, ADMIN, clock=SystemClock(), ids=RandomIds(), master_key=MASTER)
        try:
            await store.register("acme", "a" * 16, manager="mia", by="root")
            assert [one.tenant for one in await store.tenants()] == ["acme"]
        finally:
            await store.close()
    finally:
        rows(fresh_database, f"ALTER DATABASE {fresh_database.name} OWNER TO temoctl")
        rows(fresh_database, f"DROP OWNED BY {role} CASCADE")
        rows(fresh_database, f"DROP ROLE {role}")


def test_names_and_numbers_are_checked(tmp_path: Path) -> None:
    (tmp_path / "0002_late.sql").write_text("")
    with pytest.raises(Bug, match="TEMO901"):
        known(tmp_path)
    (tmp_path / "first.sql").write_text("")
    with pytest.raises(Bug, match="TEMO901"):
        known(tmp_path)
