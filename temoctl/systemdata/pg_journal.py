"""The journal on PostgreSQL: one transaction for a whole batch, two round trips, every entry fenced on its own.

The lease rows of the batch are locked first, in order: a lease can't change hands before the batch is durable, and
batches for the same tenants follow each other.
An entry that is there already counts as written: a batch whose answer was lost may be written again.
Must not know why something is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from temoctl.engine.ports import Begin, Ending, Fence, Finish, Intent
from temoctl.systemdata import rows
from temoctl.systemdata.session import Connected, Session

FENCES = """
SELECT l.tenant_uid, l.epoch
FROM jsonb_to_recordset(%s) AS e (uid text, epoch bigint)
JOIN temoctl.leases l ON l.tenant_uid = e.uid
WHERE l.epoch = e.epoch AND l.holder <> '' AND l.expires_at > now()
ORDER BY l.tenant_uid
FOR NO KEY UPDATE OF l
"""

# Everything below joins the lease again: a stale entry writes nothing, whatever we think of it. Its row is locked, so
# the answer is the same in every statement (now() is the transaction's beginning).
INTENTS = """
INSERT INTO temoctl.intents (intent, tenant_uid, manager, epoch, address, verb, marker, props, at, ref, run, plan,
                             step, depends_on, label)
SELECT e.intent, l.tenant_uid, l.manager, e.epoch, e.address, e.verb, e.marker, e.props, e.at, e.ref, e.run, e.plan,
       e.step, e.depends_on, e.label
FROM jsonb_to_recordset(%s) AS e (intent text, uid text, epoch bigint, address text, verb text, marker text,
  props jsonb, at double precision, ref text, run text, plan text, step text, depends_on text[], label text)
JOIN temoctl.leases l ON l.tenant_uid = e.uid AND l.epoch = e.epoch AND l.holder <> '' AND l.expires_at > now()
ON CONFLICT (intent) DO NOTHING
"""

ENDINGS = """
UPDATE temoctl.intents i SET ending = e.ending, ended_at = clock_timestamp(), note = e.note
FROM jsonb_to_recordset(%s) AS e (intent text, uid text, epoch bigint, ending text, note text)
JOIN temoctl.leases l ON l.tenant_uid = e.uid AND l.epoch = e.epoch AND l.holder <> '' AND l.expires_at > now()
WHERE i.intent = e.intent AND i.tenant_uid = e.uid AND i.ending IS NULL
RETURNING i.intent
"""

KNOWN = "SELECT intent FROM temoctl.intents WHERE intent = ANY (%s)"

STEPS = """
INSERT INTO temoctl.plan_steps (tenant_uid, manager, plan, step)
SELECT l.tenant_uid, l.manager, e.plan, e.step
FROM jsonb_to_recordset(%s) AS e (uid text, epoch bigint, plan text, step text)
JOIN temoctl.leases l ON l.tenant_uid = e.uid AND l.epoch = e.epoch AND l.holder <> '' AND l.expires_at > now()
ON CONFLICT DO NOTHING
"""

RECORDS = """
INSERT INTO temoctl.resources AS r (tenant_uid, manager, address, ref, props, resolved, outputs, depends_on, instance,
                                    protect, label, detail, witness_of, intent, place)
SELECT l.tenant_uid, l.manager, e.address, e.ref, e.props, e.resolved, e.outputs, e.depends_on, e.instance,
       e.protect, e.label, e.detail, e.witness_of, e.intent, e.place
FROM jsonb_to_recordset(%s) AS e (uid text, epoch bigint, address text, ref text, props jsonb, resolved jsonb,
  outputs jsonb, depends_on text[], instance text, protect boolean, label text, detail text, witness_of text,
  intent text, place jsonb)
JOIN temoctl.leases l ON l.tenant_uid = e.uid AND l.epoch = e.epoch AND l.holder <> '' AND l.expires_at > now()
ON CONFLICT (tenant_uid, address) DO UPDATE SET ref = excluded.ref, props = excluded.props,
  resolved = excluded.resolved, outputs = excluded.outputs, depends_on = excluded.depends_on,
  instance = excluded.instance, protect = excluded.protect, label = excluded.label, detail = excluded.detail,
  witness_of = excluded.witness_of, intent = excluded.intent, place = excluded.place, changed_at = now()
WHERE (r.ref, r.props, r.resolved, r.outputs, r.depends_on, r.instance, r.protect, r.label, r.detail, r.witness_of,
       r.intent, r.place)
  IS DISTINCT FROM (excluded.ref, excluded.props, excluded.resolved, excluded.outputs, excluded.depends_on,
       excluded.instance, excluded.protect, excluded.label, excluded.detail, excluded.witness_of, excluded.intent,
       excluded.place)
RETURNING r.tenant_uid, r.address
"""

REMOVED = """
DELETE FROM temoctl.resources r
USING jsonb_to_recordset(%s) AS e (uid text, epoch bigint, address text)
JOIN temoctl.leases l ON l.tenant_uid = e.uid AND l.epoch = e.epoch AND l.holder <> '' AND l.expires_at > now()
WHERE r.tenant_uid = e.uid AND r.address = e.address
RETURNING r.tenant_uid, r.address
"""

SERIALS = """
UPDATE temoctl.tenants t SET serial = t.serial + 1,
  platform_serial = coalesce((SELECT p.serial FROM temoctl.tenants p
                              WHERE p.tenant = 'platform' AND p.status = 'living'), 0)
WHERE t.tenant_uid = ANY (%s)
"""

AUDIT = """
INSERT INTO temoctl.audit (tenant_uid, manager, by_name, tenant, action, subject, serial, detail)
SELECT t.tenant_uid, t.manager, %s, t.tenant, e.action, e.subject, t.serial, e.detail
FROM ROWS FROM (jsonb_to_recordset(%s) AS (uid text, action text, subject text, detail jsonb)) WITH ORDINALITY
  AS e (uid, action, subject, detail, n)
JOIN temoctl.tenants t ON t.tenant_uid = e.uid
ORDER BY e.n
"""


class PostgresJournal:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def write(self, entries: Sequence[Begin | Finish]) -> Sequence[bool]:
        if not entries:
            return []

        async def work(connection: Connected) -> list[bool]:
            return await self._write(connection, entries)

        return await self._session.transact(work)

    async def _write(self, connection: Connected, entries: Sequence[Begin | Finish]) -> list[bool]:
        fences = {entry.fence for entry in entries}
        begun = [_fenced(one.fence) | rows.intent_tree(one.intent) for one in entries if isinstance(one, Begin)]
        finishes = [one for one in entries if isinstance(one, Finish)]
        ending = {one.intent: one for one in reversed(finishes) if one.intent}  # the first of each
        async with connection.pipeline():
            held = await connection.execute(FENCES, [Jsonb([_fenced(one) for one in fences])])
            if begun:
                await connection.execute(INTENTS, [Jsonb(begun)])
            if ending:
                ended = await connection.execute(ENDINGS, [Jsonb([_ending(one) for one in ending.values()])])
                known = await connection.execute(KNOWN, [list(ending)])
            valid = {Fence(row["tenant_uid"], row["epoch"]) for row in await held.fetchall()}
            newly = {row["intent"] for row in await ended.fetchall()} if ending else set()
            there = {row["intent"] for row in await known.fetchall()} if ending else set()
        fresh = [
            one
            for one in finishes
            if one.fence in valid
            and (not one.intent or one.intent not in there or (one.intent in newly and ending[one.intent] is one))
        ]
        if fresh:
            await self._change_records(connection, fresh)
        return [entry.fence in valid for entry in entries]

    async def _change_records(self, connection: Connected, fresh: Sequence[Finish]) -> None:
        last = {(one.fence.uid, one.address): one for one in fresh if one.record is not None or one.remove}
        kept = [_record(one) for one in last.values() if one.record is not None]
        gone = [_fenced(one.fence) | {"address": str(one.address)} for one in last.values() if one.record is None]
        steps = [
            _fenced(one.fence) | {"plan": one.plan, "step": one.step}
            for one in fresh
            if one.ending is Ending.DONE and one.plan and one.step
        ]
        async with connection.pipeline():
            if steps:
                await connection.execute(STEPS, [Jsonb(steps)])
            if not last:
                return
            stored = await connection.execute(RECORDS, [Jsonb(kept)]) if kept else None
            removed = await connection.execute(REMOVED, [Jsonb(gone)]) if gone else None
            changed = {
                (row["tenant_uid"], row["address"])
                for cursor in (stored, removed)
                if cursor is not None
                for row in await cursor.fetchall()
            }
            if changed:
                await connection.execute(SERIALS, [sorted({uid for uid, _ in changed})])
            told = [
                _audited(one)
                for one in fresh
                if (one.record is not None or one.remove)
                and (one.intent or (one.fence.uid, str(one.address)) in changed)
            ]
            if told:
                await connection.execute(AUDIT, [self._session.principal.name, Jsonb(told)])

    async def open_intents(self, uid: str) -> Sequence[Intent]:
        found = await self._session.rows(
            "SELECT * FROM temoctl.intents WHERE tenant_uid = %s AND ending IS NULL ORDER BY at, intent", [uid]
        )
        return _readable(found)

    async def done_steps(self, uid: str, plan: str) -> frozenset[str]:
        found = await self._session.rows(
            "SELECT step FROM temoctl.plan_steps WHERE tenant_uid = %s AND plan = %s", [uid, plan]
        )
        return frozenset(str(row["step"]) for row in found)


def _readable(found: Sequence[DictRow]) -> list[Intent]:
    return [one for one in map(rows.intent, found) if one is not None]


def _fenced(fence: Fence) -> dict[str, Any]:
    return {"uid": fence.uid, "epoch": fence.epoch}


def _ending(entry: Finish) -> dict[str, Any]:
    return _fenced(entry.fence) | {"intent": entry.intent, "ending": entry.ending.value, "note": entry.note}


def _record(entry: Finish) -> Mapping[str, Any]:
    assert entry.record is not None
    return _fenced(entry.fence) | rows.record_tree(entry.record)


def _audited(entry: Finish) -> dict[str, Any]:
    return {
        "uid": entry.fence.uid,
        "action": entry.action or ("delete" if entry.remove else "record"),
        "subject": str(entry.address),
        "detail": {
            "intent": entry.intent,
            "ending": entry.ending.value,
            "plan": entry.plan,
            "note": entry.note,
            "evidence": dict(entry.evidence),
        },
    }
