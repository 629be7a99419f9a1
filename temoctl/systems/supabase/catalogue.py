"""Reading PostgreSQL's catalogue: everything of ours in a constant number of queries, whoever many tenants there are.

Comments and names are readable by every role of a server, which is why markers hold opaque ids only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg import sql

from temoctl.systems.supabase.connection import Connection
from temoctl.systems.supabase.sql import STANDINGS, Catalogue, Look, RoleRow, SchemaRow, StandingRow, TableRow

_OWNED = r"or substring(d.description from '^temo:([a-z0-9]+\.[a-z0-9]+)\.') = any(%(owners)s)"
"""The owner inside a comment, as "installation.uid". Left out where nobody's is asked for: then names are indexed."""

_ROLES = """
select r.rolname::text, coalesce(d.description, ''), r.rolcanlogin,
  array_remove(array[
    case when r.rolsuper then 'SUPERUSER' end, case when r.rolcreaterole then 'CREATEROLE' end,
    case when r.rolcreatedb then 'CREATEDB' end, case when r.rolreplication then 'REPLICATION' end,
    case when r.rolbypassrls then 'BYPASSRLS' end], null),
  array(select g.rolname::text from pg_auth_members m join pg_roles g on g.oid = m.roleid
        where m.member = r.oid order by 1),
  coalesce(r.rolconfig, '{}')
from pg_roles r
left join pg_shdescription d on d.objoid = r.oid and d.classoid = 'pg_authid'::regclass
where r.rolname = any(%(roles)s) OWNED
"""

_GRANTS = """array(
    select coalesce(g.rolname, 'PUBLIC') || '=' || a.privilege_type
    from aclexplode({acl}) a left join pg_roles g on g.oid = a.grantee where a.grantee <> {owner})"""

_SCHEMAS = f"""
select n.nspname::text, coalesce(d.description, ''), {_GRANTS.format(acl="n.nspacl", owner="n.nspowner")}
from pg_namespace n
left join pg_description d on d.objoid = n.oid and d.classoid = 'pg_namespace'::regclass and d.objsubid = 0
where n.nspname = any(%(schemas)s) OWNED
"""  # noqa: S608 - no value is put in

_TABLES = f"""
select n.nspname::text, c.relname::text, coalesce(d.description, ''),
  coalesce((select jsonb_agg(jsonb_build_array(a.attname, format_type(a.atttypid, a.atttypmod)) order by a.attnum)
            from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '[]'),
  {_GRANTS.format(acl="c.relacl", owner="c.relowner")},
  pg_stat_get_tuples_inserted(c.oid), pg_stat_get_tuples_updated(c.oid), pg_stat_get_tuples_deleted(c.oid),
  c.relkind = 'r' and pg_relation_size(c.oid) = 0, c.relkind = 'r',
  c.relrowsecurity and exists (select from pg_policy p where p.polrelid = c.oid)
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join pg_description d on d.objoid = c.oid and d.classoid = 'pg_class'::regclass and d.objsubid = 0
where c.relkind in ('r', 'p', 'v', 'm', 'f')
  and (n.nspname = any(%(schemas)s) OWNED)
"""  # noqa: S608 - no value is put in


async def look(connection: Connection, want: Look) -> Catalogue:
    """Everything wanted, as one consistent picture."""
    keys = [f"{owner.installation}.{owner.uid}" for owner in want.owners]
    asked = {"schemas": list(want.schemas), "roles": list(want.roles), "owners": keys}
    roles = [RoleRow(*row[:3], *map(tuple, row[3:])) for row in await _rows(connection, _ROLES, asked)]
    schemas = [SchemaRow(row[0], row[1], frozenset(row[2])) for row in await _rows(connection, _SCHEMAS, asked)]
    inside = {**asked, "schemas": list(want.schemas | {schema.name for schema in schemas})}
    tables = [_table(row) for row in await _rows(connection, _TABLES, inside)]
    seats = {}
    for name in sorted(want.seats):
        if any(table.schema == name and table.name == "seats" for table in tables):
            seats[name] = await _seats(connection, name)
    standings = await _standings(connection, want) if want.standings or want.owners else {}
    by_name = {one.name: one for one in roles}
    return Catalogue({one.name: one for one in schemas}, by_name, tuple(tables), seats, standings)


async def _rows(connection: Connection, query: str, asked: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    cursor = await connection.execute(query.replace("OWNED", _OWNED if asked["owners"] else "").encode(), asked)
    return await cursor.fetchall()


def _table(row: tuple[Any, ...]) -> TableRow:
    columns = tuple((name, kind) for name, kind in row[3])
    return TableRow(row[0], row[1], row[2], columns, frozenset(row[4]), *row[5:])


async def _seats(connection: Connection, sessions: str) -> dict[str, str]:
    query = sql.SQL("select role_name::text, tenant_uid from {}").format(sql.Identifier(sessions, "seats"))
    cursor = await connection.execute(query)
    return dict(await cursor.fetchall())


_SESSIONS = """
select n.nspname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relname = %(table)s and c.relkind = 'r'
  and (n.nspname = any(%(schemas)s)
       or substring(n.nspname from '^temo_([a-z0-9]{10})_[a-z0-9]{16}_sessions$') = any(%(installations)s))
"""
_WHOLE_SECONDS = 'YYYY-MM-DD"T"HH24:MI:SS"Z"'


async def _standings(connection: Connection, want: Look) -> dict[tuple[str, str], StandingRow]:
    """Rows carry no comment: whose they are, the tenant's uid says."""
    asked = {
        "table": STANDINGS,
        "schemas": [schema for schema, _ in want.standings],
        "installations": [owner.installation for owner in want.owners],
    }
    uids = sorted({uid for _, uid in want.standings} | {owner.uid for owner in want.owners})
    cursor = await connection.execute(_SESSIONS.encode(), asked)
    found: dict[tuple[str, str], StandingRow] = {}
    for (schema,) in await cursor.fetchall():
        query = sql.SQL(
            "select tenant_uid, state, why, coalesce(to_char(until at time zone 'utc', {at}), ''),"
            " coalesce(to_char(since at time zone 'utc', {at}), ''), source from {table} where tenant_uid = any(%s)"
        ).format(table=sql.Identifier(schema, STANDINGS), at=sql.Literal(_WHOLE_SECONDS))
        rows = await (await connection.execute(query, [uids])).fetchall()
        found |= {(schema, row[0]): StandingRow(*row[1:]) for row in rows}
    return found


async def identity(connection: Connection) -> str:
    """The server's own id and this database's: a copy on another server, or another database, is another one."""
    cursor = await connection.execute(
        "select system_identifier::text, d.oid::text, d.datname::text"
        " from pg_control_system(), pg_database d where d.datname = current_database()"
    )
    found = await cursor.fetchone()
    assert found is not None  # the database we are connected to exists
    return ".".join(found)
