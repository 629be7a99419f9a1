"""Who may log in and what they may do: roles, grants, and closing a database to everybody else.

Statements of the bases and seats share what stands here. All of it works for a superuser and for a login that may
only create roles (Supabase's `postgres`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from psycopg import sql
from psycopg.pq import TransactionStatus

from temoctl.model.identity import Marker
from temoctl.model.secret import Secret
from temoctl.systems.supabase.connection import Connection
from temoctl.systems.supabase.sql import refuse_foreign

_ACL_LOCK = 0x7E40_0001
"""Advisory lock for the database's own grants: PostgreSQL fails two who change them at once."""


async def run(connection: Connection, statement: str, **names: str) -> None:
    """One statement with identifiers put in: `{schema}` becomes a quoted name."""
    assert connection.info.transaction_status is TransactionStatus.INTRANS  # everything here is part of one change
    await connection.execute(sql.SQL(statement).format(**{key: sql.Identifier(text) for key, text in names.items()}))


async def comment_of(connection: Connection, role: str = "", schema: str = "") -> str | None:
    """The comment of a role or schema, "" where it has none, None where there is no such thing."""
    query = (
        "select coalesce(shobj_description(oid, 'pg_authid'), '') from pg_roles where rolname = %s"
        if role
        else "select coalesce(obj_description(oid, 'pg_namespace'), '') from pg_namespace where nspname = %s"
    )
    cursor = await connection.execute(query, [role or schema])
    found = await cursor.fetchone()
    return None if found is None else str(found[0])


async def put_role(
    connection: Connection, role: str, password: Secret, marker: Marker, settings: Mapping[str, str]
) -> None:
    """Make a login role, or give it back what it must have. Keeps the marker of a role that is there."""
    comment = await comment_of(connection, role=role)
    refuse_foreign(f"a database role called {role}", comment, marker)
    verifier = connection.pgconn.encrypt_password(password.reveal().encode(), role.encode(), b"scram-sha-256").decode()
    verb = "CREATE" if comment is None else "ALTER"
    login = sql.SQL("{verb} ROLE {role} LOGIN PASSWORD {verifier} VALID UNTIL 'infinity'").format(
        verb=sql.SQL(verb), role=sql.Identifier(role), verifier=sql.Literal(verifier)
    )
    await connection.execute(login)
    if comment is None:
        await set_comment(connection, "ROLE", [role], marker.text)
    else:
        await _strip(connection, role)
    for name, value in settings.items():
        await connection.execute(
            sql.SQL("ALTER ROLE {} SET {} TO {}").format(sql.Identifier(role), sql.Identifier(name), sql.Literal(value))
        )


async def _strip(connection: Connection, role: str) -> None:
    """Take away attributes no tenant's role should have. Asked only where there are some: most need a superuser."""
    cursor = await connection.execute(
        "select array_remove(array[case when rolsuper then 'NOSUPERUSER' end,"
        " case when rolcreaterole then 'NOCREATEROLE' end, case when rolcreatedb then 'NOCREATEDB' end,"
        " case when rolreplication then 'NOREPLICATION' end, case when rolbypassrls then 'NOBYPASSRLS' end], null)"
        " from pg_roles where rolname = %s",
        [role],
    )
    found = await cursor.fetchone()
    for power in found[0] if found else ():
        await connection.execute(sql.SQL("ALTER ROLE {} ").format(sql.Identifier(role)) + sql.SQL(power))


async def leave_groups(connection: Connection, role: str, but: Iterable[str] = ()) -> None:
    """End memberships nobody should have given the role."""
    cursor = await connection.execute(
        "select g.rolname::text from pg_auth_members m join pg_roles g on g.oid = m.roleid"
        " join pg_roles r on r.oid = m.member where r.rolname = %s",
        [role],
    )
    for (group,) in await cursor.fetchall():
        if group not in but:
            await run(connection, "REVOKE {group} FROM {role}", group=group, role=role)


async def set_comment(connection: Connection, what: str, name: Iterable[str], text: str) -> None:
    statement = sql.SQL("COMMENT ON {} {} IS {}")
    await connection.execute(statement.format(sql.SQL(what), sql.Identifier(*name), sql.Literal(text)))


async def let_in(connection: Connection, role: str) -> None:
    """Close the database to PUBLIC and let this role in.

    Logins that could connect until now keep that right by name, so that nobody else's program (Supabase's own
    services among them) is locked out; temoctl's roles of other databases are not among them.
    """
    await lock_grants(connection)
    cursor = await connection.execute(
        "select d.datname::text, pg_has_role(d.datdba, 'USAGE') and exists ("
        "  select from aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a"
        "  where a.grantee = 0 and a.privilege_type in ('CONNECT', 'TEMPORARY'))"
        " from pg_database d where d.datname = current_database()"
    )
    found = await cursor.fetchone()
    assert found is not None  # the database we are connected to exists
    database, open_to_all = found
    if open_to_all:
        cursor = await connection.execute(
            "select rolname::text from pg_roles r where rolcanlogin and not rolsuper"
            " and coalesce(shobj_description(r.oid, 'pg_authid'), '') not like 'temo:%'"
        )
        for (name,) in await cursor.fetchall():
            await run(connection, "GRANT CONNECT, TEMPORARY ON DATABASE {db} TO {name}", db=database, name=name)
        await run(connection, "REVOKE ALL ON DATABASE {db} FROM PUBLIC", db=database)
    await run(connection, "GRANT CONNECT ON DATABASE {db} TO {role}", db=database, role=role)


async def lock_grants(connection: Connection) -> None:
    await connection.execute("select pg_advisory_xact_lock(%s)", [_ACL_LOCK])


async def drop_role(connection: Connection, role: str) -> None:
    """Remove a role that is there, with everything it was granted."""
    await end_sessions(connection, role)
    await lock_grants(connection)
    await run(connection, "DROP OWNED BY {role}", role=role)
    await run(connection, "DROP ROLE {role}", role=role)


async def end_sessions(connection: Connection, role: str) -> None:
    """Throw the role's sessions out: one that sits in a transaction would keep its tables locked.

    Only a member may do that, and drop what the role owns, so a login that isn't a superuser joins it first.
    """
    cursor = await connection.execute("select rolsuper from pg_roles where rolname = current_user")
    found = await cursor.fetchone()
    if not (found and found[0]):
        await run(connection, "GRANT {role} TO CURRENT_USER", role=role)
    await connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where usename = %s and pid <> pg_backend_pid()", [role]
    )
