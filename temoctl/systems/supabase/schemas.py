"""The knowledge base of a tenant: one schema and one role that can read it and nothing else. Knows no SQL."""

from __future__ import annotations

from collections.abc import Sequence

from temoctl.engine.protocol import Call, Outcome, ProbeResult, Target, Verb
from temoctl.model.identity import Marker
from temoctl.model.resource import Observed, Presence
from temoctl.model.value import Json, digest
from temoctl.systems.marked import Tenants, text
from temoctl.systems.supabase.kinds import AS_GRANTED
from temoctl.systems.supabase.room import excess, in_words, moved, not_ours
from temoctl.systems.supabase.sql import (
    READER_SETTINGS,
    BaseChange,
    Catalogue,
    Login,
    Look,
    RoleRow,
    SchemaRow,
    Sql,
    foreign,
    is_ours,
)

NEIGHBOURS_TRIED = 3
"""A probe is refused at this many neighbours: enough to prove the rule, cheap with a thousand tenants."""


class SchemaRoom:
    """Kind `schema`. `host` and `port` are n8n's way to the database, where it differs."""

    def __init__(self, sql: Sql, *, host: str = "", port: int = 0) -> None:
        self._sql, self._host, self._port = sql, host, port

    def want(self, target: Target) -> Look:
        schema, role = text(target.props, "schema") or target.ref or "", text(target.props, "role")
        return Look(schemas=frozenset({schema} - {""}), roles=frozenset({role} - {""}))

    def observed(self, target: Target, seen: Catalogue) -> Observed:
        name, role_name = text(target.props, "schema") or target.ref or "", text(target.props, "role")
        schema, role = seen.schemas.get(name), seen.roles.get(role_name)
        if schema is None and role is None:
            elsewhere = [one.name for one in seen.schemas.values() if is_ours(one.comment, target.marker)]
            if elsewhere:
                return moved(target.address, f"the schema {name}", elsewhere[0])
            return Observed.absent(target.address)
        for row, what in ((schema, f"a schema called {name}"), (role, f"a database role called {role_name}")):
            if row is not None and not is_ours(row.comment, target.marker):
                return not_ours(target.address, what)
        strangers = _strangers(name, target.marker, seen)
        access = "; ".join(_wrong(schema, role, name)) or AS_GRANTED
        comment = schema.comment if schema is not None else role.comment if role is not None else ""
        return Observed(
            target.address,
            Presence.PRESENT,
            ref=name,
            props={"schema": name, "role": role_name, "access": access},
            outputs=self._outputs(name, role_name),
            fingerprint=digest([comment, role.comment if role else "", access, strangers]),
            marker=Marker.search(comment),
            note=f"holds tables that temoctl didn't make: {', '.join(strangers)}" if strangers else "",
        )

    def strays(self, tenants: Tenants, seen: Catalogue) -> list[Observed]:
        found: dict[str, Observed] = {}
        for name, comment in seen.named():
            stray = tenants.stray(comment, "schema")
            if stray is not None:
                address, marker = stray
                alone = Target(address, marker, name, {"schema": name, "role": name})
                found[str(address)] = self.observed(alone, seen)
        return [one for one in found.values() if one.presence is Presence.PRESENT]

    async def execute(self, call: Call) -> Outcome:
        marker = call.target.marker
        if call.verb is Verb.DELETE:
            return await self._delete(call)
        schema, role = call.props["schema"], call.props["role"]
        change = BaseChange(schema, role, call.props["password"], call.marker)
        await self._sql.put_base(change, call.permit)
        assert marker.same_object(call.marker)  # the engine builds both from one address
        return Outcome(schema, self._outputs(schema, role))

    async def _delete(self, call: Call) -> Outcome:
        """Both halves, by name or by marker; nothing is sent when neither is there."""
        marker = call.target.marker
        wanted = self.want(call.target)
        seen = await self._sql.look(Look(wanted.schemas, wanted.roles, frozenset({marker.owner})))
        schemas = [one for one in seen.schemas.values() if is_ours(one.comment, marker)]
        roles = [one for one in seen.roles.values() if is_ours(one.comment, marker)]
        if not schemas and not roles:
            for name, _ in seen.named():
                if name in wanted.schemas | wanted.roles:
                    raise foreign(f"a schema or role called {name}")
            return Outcome(call.target.ref or "")
        name = schemas[0].name if schemas else roles[0].name
        await self._sql.drop_base(name, roles[0].name if roles else name, marker, call.permit)
        return Outcome(name)

    async def probe(self, target: Target, neighbours: Sequence[Target]) -> list[ProbeResult]:
        schema, role = text(target.props, "schema"), text(target.props, "role")
        others = nearest(schema, [text(one.props, "schema") for one in neighbours])
        report = await self._sql.try_reader(Login(role, target.secrets["password"]), schema, others)
        reads = "reads its own knowledge base"
        fix = "run `temoctl apply` for this tenant; behind a pooler, check that it lets new roles in"
        if report.failed:
            return [ProbeResult(target.address, reads, False, f"its login fails: {report.failed}", fix)]
        results = [
            ProbeResult(target.address, reads, False, f"it may not read {', '.join(report.unreadable)}", fix)
            if report.unreadable
            else ProbeResult(target.address, reads, True, f"{sum(report.rows.values()):,} rows")
        ]
        if others:
            why = f"it could enter {', '.join(report.entered)}" if report.entered else f"{len(others)} tried"
            results.append(
                ProbeResult(target.address, "is refused at its neighbours'", not report.entered, why, "end that right")
            )
        why = "its role could change rows" if report.writes else ""
        results.append(ProbeResult(target.address, "can change nothing in it", not report.writes, why, fix))
        return results

    def _outputs(self, schema: str, role: str) -> dict[str, Json]:
        place = self._sql.endpoint
        return {"schema": schema, "role": role, "user": role + place.suffix, **place.outputs(self._host, self._port)}


def nearest(own: str, others: Sequence[str]) -> list[str]:
    """The few that follow in alphabetical order, round the end: everybody is tried by somebody."""
    names = sorted({name for name in others if name and name != own})
    after = [name for name in names if name > own] + [name for name in names if name < own]
    return after[:NEIGHBOURS_TRIED]


def _wrong(schema: SchemaRow | None, role: RoleRow | None, name: str) -> list[str]:
    wrong = []
    if schema is None:
        wrong.append("the schema is missing")
    if role is None:
        wrong.append("the login is missing")
        return wrong
    settings = {**READER_SETTINGS, "search_path": name}
    wrong += role_faults(role, settings, groups=())
    if schema is not None:
        allowed = {f"{role.name}=USAGE"}
        if not allowed <= schema.grants:
            wrong.append("the login may not enter the schema")
        wrong += [in_words(grant) for grant in excess(schema.grants, allowed)]
    return wrong


def role_faults(role: RoleRow, settings: dict[str, str], groups: Sequence[str]) -> list[str]:
    """What was changed about a tenant's login."""
    wrong = []
    if not role.can_login:
        wrong.append("the login is switched off")
    wrong += [f"the login has {power}" for power in role.powers]
    wrong += [f"the login belongs to {group}" for group in role.member_of if group not in groups]
    wrong += [f"the login doesn't belong to {group}" for group in groups if group not in role.member_of]
    missing = [name for name, value in settings.items() if f"{name}={value}" not in role.settings]
    if missing:
        wrong.append(f"settings of the login were changed: {', '.join(sorted(missing))}")
    return wrong


def _strangers(schema: str, marker: Marker, seen: Catalogue) -> list[str]:
    """Tables inside the schema that carry no marker of this owner."""
    found = []
    for table in seen.tables:
        if table.schema == schema:
            mark = Marker.search(table.comment)
            if mark is None or mark.owner != marker.owner:
                found.append(table.name)
    return sorted(found)
