"""Knowledge tables: one per product or service base, versioned by the digest of its file. Knows no SQL.

A changed file is loaded beside the old table and swapped in; an unchanged one costs nothing. What was done to a
table by hand shows in three cheap ways: its columns and rights, its comment, and the server's own counters of rows
changed since the load (they are lost when the server crashes, and then say nothing rather than something wrong).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from temoctl.engine.protocol import Call, Outcome, ProbeResult, Target, Verb
from temoctl.model.errors import Conflict, Refused
from temoctl.model.identity import Marker
from temoctl.model.resource import Observed, Presence
from temoctl.model.value import Json, Props, digest
from temoctl.sheets import Column, ReadOptions, Table, file_digest, open_table
from temoctl.systems.marked import Tenants, text
from temoctl.systems.supabase.kinds import AS_LOADED
from temoctl.systems.supabase.notes import read_note, write_note
from temoctl.systems.supabase.room import excess, in_words, not_ours
from temoctl.systems.supabase.sql import (
    ROW,
    Catalogue,
    Look,
    Sql,
    TableLoad,
    TableNote,
    TableRow,
    foreign,
    is_ours,
)

SQL_TYPES = {
    "text": "text",
    "integer": "bigint",
    "decimal": "numeric",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp without time zone",
}
NEEDS_ROWS = frozenset({"digest", "options", "structure"})
"""Changes of these fields load the file again; others only change what is said of the table."""


class TableRoom:
    """Kind `table`."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    def want(self, target: Target) -> Look:
        schema = _place(target)[0]
        return Look(schemas=frozenset({schema} - {""}))

    def observed(self, target: Target, seen: Catalogue) -> Observed:
        schema, name = _place(target)
        inside = [one for one in seen.tables if one.schema == schema or not schema]
        row = next((one for one in inside if one.name == name and is_ours(one.comment, target.marker)), None)
        if row is None:
            if any(one.name == name for one in inside if schema):
                return not_ours(target.address, f"a table called {schema}.{name}")
            row = next((one for one in inside if is_ours(one.comment, target.marker)), None)
        return Observed.absent(target.address) if row is None else _observed(target, row, name or row.name)

    def strays(self, tenants: Tenants, seen: Catalogue) -> list[Observed]:
        found = []
        for row in sorted(seen.tables, key=lambda one: (one.schema, one.name)):
            stray = tenants.stray(row.comment, "table")
            if stray is not None:
                target = Target(*stray, f"{row.schema}.{row.name}", {"schema": row.schema, "table": row.name})
                found.append(_observed(target, row, row.name))
        return found

    async def execute(self, call: Call) -> Outcome:
        schema, name = _place(call.target)
        if call.verb is Verb.DELETE:
            return await self._delete(call, schema, name)
        if call.verb is Verb.CREATE or _needs_rows(call):
            return await self._load(call)
        seen = await self._sql.look(self.want(call.target))
        row = next((one for one in seen.tables if one.schema == schema and one.name == name), None)
        if row is None:
            fix = "make the plan again"
            raise Conflict("TEMO717", f"the table {name} is gone since the plan was made", fix=fix)
        note = {**read_note(row.comment), **_said(call.props)}
        marker = Marker.search(row.comment) or call.marker
        comment = write_note(marker, note)
        await self._sql.note_table(TableNote(schema, call.props["role"], name, call.marker, comment), call.permit)
        return Outcome(f"{schema}.{name}", _outputs(schema, name, note))

    async def _load(self, call: Call) -> Outcome:
        schema, name = call.props["schema"], call.props["table"]
        source = await asyncio.to_thread(_Source.open, call)
        note = {
            "digest": source.digest,
            "rows": source.count,
            "columns": [[one.name, one.title, one.type.value] for one in source.columns],
            **_said(call.props),
        }
        load = TableLoad(
            schema,
            call.props["role"],
            name,
            call.marker,
            write_note(call.marker, note),
            source.digest or "0" * 12,
            tuple((one.name, SQL_TYPES[one.type.value]) for one in source.columns),
            source.rows,
            source.unchanged,
        )
        await self._sql.load_table(load, call.permit)
        return Outcome(f"{schema}.{name}", _outputs(schema, name, note))

    async def _delete(self, call: Call, schema: str, name: str) -> Outcome:
        marker = call.target.marker
        seen = await self._sql.look(Look(self.want(call.target).schemas, owners=frozenset({marker.owner})))
        inside = [one for one in seen.tables if one.schema == schema or not schema]
        ours = [one for one in inside if is_ours(one.comment, marker)]
        if ours:
            await self._sql.drop_table(ours[0].schema, ours[0].name, marker, call.permit)
        elif any(one.name == name and one.schema == schema for one in inside):
            raise foreign(f"a table called {schema}.{name}")
        return Outcome(f"{schema}.{name}")

    async def probe(self, target: Target, neighbours: Sequence[Target]) -> list[ProbeResult]:
        """The schema's probe reads every table with the tenant's own login."""
        return []


class _Source:
    """Where a table's rows come from: a file in the version that was planned, or nothing yet (an upload to come)."""

    def __init__(self, path: Path | None, digest: str, table: Table | None) -> None:
        self._path, self.digest, self._table = path, digest, table
        self.columns: tuple[Column, ...] = table.columns if table else ()
        self.count = table.count if table else 0

    @classmethod
    def open(cls, call: Call) -> _Source:
        """Look through the file. Raises Conflict when it isn't the planned version, Problems when it is broken."""
        file, wanted = text(call.props, "file"), text(call.props, "digest")
        if not file:
            if wanted:
                fix = "name the file in the spec, or make the plan again"
                raise Refused("TEMO717", "the rows to load are not in this project", fix=fix)
            return cls(None, "", None)
        path = Path(call.root) / file
        found = _digest(path, file)
        if wanted and found != wanted:
            raise _changed(file)
        return cls(path, found, open_table(path, ReadOptions.from_tree(call.props.get("options")), shown=file))

    def rows(self) -> Iterator[tuple[Any, ...]]:
        return self._table.rows() if self._table else iter(())

    def unchanged(self) -> None:
        if self._path is not None and _digest(self._path, self._path.name) != self.digest:
            raise _changed(self._path.name)


def _digest(path: Path, shown: str) -> str:
    try:
        return file_digest(path)
    except OSError:
        raise Conflict(
            "TEMO717", f"the file {shown} can't be read", fix="put it back, or make the plan again"
        ) from None


def _changed(file: str) -> Conflict:
    return Conflict(
        "TEMO717", f"the file {file} changed since the plan was made", fix="make the plan again and look at it"
    )


def _place(target: Target) -> tuple[str, str]:
    """Schema and table: from the props, or from the recorded ref where the schema isn't known."""
    schema, table = text(target.props, "schema"), text(target.props, "table")
    if (not schema or not table) and target.ref and "." in target.ref:
        recorded = target.ref.split(".", 1)
        schema, table = schema or recorded[0], table or recorded[1]
    return schema, table


def _said(props: Props) -> dict[str, Json]:
    return {"title": props.get("title", ""), "group": props.get("group", ""), "options": props.get("options") or {}}


def _needs_rows(call: Call) -> bool:
    """Whether an update must load the file. Where the truth is an upload, the rows that are there stay."""
    if not call.props.get("digest"):
        return False
    fields = {change.path.split(".")[0].split("[")[0] for change in call.changes}
    return call.repair or not fields or bool(fields & NEEDS_ROWS)


def _outputs(schema: str, table: str, note: Mapping[str, Any]) -> dict[str, Json]:
    columns = [{"name": name, "title": title, "type": kind} for name, title, kind in note.get("columns") or ()]
    return {"schema": schema, "table": table, "columns": columns, "rows": note.get("rows", 0)}


def _observed(target: Target, row: TableRow, name: str) -> Observed:
    note = _sound(read_note(row.comment))
    uploads = bool(target.props) and "digest" not in target.props
    wrong = _wrong(target, row, name, note, uploads=uploads)
    structure = "; ".join(wrong) or AS_LOADED
    props: dict[str, Json] = {
        "schema": row.schema,
        "role": text(target.props, "role"),
        "table": name,
        "title": note.get("title", ""),
        "group": note.get("group", ""),
        "options": note.get("options", {}),
        "structure": structure,
    }
    if not uploads:
        props["digest"] = note.get("digest", "")
    return Observed(
        target.address,
        Presence.PRESENT,
        ref=f"{row.schema}.{row.name}",
        props=props,
        outputs=_outputs(row.schema, name, note),
        fingerprint=digest([row.comment, row.columns, sorted(row.grants), structure]),
        marker=Marker.search(row.comment),
        note=structure if wrong else "",
    )


def _sound(note: dict[str, Any]) -> dict[str, Any]:
    """A note as we write it; anything else was edited by hand and counts as none."""
    columns = note.get("columns")
    whole = isinstance(columns, list) and all(isinstance(one, list) and len(one) == 3 for one in columns)
    return note if whole and isinstance(note.get("rows"), int) else {}


def _wrong(target: Target, row: TableRow, name: str, note: Mapping[str, Any], *, uploads: bool) -> list[str]:
    wrong = []
    if row.name != name:
        wrong.append(f"it was renamed to {row.name}")
    if not note:
        wrong.append("its description was changed")
    else:
        wrong += _wrong_columns(row, note)
        wrong += [] if uploads else _edits(row, note["rows"])
    role = text(target.props, "role")
    if role and f"{role}=SELECT" not in row.grants:
        wrong.append("the tenant's login may not read it")
    return wrong + [in_words(grant) for grant in excess(row.grants, {f"{role}=SELECT"})] if role else wrong


def _wrong_columns(row: TableRow, note: Mapping[str, Any]) -> list[str]:
    wanted = {ROW: "integer", **{name: SQL_TYPES.get(kind, kind) for name, _, kind in note["columns"]}}
    found = dict(row.columns)
    wrong = [f"the column {name} is missing" for name in wanted if name not in found]
    wrong += [f"the column {name} was added" for name in found if name not in wanted]
    return wrong + [
        f"the column {name} is {found[name]} instead of {kind}"
        for name, kind in wanted.items()
        if name in found and found[name] != kind
    ]


def _edits(row: TableRow, rows: int) -> list[str]:
    """What the counters prove. Fewer insertions than rows mean that the counters were lost, which proves nothing."""
    if row.hollow and rows:
        return ["its rows are gone"]
    added = max(0, row.inserted - rows)
    if not (added or row.updated or row.deleted):
        return []
    return [f"rows were edited by hand ({row.updated} changed, {added} added, {row.deleted} removed)"]
