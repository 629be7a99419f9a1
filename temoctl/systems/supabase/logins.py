"""Trying a tenant's own login: what it can reach and what it is refused. Changes nothing: all is rolled back.

Each try runs in a transaction of its own. A refusal is what PostgreSQL says (42501), not what we expect of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

from temoctl.systems.supabase.connection import Connection, Database
from temoctl.systems.supabase.sql import Login, ReaderReport, SeatReport

_REFUSED = psycopg.errors.InsufficientPrivilege
_NO_SUCH = (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName)


async def try_reader(database: Database, login: Login, schema: str, neighbours: Sequence[str]) -> ReaderReport:
    try:
        connection = await database.connect(user=login.role, password=login.password)
    except psycopg.Error as error:
        return ReaderReport(failed=_why(error))
    try:
        return await _reader(connection, schema, neighbours)
    except psycopg.Error as error:
        return ReaderReport(failed=_why(error))
    finally:
        await connection.close()


async def _reader(connection: Connection, schema: str, neighbours: Sequence[str]) -> ReaderReport:
    cursor = await connection.execute(
        "select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where n.nspname = %s and c.relkind = 'r' and obj_description(c.oid, 'pg_class') like 'temo:%%' order by 1",
        [schema],
    )
    rows: dict[str, int] = {}
    unreadable = []
    for (table,) in await cursor.fetchall():
        try:
            rows[table] = await _count(connection, schema, table)
        except _REFUSED:
            unreadable.append(table)
    entered = [other for other in neighbours if await _enters(connection, other)]
    return ReaderReport("", tuple(unreadable), rows, tuple(entered), await _writes(connection, schema, sorted(rows)))


async def _count(connection: Connection, schema: str, table: str) -> int:
    cursor = await connection.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(schema, table)))
    found = await cursor.fetchone()
    return int(found[0]) if found else 0


async def _enters(connection: Connection, schema: str) -> bool:
    """Whether a neighbour's schema lets us look at a table; asked by reading one, not by asking for the right."""
    try:
        await connection.execute(sql.SQL("select from {}").format(sql.Identifier(schema, "temoctl_probe")))
    except _REFUSED:
        return False
    except _NO_SUCH:
        # "no such table" is said only to who may look into the schema; a schema that isn't there says it to all
        cursor = await connection.execute("select from pg_namespace where nspname = %s", [schema])
        return await cursor.fetchone() is not None
    return True


async def _writes(connection: Connection, schema: str, tables: Sequence[str]) -> bool:
    attempts: list[sql.Composed] = [
        sql.SQL("create table {} ()").format(sql.Identifier(schema, "temoctl_probe")),
        *(sql.SQL("delete from {} where false").format(sql.Identifier(schema, table)) for table in tables[:1]),
    ]
    done = [await _allowed(connection, attempt) for attempt in attempts]
    return any(done)


async def _allowed(connection: Connection, statement: sql.Composed, values: Sequence[Any] | None = None) -> bool:
    """Whether the server would do it; rolled back either way. "Read-only by default" is no protection, so it is off."""
    await connection.execute("BEGIN READ WRITE")
    try:
        await connection.execute(statement, values)
    except (_REFUSED, psycopg.errors.ReadOnlySqlTransaction):
        return False
    finally:
        await connection.execute("ROLLBACK")
    return True


async def try_seat(database: Database, login: Login, sessions: str, tenant_uid: str) -> SeatReport:
    try:
        connection = await database.connect(user=login.role, password=login.password)
    except psycopg.Error as error:
        return SeatReport(failed=_why(error))
    try:
        table = sql.Identifier(sessions, "wa_sessions")
        query = sql.SQL("select count(*), count(*) filter (where tenant_uid <> %s) from {}").format(table)
        cursor = await connection.execute(query, [tenant_uid])
        found = await cursor.fetchone() or (0, 0)
        forged = sql.SQL("insert into {} (tenant_uid, channel, chat_id) values (%s, %s, %s)").format(table)
        forges = await _allowed(connection, forged, ["somebody else", "probe", "probe"])
        return SeatReport("", "", int(found[0]), int(found[1]), forges)
    except psycopg.Error as error:
        return SeatReport(unreadable=_why(error))
    finally:
        await connection.close()


def _why(error: psycopg.Error) -> str:
    text = error.diag.message_primary or str(error) or type(error).__name__
    return text.strip().splitlines()[0][:200]
