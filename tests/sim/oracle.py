"""What must hold in a simulated world after every step, whoever died or lied in between, seen from outside.

The numbers are those of the invariants: 1 journal before effect, 2 nothing of ours untracked, 3 one live object per
address, 4 records name only what existed, 5 nothing foreign touched, 8 no secret in what is kept or said, 9 the store
finds nothing broken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from temoctl.model.address import Address
from temoctl.model.identity import Marker, Owner
from temoctl.systemdata.integrity import DEAD_RUN, OPEN_INTENT, SILENT_LEASE
from temoctl.systemdata.memory import MemoryStore
from temoctl.systems.n8n.fake_rows import new_workflow
from temoctl.systems.supabase.fake_sql import FakeRole, FakeSchema, FakeTable
from temoctl.systems.supabase.storage import marker_of
from tests.sim.land import WHO, Land

AFTER_A_DEATH = (DEAD_RUN, OPEN_INTENT, SILENT_LEASE)
"""Findings that a dead process leaves for the next run: expected, as long as the next run clears them."""
STRANGER = Owner("0000000000", "0000000000000000")


@dataclass(frozen=True)
class Seen:
    """One marked object. `what` tells a schema from the role that carries the same marker."""

    address: Address
    ref: str
    what: str


def place_strangers(land: Land) -> None:
    """Objects that are nobody's of ours, some of them another installation's: they must be left as they are."""
    foreign = Marker(STRANGER, "workflow", "tenant").text
    stamp = "2026-01-01T00:00:00.000Z"
    for number, name in enumerate((f"Somebody's [{foreign}]", "Own things")):
        body = {"name": name, "nodes": [], "connections": {}, "settings": {}}
        land.n8n.workflows[f"foreign{number}"] = new_workflow(f"foreign{number}", "v1", stamp, body, [])
        land.n8n.credentials[f"foreign{number}"] = {
            "id": f"foreign{number}",
            "name": name,
            "type": "openAiApi",
            "data": {"apiKey": "theirs"},
            "createdAt": stamp,
            "updatedAt": stamp,
        }
    for database in land.databases.values():
        database.roles["theirs"] = FakeRole("the till")
        database.schemas["theirs"] = FakeSchema("the till", tables={"receipts": FakeTable("", rows=[(1,)])})


def strangers(land: Land) -> str:
    """Everything foreign, as a text to compare."""
    rows: list[Any] = [
        {name: row for name, row in table.items() if name.startswith("foreign")}
        for table in (land.n8n.workflows, land.n8n.credentials)
    ]
    for database in land.databases.values():
        rows += [database.roles.get("theirs"), database.schemas.get("theirs")]
    return repr(rows)


def things(land: Land) -> Iterator[Seen]:
    """Every object of this installation, by its marker or name, wherever it is."""
    for kind, table in (("workflow", land.n8n.workflows), ("credential", land.n8n.credentials)):
        for ref, row in table.items():
            yield from _seen(land, "n8n", str(row["name"]), ref, kind)
    for database in land.databases.values():
        for name, role in database.roles.items():
            yield from _seen(land, "supabase", role.comment, name, "role")
        for name, schema in database.schemas.items():
            yield from _seen(land, "supabase", schema.comment, name, "schema")
            for table_name, table in schema.tables.items():
                yield from _seen(land, "supabase", table.comment, f"{name}.{table_name}", "table")
    for bucket in land.storage.buckets.values():
        for name in bucket.objects:
            marker = marker_of(name)
            if marker is not None:
                yield from _seen(land, "supabase", marker.text, name, "file")


def _seen(land: Land, system: str, text: str, ref: str, what: str) -> Iterator[Seen]:
    marker = Marker.search(text)
    if marker is None or marker.owner.installation != land.state.installation:
        return
    row = land.state.tenants.get(marker.owner.uid)
    tenant = row.tenant if row is not None else "unknown"
    yield Seen(Address(tenant, system, marker.kind, marker.name), ref, what)


def judge(land: Land, *, at_rest: bool = False) -> list[str]:
    """Everything that is wrong now. `at_rest` also asks what only a finished run can promise."""
    return [
        *(f"1: not in the journal: {what}" for what in land.unannounced),
        *_untracked(land),
        *_twins(land, at_rest=at_rest),
        *_never_there(land),
        *_broken(land, at_rest=at_rest),
        *_secrets(land),
    ]


def _untracked(land: Land) -> Iterator[str]:
    recorded = {address for _, address in land.state.resources}
    covered = {row.intent.address for row in land.state.intents.values() if row.ending is None}
    for one in things(land):
        if one.address not in recorded and one.address not in covered:
            yield f"2: untracked {one.what} {one.ref} of {one.address}"


def _twins(land: Land, *, at_rest: bool) -> Iterator[str]:
    open_now = {row.intent.address for row in land.state.intents.values() if row.ending is None}
    counted = Counter((one.address, one.what) for one in things(land))
    for (address, what), number in counted.items():
        if number > 1 and (at_rest or address not in open_now):
            yield f"3: {number} {what}s of {address}"


def _never_there(land: Land) -> Iterator[str]:
    for (_, address), record in land.state.resources.items():
        if address.system == "n8n" and record.ref not in land.ever:
            yield f"4: {address} is recorded as {record.ref}, which never was"


def _broken(land: Land, *, at_rest: bool) -> Iterator[str]:
    async def check() -> Any:
        store = MemoryStore(land.state, WHO, clock=land.clock, ids=land.ids)
        if at_rest:
            await store.repair(await store.check(), by="oracle")
        return await store.check()

    for finding in land.do(check()):
        if at_rest or finding.code not in AFTER_A_DEATH:
            yield f"9: {finding.code} {finding.what}"


def _secrets(land: Land) -> Iterator[str]:
    """The store's own `Secret` values are the vault; a text of one anywhere else is a leak."""
    kept = repr(
        [getattr(land.state, name) for name in ("resources", "intents", "runs", "audit", "connections", "drift")]
    )
    known = land.secrets | {one.value.reveal() for stored in land.state.secrets.values() for one in stored}
    for text in known:
        if text in kept:
            yield f"8: a secret stands in SystemData: {text[:12]}…"
