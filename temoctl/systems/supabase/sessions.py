"""The conversations all tenants share, and each tenant's seat in them. Knows no SQL."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from temoctl.assets import templates
from temoctl.engine.protocol import Call, Outcome, ProbeResult, Target, Verb
from temoctl.model.errors import Conflict
from temoctl.model.identity import Marker
from temoctl.model.resource import Observed, Presence
from temoctl.model.value import Json, digest
from temoctl.systems.marked import Tenants, text
from temoctl.systems.supabase.kinds import AS_GRANTED, AS_MADE
from temoctl.systems.supabase.notes import read_note, write_note
from temoctl.systems.supabase.room import excess, in_words, not_ours
from temoctl.systems.supabase.schemas import role_faults
from temoctl.systems.supabase.sql import (
    SEAT_SETTINGS,
    SEATS_MAY,
    Catalogue,
    Login,
    Look,
    SchemaRow,
    SeatChange,
    SessionsChange,
    Sql,
    foreign,
    is_ours,
)


def sessions_template() -> tuple[str, str]:
    """The template's text and its digest (the `template` of the sessions' props)."""
    script = (templates() / "supabase" / "sessions.sql").read_bytes()
    return script.decode(), hashlib.sha256(script).hexdigest()


class SessionsRoom:
    """Kind `sessions`: one schema, run from the template, with a group role of the same name."""

    def __init__(self, sql: Sql, *, host: str = "", port: int = 0) -> None:
        self._sql, self._host, self._port = sql, host, port

    def want(self, target: Target) -> Look:
        name = text(target.props, "schema") or target.ref or ""
        return Look(schemas=frozenset({name} - {""}), roles=frozenset({name} - {""}))

    def observed(self, target: Target, seen: Catalogue) -> Observed:
        name = text(target.props, "schema") or target.ref or ""
        schema, group = seen.schemas.get(name), seen.roles.get(name)
        if schema is None and group is None:
            return Observed.absent(target.address)
        for row, what in ((schema, f"a schema called {name}"), (group, f"a database role called {name}")):
            if row is not None and not is_ours(row.comment, target.marker):
                return not_ours(target.address, what)
        comment = schema.comment if schema is not None else group.comment if group is not None else ""
        wrong = _wrong(schema, seen)
        if group is None:
            wrong.append("the group of the tenants' logins is missing")
        structure = "; ".join(wrong) or AS_MADE
        return Observed(
            target.address,
            Presence.PRESENT,
            ref=name,
            props={"schema": name, "template": read_note(comment).get("template", ""), "structure": structure},
            outputs=self._outputs(name),
            fingerprint=digest([comment, structure]),
            marker=Marker.search(comment),
        )

    def strays(self, tenants: Tenants, seen: Catalogue) -> list[Observed]:
        found: dict[str, Observed] = {}
        for name, comment in seen.named():
            stray = tenants.stray(comment, "sessions")
            if stray is not None:
                found[name] = self.observed(Target(*stray, name, {"schema": name}), seen)
        return [one for one in found.values() if one.presence is Presence.PRESENT]

    async def execute(self, call: Call) -> Outcome:
        name = text(call.props, "schema") or call.target.ref or ""
        if call.verb is Verb.DELETE:
            return await self._delete(call, name)
        script, version = sessions_template()
        if version != call.props["template"]:
            raise Conflict(
                "TEMO717",
                "the template of the conversation tables changed since the plan was made",
                fix="make the plan again",
            )
        comment = write_note(call.marker, {"template": version})
        await self._sql.put_sessions(SessionsChange(name, call.marker, comment, script), call.permit)
        return Outcome(name, self._outputs(name))

    async def _delete(self, call: Call, name: str) -> Outcome:
        marker = call.target.marker
        seen = await self._sql.look(self.want(call.target))
        rows = [row for row in (seen.schemas.get(name), seen.roles.get(name)) if row is not None]
        if not rows:
            return Outcome(name)
        if not any(is_ours(row.comment, marker) for row in rows):
            raise foreign(f"a schema called {name}")
        await self._sql.drop_sessions(name, marker, call.permit)
        return Outcome(name)

    async def probe(self, target: Target, neighbours: Sequence[Target]) -> list[ProbeResult]:
        """The tables prove themselves through the tenants' seats."""
        return []

    def _outputs(self, name: str) -> dict[str, Json]:
        return {"schema": name, **self._sql.endpoint.outputs(self._host, self._port)}


def _wrong(schema: SchemaRow | None, seen: Catalogue) -> list[str]:
    if schema is None:
        return ["the schema is missing"]
    tables = {table.name: table for table in seen.tables if table.schema == schema.name}
    wrong = [f"the table {name} is missing" for name in ("seats", *SEATS_MAY) if name not in tables]
    group = schema.name
    if f"{group}=USAGE" not in schema.grants:
        wrong.append("tenants may not enter the schema")
    wrong += [in_words(grant) for grant in excess(schema.grants, {f"{group}=USAGE"})]
    for name, rights in SEATS_MAY.items():
        table = tables.get(name)
        if table is None:
            continue
        allowed = {f"{group}={right}" for right in rights}
        if not table.guarded:
            wrong.append(f"row-level security of {name} is off")
        if not allowed <= table.grants:
            wrong.append(f"tenants may not use {name}")
        wrong += [f"{in_words(grant)} {name}" for grant in excess(table.grants, allowed)]
    if "seats" in tables:
        wrong += [f"{in_words(grant)} seats" for grant in excess(tables["seats"].grants, ())]
    return wrong


class SeatRoom:
    """Kind `seat`: a tenant's login, which sees and writes the tenant's rows and no others."""

    def __init__(self, sql: Sql, *, host: str = "", port: int = 0) -> None:
        self._sql, self._host, self._port = sql, host, port

    def want(self, target: Target) -> Look:
        sessions, role = text(target.props, "sessions"), text(target.props, "role") or target.ref or ""
        schemas = frozenset({sessions} - {""})
        return Look(schemas=schemas, roles=frozenset({role} - {""}), seats=schemas)

    def observed(self, target: Target, seen: Catalogue) -> Observed:
        sessions, name = text(target.props, "sessions"), text(target.props, "role") or target.ref or ""
        uid = text(target.props, "tenant_uid")
        seats = seen.seats.get(sessions, {})
        role = seen.roles.get(name)
        if role is None and name not in seats:
            return Observed.absent(target.address)
        if role is not None and not is_ours(role.comment, target.marker):
            return not_ours(target.address, f"a database role called {name}")
        wrong = ["the login is missing"] if role is None else role_faults(role, dict(SEAT_SETTINGS), [sessions])
        if seats.get(name) is None:
            wrong.append("it has no seat in the conversations")
        elif seats[name] != uid:
            wrong.append("its seat speaks for another tenant")
        access = "; ".join(wrong) or AS_GRANTED
        comment = role.comment if role is not None else target.marker.text
        return Observed(
            target.address,
            Presence.PRESENT,
            ref=name,
            props={"sessions": sessions, "role": name, "tenant_uid": uid, "access": access},
            outputs=self._outputs(sessions, name),
            fingerprint=digest([comment, access]),
            marker=Marker.search(comment),
        )

    def strays(self, tenants: Tenants, seen: Catalogue) -> list[Observed]:
        found = []
        for role in sorted(seen.roles.values(), key=lambda one: one.name):
            stray = tenants.stray(role.comment, "seat")
            if stray is not None:
                sessions = next((group for group in role.member_of if group.startswith("temo_")), "")
                props = {"sessions": sessions, "role": role.name, "tenant_uid": stray[1].owner.uid}
                found.append(self.observed(Target(*stray, role.name, props), seen))
        return [one for one in found if one.presence is Presence.PRESENT]

    async def execute(self, call: Call) -> Outcome:
        role = text(call.props, "role") or text(call.target.props, "role") or call.target.ref or ""
        sessions = text(call.props, "sessions") or text(call.target.props, "sessions")
        uid = text(call.props, "tenant_uid") or call.target.marker.owner.uid
        if call.verb is Verb.DELETE:
            return await self._delete(call, sessions, role, uid)
        change = SeatChange(sessions, role, call.props["password"], uid, call.marker)
        await self._sql.put_seat(change, call.permit)
        return Outcome(role, self._outputs(sessions, role))

    async def _delete(self, call: Call, sessions: str, role: str, uid: str) -> Outcome:
        marker = call.target.marker
        schemas = frozenset({sessions} - {""})
        seen = await self._sql.look(Look(schemas, frozenset({role}), seats=schemas))
        row = seen.roles.get(role)
        if row is not None and not is_ours(row.comment, marker):
            raise foreign(f"a database role called {role}")
        if row is not None or role in seen.seats.get(sessions, {}):
            await self._sql.drop_seat(sessions, role, uid, marker, call.permit)
        return Outcome(role)

    async def probe(self, target: Target, neighbours: Sequence[Target]) -> list[ProbeResult]:
        role, sessions = text(target.props, "role"), text(target.props, "sessions")
        login = Login(role, target.secrets["password"])
        report = await self._sql.try_seat(login, sessions, text(target.props, "tenant_uid"))
        reaches = "reaches its own conversations"
        fix = "run `temoctl apply` for this tenant; behind a pooler, check that it lets new roles in"
        why = f"its login fails: {report.failed}" if report.failed else report.unreadable
        if why:
            return [ProbeResult(target.address, reaches, False, why, fix)]
        seen = f"it saw {report.strangers} rows of others" if report.strangers else ""
        wrong = "; ".join(part for part in (seen, "it could write as another tenant" if report.forges else "") if part)
        return [
            ProbeResult(target.address, reaches, True, f"{report.rows:,} conversations"),
            ProbeResult(
                target.address,
                "sees and writes no other tenant's",
                not wrong,
                wrong,
                "run `temoctl apply platform`: it puts row-level security right",
            ),
        ]

    def _outputs(self, sessions: str, role: str) -> dict[str, Json]:
        place = self._sql.endpoint
        return {"schema": sessions, "role": role, "user": role + place.suffix, **place.outputs(self._host, self._port)}
