"""Kind `standing`: one row that says whether a tenant is served. Knows no SQL, and not what a subscription is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from temoctl.engine.protocol import Call, Outcome, ProbeResult, Target, Verb
from temoctl.model.address import Address
from temoctl.model.identity import Marker
from temoctl.model.resource import Observed, Presence
from temoctl.model.value import digest
from temoctl.systems.marked import Tenants, text
from temoctl.systems.supabase.kinds import SYSTEM
from temoctl.systems.supabase.room import not_ours
from temoctl.systems.supabase.sql import Catalogue, Look, Sql, StandingChange, StandingRow, foreign

NAME = "service"
"""A tenant has one standing: the name of its resource."""


class StandingRoom:
    """Rows can't carry a marker: the tenant's uid, which is nobody else's, says whose one is."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    def want(self, target: Target) -> Look:
        sessions, uid = _place(target)
        return Look(standings=frozenset({(sessions, uid)} if sessions else ()))

    def observed(self, target: Target, seen: Catalogue) -> Observed:
        sessions, uid = _place(target)
        if uid != target.marker.owner.uid:
            return not_ours(target.address, f"the standing of {uid}")
        if not sessions:  # they may be there all the same: then the row names them
            sessions = next((schema for schema, theirs in sorted(seen.standings) if theirs == uid), "")
        row = seen.standings.get((sessions, uid))
        if row is None or target.marker.name != NAME:
            return Observed.absent(target.address)
        props = {"state": row.state, "why": row.why, "until": row.until, "since": row.since}
        return Observed(
            target.address,
            Presence.PRESENT,
            ref=f"{sessions}.{uid}",
            props={"sessions": sessions, "tenant_uid": uid, **props},
            outputs={"tenant_uid": uid},
            fingerprint=digest(asdict(row)),
            marker=Marker(target.marker.owner, target.marker.kind, NAME),
        )

    def strays(self, tenants: Tenants, seen: Catalogue) -> list[Observed]:
        found = []
        owners = {owner.uid: (owner, tenant) for owner, tenant in tenants.names.items()}
        for sessions, uid in sorted(seen.standings):
            owner, tenant = owners.get(uid, (None, ""))
            if owner is not None and (owner, f"standing.{NAME}") not in tenants.wanted:
                marker = Marker(owner, "standing", NAME)
                props = {"sessions": sessions, "tenant_uid": uid}
                target = Target(Address(tenant, SYSTEM, "standing", NAME), marker, f"{sessions}.{uid}", props)
                found.append(self.observed(target, seen))
        return found

    async def execute(self, call: Call) -> Outcome:
        sessions, uid = _place(call.target, call.props)
        if uid != call.target.marker.owner.uid:
            raise foreign(f"the standing of {uid}")
        ref = f"{sessions}.{uid}"
        if call.verb is Verb.DELETE:
            seen = await self._sql.look(Look(standings=frozenset({(sessions, uid)})))
            if (sessions, uid) in seen.standings:
                await self._sql.drop_standing(sessions, uid, call.permit)
            return Outcome(ref)
        values = {name: text(call.props, name) for name in ("state", "why", "until", "since")}
        row = StandingRow(**values, source=text(call.props, "source") or "apply")
        await self._sql.put_standing(StandingChange(sessions, uid, row), call.permit)
        return Outcome(ref, {"tenant_uid": uid})

    async def probe(self, target: Target, neighbours: Sequence[Target]) -> list[ProbeResult]:
        """What the row does, the core workflow shows."""
        return []


def _place(target: Target, props: Mapping[str, Any] | None = None) -> tuple[str, str]:
    """The sessions' schema and the tenant's uid; "" for sessions that nobody has made yet."""
    sessions = text(props or {}, "sessions") or text(target.props, "sessions")
    if not sessions and target.ref:
        sessions = target.ref.partition(".")[0]
    return sessions, text(props or {}, "tenant_uid") or text(target.props, "tenant_uid") or target.marker.owner.uid
