"""Putting a knowledge table in place under its readers, in one transaction.

The new rows go into a table of their own, `<table>__<version>`; only the renames at the end need the lock that
readers feel. A reader sees the old table or the new one, whole, and never an error: who waits at the rename finds the
new table under the same name. Rows are loaded frozen, so that even a reader whose snapshot is older than the load
sees them (an ordinary COPY would look empty to it).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import psycopg
from psycopg import sql

from temoctl.model.identity import Marker
from temoctl.systems.supabase.bases import shut_out
from temoctl.systems.supabase.connection import Connection
from temoctl.systems.supabase.rights import comment_of, run, set_comment
from temoctl.systems.supabase.sql import ROW, TableLoad, TableNote, foreign, is_ours, refuse_foreign

BATCH = 2000
SWAP_WAIT = "1s"
SWAP_TRIES = 15
"""A reader that sits in a transaction holds the old table. The lock is asked for briefly and given up again, because
everybody else queues behind who waits for it."""


async def load_table(connection: Connection, load: TableLoad) -> int:
    await _enter(connection, load.schema, load.marker)
    await _refuse_foreign_table(connection, load.schema, load.table, load.marker)
    fresh = f"{load.table[:49]}__{load.version[:12]}"
    await _create(connection, load, fresh)
    count = await _copy(connection, load, fresh)
    load.unchanged()
    await run(connection, "ANALYZE {schema}.{fresh}", schema=load.schema, fresh=fresh)
    await set_comment(connection, "TABLE", [load.schema, fresh], load.comment)
    await run(connection, "GRANT SELECT ON {s}.{t} TO {role}", s=load.schema, t=fresh, role=load.role)
    await _swap(connection, load, fresh)
    if connection.info.server_version >= 150000:
        # the counters of our own rows must be there before somebody else's edits are counted on top
        await connection.execute("select pg_stat_force_next_flush()")
    return count


async def _enter(connection: Connection, schema: str, marker: Marker) -> None:
    """One writer per schema at a time, and only into a schema of the same owner."""
    await connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"temo {schema}"])
    comment = await comment_of(connection, schema=schema)
    found = None if comment is None else Marker.search(comment)
    if comment is not None and (found is None or found.owner != marker.owner):
        raise foreign(f"a schema called {schema}")


async def _refuse_foreign_table(connection: Connection, schema: str, table: str, marker: Marker) -> None:
    for name, comment in await _tables(connection, schema):
        if name == table:
            refuse_foreign(f"a table called {schema}.{table}", comment, marker)


async def _tables(connection: Connection, schema: str) -> list[tuple[str, str]]:
    cursor = await connection.execute(
        "select c.relname::text, coalesce(obj_description(c.oid, 'pg_class'), '') from pg_class c"
        " join pg_namespace n on n.oid = c.relnamespace"
        " where n.nspname = %s and c.relkind in ('r', 'p', 'v', 'm', 'f') order by 1",
        [schema],
    )
    return list(await cursor.fetchall())


async def _create(connection: Connection, load: TableLoad, fresh: str) -> None:
    columns = [sql.SQL("{} integer primary key").format(sql.Identifier(ROW))]
    columns += [sql.SQL("{} {}").format(sql.Identifier(name), _type(kind)) for name, kind in load.columns]
    statement = sql.SQL("CREATE TABLE {} ({})").format(sql.Identifier(load.schema, fresh), sql.SQL(", ").join(columns))
    await connection.execute(statement)


TYPES = {
    "text": sql.SQL("text"),
    "bigint": sql.SQL("bigint"),
    "numeric": sql.SQL("numeric"),
    "boolean": sql.SQL("boolean"),
    "date": sql.SQL("date"),
    "timestamp without time zone": sql.SQL("timestamp without time zone"),
}


def _type(kind: str) -> sql.SQL:
    return TYPES[kind]


async def _copy(connection: Connection, load: TableLoad, fresh: str) -> int:
    names = sql.SQL(", ").join(sql.Identifier(name) for name in (ROW, *(name for name, _ in load.columns)))
    statement = sql.SQL("COPY {} ({}) FROM STDIN WITH (FREEZE)").format(sql.Identifier(load.schema, fresh), names)
    rows = load.rows()
    count = 0
    async with connection.cursor() as cursor, cursor.copy(statement) as copy:
        while batch := await asyncio.to_thread(_batch, rows, count):
            for row in batch:
                await copy.write_row(row)
            count += len(batch)
    return count


def _batch(rows: Iterator[Sequence[Any]], start: int) -> list[tuple[Any, ...]]:
    """Reading and converting cells is work for the processor: it must not hold up other tenants."""
    return [(number, *row) for number, row in enumerate(islice(rows, BATCH), start + 1)]


async def _swap(connection: Connection, load: TableLoad, fresh: str) -> None:
    for attempt in range(SWAP_TRIES):
        await connection.execute("SAVEPOINT swap")
        try:
            await connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(SWAP_WAIT)))
            await _rename(connection, load, fresh)
        except psycopg.errors.LockNotAvailable:
            if attempt == SWAP_TRIES - 1:
                raise
            await connection.execute("ROLLBACK TO SAVEPOINT swap")
            continue
        return


async def _rename(connection: Connection, load: TableLoad, fresh: str) -> None:
    """Take the name over, then drop what had it, and what carries our marker under another name."""
    schema, gone = load.schema, f"{load.table[:49]}__old"
    for name, comment in await _tables(connection, schema):
        if name == load.table:
            refuse_foreign(f"a table called {schema}.{name}", comment, load.marker)
            await run(connection, "ALTER TABLE {s}.{t} RENAME TO {gone}", s=schema, t=name, gone=gone)
            await run(connection, "ALTER TABLE {s}.{t} RENAME TO {name}", s=schema, t=fresh, name=load.table)
            await run(connection, "DROP TABLE {s}.{t}", s=schema, t=gone)
            return await _drop_others(connection, load)
    await run(connection, "ALTER TABLE {s}.{t} RENAME TO {name}", s=schema, t=fresh, name=load.table)
    await _drop_others(connection, load)


async def _drop_others(connection: Connection, load: TableLoad) -> None:
    for name, comment in await _tables(connection, load.schema):
        if name != load.table and is_ours(comment, load.marker):
            await run(connection, "DROP TABLE {s}.{t}", s=load.schema, t=name)


async def note_table(connection: Connection, note: TableNote) -> None:
    await _enter(connection, note.schema, note.marker)
    await _refuse_foreign_table(connection, note.schema, note.table, note.marker)
    await shut_out(connection, "TABLE", (note.schema, note.table), but=note.role)
    names = {"s": note.schema, "t": note.table, "role": note.role}
    await run(connection, "REVOKE ALL ON {s}.{t} FROM {role}", **names)
    await run(connection, "GRANT SELECT ON {s}.{t} TO {role}", **names)
    await set_comment(connection, "TABLE", [note.schema, note.table], note.comment)


async def drop_table(connection: Connection, schema: str, table: str, marker: Marker) -> None:
    await _enter(connection, schema, marker)
    await _refuse_foreign_table(connection, schema, table, marker)
    for name, comment in await _tables(connection, schema):
        if is_ours(comment, marker):
            await run(connection, "DROP TABLE {s}.{t}", s=schema, t=name)
