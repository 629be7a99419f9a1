"""Transactions that make and remove knowledge bases (a schema and its reader), the sessions, and seats in them."""

from __future__ import annotations

import re

from psycopg import sql

from temoctl.model.identity import Marker
from temoctl.systems.supabase.connection import Connection
from temoctl.systems.supabase.rights import (
    comment_of,
    drop_role,
    end_sessions,
    leave_groups,
    let_in,
    put_role,
    run,
    set_comment,
)
from temoctl.systems.supabase.sql import (
    READER_SETTINGS,
    SEAT_SETTINGS,
    SEATS_MAY,
    SESSION_TABLES,
    STANDINGS,
    BaseChange,
    SeatChange,
    SessionsChange,
    StandingChange,
    is_ours,
    refuse_foreign,
)

_INTRUDERS = """
select distinct coalesce(g.rolname::text, 'PUBLIC')
from {catalog} o cross join lateral aclexplode(o.{acl}) a left join pg_roles g on g.oid = a.grantee
where o.oid = %s::{cast} and a.grantee <> o.{owner}
  and (a.grantee = 0 or coalesce(shobj_description(g.oid, 'pg_authid'), '') like 'temo:%%')
  and g.rolname is distinct from %s
"""


async def put_base(connection: Connection, change: BaseChange) -> None:
    comment = await comment_of(connection, schema=change.schema)
    refuse_foreign(f"a schema called {change.schema}", comment, change.marker)
    settings = {**READER_SETTINGS, "search_path": change.schema}
    await put_role(connection, change.role, change.password, change.marker, settings)
    await leave_groups(connection, change.role)
    if comment is None:
        await run(connection, "CREATE SCHEMA {schema}", schema=change.schema)
        await set_comment(connection, "SCHEMA", [change.schema], change.marker.text)
    await shut_out(connection, "SCHEMA", (change.schema,), but=change.role)
    await run(connection, "REVOKE ALL ON SCHEMA {schema} FROM {role}", schema=change.schema, role=change.role)
    await run(connection, "GRANT USAGE ON SCHEMA {schema} TO {role}", schema=change.schema, role=change.role)
    await _grant_tables(connection, change.schema, change.role, change.marker)
    await let_in(connection, change.role)


async def _grant_tables(connection: Connection, schema: str, role: str, marker: Marker) -> None:
    """A role that was made anew must read the tables that are already there; those of others are not our business."""
    cursor = await connection.execute(
        "select c.relname::text from pg_class c where c.relnamespace = %s::regnamespace and c.relkind = 'r'"
        " and obj_description(c.oid, 'pg_class') like %s",
        [sql.Identifier(schema).as_string(connection), f"temo:{marker.owner.installation}.{marker.owner.uid}.%"],
    )
    for (table,) in await cursor.fetchall():
        await run(connection, "GRANT SELECT ON {schema}.{table} TO {role}", schema=schema, table=table, role=role)


async def shut_out(connection: Connection, what: str, name: tuple[str, ...], *, but: str) -> None:
    """Take every right from PUBLIC and from other tenants' roles. Strangers' roles keep what somebody gave them."""
    catalog, acl, owner, cast = {
        "SCHEMA": ("pg_namespace", "nspacl", "nspowner", "regnamespace"),
        "TABLE": ("pg_class", "relacl", "relowner", "regclass"),
    }[what]
    query = _INTRUDERS.format(catalog=catalog, acl=acl, owner=owner, cast=cast)
    quoted = sql.Identifier(*name).as_string(connection)
    cursor = await connection.execute(query.encode(), [quoted, but])
    for (grantee,) in await cursor.fetchall():
        who = sql.SQL("PUBLIC") if grantee == "PUBLIC" else sql.Identifier(grantee)
        statement = sql.SQL("REVOKE ALL ON {} {} FROM {}")
        await connection.execute(statement.format(sql.SQL(what), sql.Identifier(*name), who))


async def drop_base(connection: Connection, schema: str, role: str, marker: Marker) -> None:
    found, login = await comment_of(connection, schema=schema), await comment_of(connection, role=role)
    refuse_foreign(f"a schema called {schema}", found, marker)
    refuse_foreign(f"a database role called {role}", login, marker)
    if login is not None:
        await end_sessions(connection, role)
    if found is not None:
        await run(connection, "DROP SCHEMA {schema} CASCADE", schema=schema)
    if login is not None:
        await drop_role(connection, role)


async def put_sessions(connection: Connection, change: SessionsChange) -> None:
    """Run the template. A group role of the schema's name holds the rights: a table can't list thousands of logins."""
    comment = await comment_of(connection, schema=change.schema)
    refuse_foreign(f"a schema called {change.schema}", comment, change.marker)
    group = await comment_of(connection, role=change.schema)
    refuse_foreign(f"a database role called {change.schema}", group, change.marker)
    if group is None:
        await run(connection, "CREATE ROLE {group} NOLOGIN", group=change.schema)
        await set_comment(connection, "ROLE", [change.schema], change.marker.text)
    await connection.execute(bind(change.script, schema=change.schema).encode())
    await set_comment(connection, "SCHEMA", [change.schema], change.comment)
    names = {"schema": change.schema, "group": change.schema}
    await shut_out(connection, "SCHEMA", (change.schema,), but=change.schema)
    await run(connection, "GRANT USAGE ON SCHEMA {schema} TO {group}", **names)
    for function in ("current_tenant", "current_standing"):
        await run(connection, f"GRANT EXECUTE ON FUNCTION {{schema}}.{function}() TO {{group}}", **names)
    for table, rights in SEATS_MAY.items():
        await shut_out(connection, "TABLE", (change.schema, table), but=change.schema)
        await run(connection, "REVOKE ALL ON {schema}.{table} FROM {group}", **names, table=table)
        grant = f"GRANT {', '.join(rights)} ON {{schema}}.{{table}} TO {{group}}"
        await run(connection, grant, **names, table=table)
    await let_in(connection, change.schema)


def bind(script: str, **names: str) -> str:
    """psql's own notation: `:"schema"` is the quoted name. Names are made by `object_name`, so they need no escape."""

    def quoted(found: re.Match[str]) -> str:
        name = names[found[1]]
        if not re.fullmatch(r"[a-z0-9_]{1,63}", name):
            raise ValueError(f"not a name of ours: {name!r}")
        return f'"{name}"'

    return re.sub(r':"(\w+)"', quoted, script)


async def drop_sessions(connection: Connection, schema: str, marker: Marker) -> None:
    found, group = await comment_of(connection, schema=schema), await comment_of(connection, role=schema)
    refuse_foreign(f"a schema called {schema}", found, marker)
    refuse_foreign(f"a database role called {schema}", group, marker)
    if found is not None:
        await run(connection, "DROP SCHEMA {schema} CASCADE", schema=schema)
    if group is not None:
        await drop_role(connection, schema)


async def put_seat(connection: Connection, change: SeatChange) -> None:
    await put_role(connection, change.role, change.password, change.marker, SEAT_SETTINGS)
    await leave_groups(connection, change.role, but=(change.sessions,))
    await run(connection, "GRANT {group} TO {role}", group=change.sessions, role=change.role)
    seats = sql.Identifier(change.sessions, "seats")
    statement = sql.SQL(
        "insert into {} (role_name, tenant_uid) values (%s, %s)"
        " on conflict (role_name) do update set tenant_uid = excluded.tenant_uid"
    )
    await connection.execute(statement.format(seats), [change.role, change.tenant_uid])


async def drop_seat(connection: Connection, sessions: str, role: str, tenant_uid: str, marker: Marker) -> None:
    """The login, the seat, and the tenant's rows with it."""
    comment = await comment_of(connection, role=role)
    refuse_foreign(f"a database role called {role}", comment, marker)
    if sessions and await comment_of(connection, schema=sessions) is not None:
        await _drop_rows(connection, sessions, role, tenant_uid)
    if comment is not None and is_ours(comment, marker):
        await drop_role(connection, role)


async def _drop_rows(connection: Connection, sessions: str, role: str, tenant_uid: str) -> None:
    for table in SESSION_TABLES:
        statement = sql.SQL("delete from {} where tenant_uid = %s")
        await connection.execute(statement.format(sql.Identifier(sessions, table)), [tenant_uid])
    statement = sql.SQL("delete from {} where role_name = %s or tenant_uid = %s")
    await connection.execute(statement.format(sql.Identifier(sessions, "seats")), [role, tenant_uid])


async def put_standing(connection: Connection, change: StandingChange) -> None:
    row = change.row
    statement = sql.SQL(
        "insert into {} (tenant_uid, state, why, until, since, source)"
        " values (%s, %s, %s, nullif(%s, '')::timestamptz, nullif(%s, '')::timestamptz, %s)"
        " on conflict (tenant_uid) do update set state = excluded.state, why = excluded.why, until = excluded.until,"
        " since = excluded.since, source = excluded.source, updated_at = now()"
    ).format(sql.Identifier(change.sessions, STANDINGS))
    await connection.execute(statement, [change.tenant_uid, row.state, row.why, row.until, row.since, row.source])


async def drop_standing(connection: Connection, sessions: str, tenant_uid: str) -> None:
    """Nothing where the sessions themselves are gone."""
    if await comment_of(connection, schema=sessions) is not None:
        statement = sql.SQL("delete from {} where tenant_uid = %s").format(sql.Identifier(sessions, STANDINGS))
        await connection.execute(statement, [tenant_uid])
