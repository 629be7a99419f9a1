"""Row-level security, proven with hand-written SQL: what a manager's own login can do, whatever it says of itself."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import errors, sql

from temoctl.engine.clock import SystemClock
from temoctl.engine.ids import RandomIds
from temoctl.model.errors import Refused
from temoctl.model.secret import Secret
from temoctl.systemdata import open_store
from temoctl.systemdata.ports import Connection, PlanUse, Principal, Role
from tests.systemdata.conftest import ADMIN, MASTER, PostgresWorld
from tests.systemdata.samples import (
    ACME,
    BOLT,
    CREDENTIAL,
    PLATFORM_UID,
    begin,
    done,
    intent,
    record,
    recorded,
    tenant,
)

pytestmark = [pytest.mark.anyio, pytest.mark.postgres]

OPERATIONAL = {"drift_history", "rate_tokens", "read_audit"}
"""What plan and drift may write (DECISIONS 12). This list is the promise; the database is asked below."""

OWNED = [
    "tenants",
    "connections",
    "resources",
    "intents",
    "plan_steps",
    "runs",
    "leases",
    "plan_uses",
    "audit",
    "claims",
    "data_keys",
    "secrets",
    "drift_history",
    "read_audit",
    "inbox",
]


class Login:
    """Somebody with their own database role, who writes SQL by hand."""

    def __init__(self, world: PostgresWorld, role: str) -> None:
        self.role = role
        self.dsn = world.server.dsn(world.name, user=role, password="pw-of-the-test")

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        """The last statement's rows; everything in one transaction that stays."""
        with psycopg.connect(self.dsn.reveal()) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else [(cursor.rowcount,)]


@contextmanager
def login(world: PostgresWorld, member_of: str = "temoctl_service") -> Iterator[Login]:
    role = f"test_{secrets.token_hex(5)}"
    identifier = sql.Identifier(role)
    with psycopg.connect(world.dsn.reveal(), autocommit=True) as owner:
        owner.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'pw-of-the-test'").format(identifier))
        owner.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(world.name), identifier))
        owner.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(member_of), identifier))
        try:
            yield Login(world, role)
        finally:
            owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [role])
            owner.execute(sql.SQL("DROP OWNED BY {}; DROP ROLE {}").format(identifier, identifier))


@pytest.fixture
async def mia(postgres_world: PostgresWorld) -> AsyncIterator[Login]:
    """Mia's login. She has acme, Zoe has bolt, and every table has rows of both."""
    store = await postgres_world.store(ADMIN)
    await tenant(store, PLATFORM_UID, "platform")
    for uid, name, owner in ((ACME, "acme", "mia"), (BOLT, "bolt", "zoe")):
        lease = await tenant(store, uid, name, owner)
        fence = lease.fence()
        await recorded(store, lease, record())
        await store.journal.write([begin(lease, intent(f"1ntent00{name}", uid=uid))])
        await store.journal.write([done(fence, CREDENTIAL, step="one", plan="P")])
        await store.use_plan(fence, "P", name, PlanUse.STARTED)
        await store.vault.put(uid, "telegram/token", Secret("4711:token"), by="root")
        await store.start_run(fence, f"run-{name}", tenant=name, mode="apply", plan="P", by="root")
        await store.put_connections(fence, [Connection(name, "telegram", "telegram", "connected")])
        await store.claim(uid, "telegram.bot", f"hash-{name}")
        await store.note_drift(uid, by="root", changes=1, detail={})
        await store.note_read(uid, by="root", what="state show")
        await store.inbox.take("stripe", f"evt_{name}", uid=uid, seconds=60)
    with login(postgres_world) as one:
        await store.put_manager("mia", db_role=one.role, by="root")
        yield one
        await store.put_manager("mia", db_role="", by="root")


LIES = [
    [],
    ["SET ROLE temoctl_service"],
    ["SET ROLE temoctl_service", "SELECT set_config('temoctl.role', 'admin', false)"],
    [
        "SET ROLE temoctl_service",
        "SELECT set_config('temoctl.role', 'manager', true), set_config('temoctl.principal', 'zoe', true)",
    ],
    ["SET ROLE temoctl_reader", "SELECT set_config('temoctl.role', 'ci', true)"],
]


@pytest.mark.parametrize("lie", LIES, ids=["plain", "service", "admin", "zoe", "reader"])
async def test_a_manager_reads_own_rows_only_whatever_is_said(
    mia: Login, postgres_world: PostgresWorld, lie: list[str]
) -> None:
    for table in OWNED:
        everything = postgres_world.sql(f"SELECT tenant_uid FROM temoctl.{table}")
        assert (BOLT,) in everything, table
        seen = mia.run(*lie, f"SELECT DISTINCT tenant_uid FROM temoctl.{table}")
        assert set(seen) <= {(ACME,), (PLATFORM_UID,)}, table
        if table not in ("tenants", "resources"):
            assert (PLATFORM_UID,) not in seen, table
    assert mia.run(*lie, "SELECT tenant FROM temoctl.tenants ORDER BY 1") == [("acme",), ("platform",)]
    assert mia.run(*lie, "SELECT name FROM temoctl.managers") == [("mia",)]
    assert mia.run(*lie, "SELECT value_hash, tenant FROM temoctl.claimed('telegram.bot') ORDER BY 1") == [
        ("hash-acme", "acme"),
        ("hash-bolt", ""),
    ]


@pytest.mark.parametrize("lie", LIES[:4], ids=["plain", "service", "admin", "zoe"])
async def test_a_manager_changes_own_rows_only(mia: Login, postgres_world: PostgresWorld, lie: list[str]) -> None:
    def census() -> list[list[tuple[object, ...]]]:
        return [
            postgres_world.sql(f"SELECT t::text FROM temoctl.{table} t WHERE tenant_uid = '{BOLT}' ORDER BY 1")
            for table in OWNED
        ]

    before = census()
    for table, column in (
        ("tenants", "serial = 99"),
        ("resources", "ref = 'stolen'"),
        ("leases", "holder = ''"),
        ("connections", "status = 'broken'"),
        ("inbox", "outcome = 'nothing'"),
        ("intents", "ending = 'done'"),
        ("runs", "status = 'done'"),
        ("secrets", "by_name = 'mia'"),
        ("data_keys", "kek = kek"),
    ):
        changed = mia.run(*lie, f"UPDATE temoctl.{table} SET {column} WHERE tenant_uid <> '{ACME}'")
        assert changed == [(0,)], table
    for table in ("resources", "connections", "claims", "secrets", "data_keys"):
        gone = mia.run(*lie, f"DELETE FROM temoctl.{table} WHERE tenant_uid <> '{ACME}'")
        assert gone == [(0,)], table
    assert census() == before


REFUSED = [
    f"INSERT INTO temoctl.resources (tenant_uid, manager, address, ref, props, resolved, outputs) "
    f"VALUES ('{BOLT}', 'zoe', 'bolt/n8n.workflow.x', '', '{{}}', '{{}}', '{{}}')",
    f"INSERT INTO temoctl.resources (tenant_uid, manager, address, ref, props, resolved, outputs) "
    f"VALUES ('{BOLT}', 'mia', 'bolt/n8n.workflow.x', '', '{{}}', '{{}}', '{{}}')",
    f"UPDATE temoctl.resources SET manager = 'zoe' WHERE tenant_uid = '{ACME}'",
    f"UPDATE temoctl.tenants SET manager = 'zoe' WHERE tenant_uid = '{ACME}'",
    f"UPDATE temoctl.runs SET tenant_uid = '{BOLT}' WHERE tenant_uid = '{ACME}'",
    "INSERT INTO temoctl.tenants (tenant_uid, tenant, manager) VALUES ('zzzzzzzzzzzzzzzz', 'new', 'zoe')",
    "INSERT INTO temoctl.managers (name, db_role) VALUES ('boss', 'x')",
    "INSERT INTO temoctl.system_instances (system, instance) VALUES ('n8n', 'mine')",
    "INSERT INTO temoctl.master_keys (kek, check_value) VALUES ('x', 'x')",
    f"INSERT INTO temoctl.audit (tenant_uid, manager, by_name, action, subject, login) "
    f"VALUES ('{ACME}', 'mia', 'root', 'x', 'x', 'postgres')",
    "UPDATE temoctl.audit SET by_name = 'root'",
    "DELETE FROM temoctl.audit",
    "DELETE FROM temoctl.tenants",
    "DELETE FROM temoctl.leases",
    "DELETE FROM temoctl.intents",
    "DELETE FROM temoctl.managers",
    "TRUNCATE temoctl.audit",
    "ALTER TABLE temoctl.tenants DISABLE ROW LEVEL SECURITY",
    "CREATE OR REPLACE FUNCTION temoctl.is_operator() RETURNS boolean LANGUAGE sql AS 'SELECT true'",
    "DROP POLICY own_tenants ON temoctl.tenants",
    "CREATE TABLE temoctl.mine (id int)",
    "SET SESSION AUTHORIZATION temoctl",
    "SET ROLE temoctl",
    "SELECT pg_read_file('PG_VERSION')",
]


@pytest.mark.parametrize("lie", [LIES[1], LIES[2]], ids=["service", "admin"])
async def test_what_a_manager_is_refused(mia: Login, lie: list[str]) -> None:
    refusals = (errors.InsufficientPrivilege, errors.ForeignKeyViolation, errors.InvalidObjectDefinition)
    for statement in REFUSED:
        try:
            mia.run(*lie, statement)
        except refusals:
            continue
        pytest.fail(f"not refused: {statement}")


async def test_changes_of_installation_tables_meet_no_row(mia: Login, postgres_world: PostgresWorld) -> None:
    for statement in (
        "UPDATE temoctl.managers SET db_role = NULL",
        "UPDATE temoctl.installation SET tag = tag",
        "UPDATE temoctl.master_keys SET retired_at = now()",
    ):
        assert mia.run("SET ROLE temoctl_service", statement) == [(0,)]
    assert postgres_world.sql("SELECT db_role FROM temoctl.managers WHERE name = 'mia'") == [(mia.role,)]


async def test_the_store_on_a_managers_login_is_the_managers(mia: Login) -> None:
    boasting = await open_store(
        mia.dsn, Principal("root", Role.ADMIN), clock=SystemClock(), ids=RandomIds(), master_key=MASTER
    )
    try:
        assert [one.tenant for one in await boasting.tenants()] == ["platform", "acme"]
        with pytest.raises(Refused, match="TEMO620"):
            await boasting.vault.get(BOLT, "telegram/token")
        assert (await boasting.vault.get(ACME, "telegram/token")).reveal() == "4711:token"
        with pytest.raises(Refused, match="TEMO612"):
            await boasting.assign("bolt", "mia", by="root")
        with pytest.raises(Refused, match="TEMO604"):
            await boasting.put_manager("mia", db_role="", by="root")
    finally:
        await boasting.close()


async def test_a_stranger_who_may_connect_sees_nothing(mia: Login, postgres_world: PostgresWorld) -> None:
    """A login of the service that is neither trusted nor a manager's: settings are not believed."""
    with login(postgres_world) as stranger:
        admin = ["SET ROLE temoctl_service", "SELECT set_config('temoctl.role', 'admin', false)"]
        for table in [*OWNED, "installation", "system_instances", "managers", "master_keys", "rate_tokens"]:
            assert stranger.run(*admin, f"SELECT * FROM temoctl.{table}") == [], table
        assert stranger.run(*admin, "SELECT * FROM temoctl.claimed('telegram.bot')") == []
        assert stranger.run(*admin, "SELECT temoctl.is_operator(), temoctl.acting_manager()") == [(False, None)]


async def test_the_service_without_a_principal_sees_nothing(mia: Login, postgres_world: PostgresWorld) -> None:
    with psycopg.connect(postgres_world.dsn.reveal()) as connection:
        connection.execute("SET ROLE temoctl_service")
        for table in OWNED:
            assert connection.execute(f"SELECT * FROM temoctl.{table}".encode()).fetchall() == [], table


async def test_every_table_has_owner_columns_and_policies(postgres_world: PostgresWorld) -> None:
    tables = {
        row[0]
        for row in postgres_world.sql(
            "SELECT relname FROM pg_class WHERE relnamespace = 'temoctl'::regnamespace AND relkind IN ('r', 'p')"
        )
    }
    assert set(OWNED) < tables
    for table in tables:
        found = postgres_world.sql(
            "SELECT array_agg(attname::text), bool_or(relrowsecurity), (SELECT count(*) FROM pg_policy p "
            "WHERE p.polrelid = c.oid) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
            "WHERE c.oid = %s::regclass GROUP BY c.oid",
            [f"temoctl.{table}"],
        )[0]
        columns, secured, policies = found
        assert {"tenant_uid", "manager"} <= set(columns), table  # type: ignore[call-overload]
        assert secured, table
        assert policies, table


async def test_the_program_never_works_as_owner(postgres_world: PostgresWorld) -> None:
    """Its roles own nothing, bypass nothing and can't log in."""
    found = postgres_world.sql(
        "SELECT rolname, rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolcanlogin, "
        "EXISTS (SELECT FROM pg_class c WHERE c.relowner = r.oid) FROM pg_roles r "
        "WHERE rolname IN ('temoctl_service', 'temoctl_reader') ORDER BY 1"
    )
    assert found == [("temoctl_reader", False, False), ("temoctl_service", False, False)]


async def test_the_reader_can_write_the_operational_tables_only(postgres_world: PostgresWorld) -> None:
    found = postgres_world.sql(
        "SELECT DISTINCT relname FROM pg_class c WHERE relnamespace = 'temoctl'::regnamespace AND relkind = 'r' AND ("
        "has_table_privilege('temoctl_reader', c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') OR "
        "has_any_column_privilege('temoctl_reader', c.oid, 'INSERT, UPDATE'))"
    )
    assert {row[0] for row in found} == OPERATIONAL


async def test_what_happened_cant_be_rewritten(postgres_world: PostgresWorld) -> None:
    found = postgres_world.sql(
        "SELECT t, has_any_column_privilege('temoctl_service', 'temoctl.' || t, 'UPDATE') "
        "OR has_table_privilege('temoctl_service', 'temoctl.' || t, 'DELETE, TRUNCATE') "
        "FROM unnest(ARRAY['audit', 'drift_history', 'read_audit']) AS t ORDER BY 1"
    )
    assert found == [("audit", False), ("drift_history", False), ("read_audit", False)]


async def test_one_manager_a_tenant_by_constraint(mia: Login, postgres_world: PostgresWorld) -> None:
    for statement in (
        f"UPDATE temoctl.resources SET manager = 'zoe' WHERE tenant_uid = '{ACME}'",
        f"INSERT INTO temoctl.runs (run, tenant_uid, manager, tenant, mode, plan, by_name) "
        f"VALUES ('r', '{ACME}', 'zoe', 'acme', 'apply', 'P', 'x')",
    ):
        with pytest.raises(errors.ForeignKeyViolation):
            postgres_world.sql(statement)
    with pytest.raises(errors.UniqueViolation):
        postgres_world.sql("INSERT INTO temoctl.tenants VALUES ('zzzzzzzzzzzzzzzz', 'acme', 'zoe')")
    postgres_world.sql(f"UPDATE temoctl.tenants SET manager = 'zoe' WHERE tenant_uid = '{ACME}'")
    assert postgres_world.sql(f"SELECT DISTINCT manager FROM temoctl.resources WHERE tenant_uid = '{ACME}'") == [
        ("zoe",)
    ]
    assert mia.run("SELECT count(*) FROM temoctl.resources WHERE address = '" + str(CREDENTIAL) + "'") == [(0,)]
