"""n8n as a system of the engine: lists read once for the fleet, objects found by marker, effects, readiness, probes.

The lists decide what is ours (seen.py), effects.py changes, health.py proves. Must not know what workflows are for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from temoctl.engine.ports import Clock
from temoctl.engine.protocol import (
    Call,
    Outcome,
    ProbeResult,
    Proof,
    Readiness,
    Ready,
    Scope,
    Snapshot,
    Target,
    Verb,
    Verdict,
)
from temoctl.model.errors import Bug, Refused, TemoError
from temoctl.model.kind import Kind
from temoctl.model.resource import Observed, Presence
from temoctl.systems.n8n.client import N8nApi
from temoctl.systems.n8n.effects import Effects
from temoctl.systems.n8n.health import Health
from temoctl.systems.n8n.kinds import KINDS
from temoctl.systems.n8n.seen import Listing, matched, observed, snapshot, unknown

OLDEST = (2, 0)
"""n8n 1 has no published versions: `activate` there means something else. Measured is 2.40.7."""
TOO_OLD = "TEMO709"


class N8nSystem:
    """Implements engine.protocol.System, Waits and Probes."""

    name = "n8n"

    def __init__(self, api: N8nApi, *, clock: Clock, settle: float | None = None) -> None:
        self._api = api
        self._effects = Effects(api, clock)
        self._health = Health(api, clock, self._effects.refused, self._effects.restarted)
        self.kinds: Mapping[str, Kind] = (
            KINDS if settle is None else {name: replace(kind, settle=settle) for name, kind in KINDS.items()}
        )

    async def close(self) -> None:
        await self._api.close()

    async def instance(self) -> str:
        """The id of n8n's owner: it lives in n8n's database, whatever address or key leads there."""
        version = await self._api.version()
        if version is not None and _numbers(version) < OLDEST:
            raise Refused(
                TOO_OLD,
                f"n8n {version} is too old for temoctl",
                fix="update n8n to 2.40 or newer, then run the same command again",
            )
        return f"owner:{await self._api.owner()}"

    # --- looking

    async def observe(self, scope: Scope) -> Snapshot:
        credentials, workflows = await asyncio.gather(self._list("credential"), self._list("workflow"))
        return snapshot(scope, {"credential": credentials, "workflow": workflows})

    async def _list(self, kind: str) -> Listing:
        try:
            return await self._listing(kind)
        except TemoError as error:
            return Listing(kind, failed=error)

    async def _listing(self, kind: str) -> Listing:
        rows = await (self._api.credentials() if kind == "credential" else self._api.workflows())
        return Listing.of(kind, rows)

    async def read(self, target: Target) -> Observed:
        kind = target.address.kind
        try:
            if target.ref is None:
                return matched(target, await self._listing(kind))
            row = await (self._api.credential if kind == "credential" else self._api.workflow)(target.ref)
        except TemoError as error:
            return unknown(target, error)
        return Observed.absent(target.address) if row is None else observed(target, row)

    async def find(self, target: Target, intent: str) -> Sequence[Observed]:
        """Every object with the target's marker, those made by the intent first."""
        seen = matched(replace(target, ref=None), await self._listing(target.address.kind))
        if seen.presence is not Presence.PRESENT:
            return []
        everyone = [replace(seen, twins=()), *seen.twins]
        return sorted(everyone, key=lambda one: one.marker is None or one.marker.intent != intent)

    # --- acting

    async def execute(self, call: Call) -> Outcome:
        kind, effects = call.target.address.kind, self._effects
        ref = call.target.ref
        match call.verb, kind:
            case Verb.CREATE, "credential":
                made = await effects.create_credential(call)
                self._health.seen(made.ref)
                return made
            case Verb.CREATE, "workflow":
                return await effects.create_workflow(call)
        if ref is None:
            ref = (await self._found(call.target)).ref
        if ref is None:
            if call.verb is Verb.DELETE:
                return Outcome("")
            raise Bug("TEMO900", f"an update of {call.target.address} without an object to update")
        self._health.forget(ref)
        match call.verb, kind:
            case Verb.UPDATE, "credential":
                return await effects.update_credential(call, ref)
            case Verb.UPDATE, _:
                return await effects.update_workflow(call, ref)
            case _, "credential":
                await effects.delete_credential(call, ref)
            case _:
                await effects.delete_workflow(call, ref)
        return Outcome(ref)

    async def _found(self, target: Target) -> Observed:
        return matched(target, await self._listing(target.address.kind))

    async def gone(self, target: Target) -> Proof:
        kind, ref = target.address.kind, target.ref
        try:
            if ref is None:
                listing = await self._listing(kind)
                if target.marker.text in listing.by_mark:
                    return Proof(Verdict.UNVERIFIED, "an object with our marker is still in n8n's list")
                return Proof(Verdict.DELETED, f"none of n8n's {len(listing.rows)} {kind}s carries our marker")
            row = await (self._api.credential if kind == "credential" else self._api.workflow)(ref)
        except TemoError as error:
            return Proof(Verdict.UNVERIFIED, error.summary)
        if row is None:
            return Proof(Verdict.DELETED, f"n8n answers 404 to the {kind}'s id {ref}")
        return Proof(Verdict.UNVERIFIED, f"the {kind} {ref} is still in n8n")

    # --- proving

    async def ready(self, target: Target) -> Ready:
        if target.address.kind == "credential":
            return Ready(Readiness.READY)
        ref = target.ref or (await self._found(target)).ref
        if ref is None:
            return Ready(Readiness.PENDING, "the workflow isn't in n8n's list yet")
        return await self._health.workflow_ready(target, ref)

    async def probe(self, target: Target, neighbours: Sequence[Target]) -> Sequence[ProbeResult]:
        ref = target.ref
        if ref is None:
            try:
                ref = (await self._found(target)).ref
            except TemoError as error:
                return [ProbeResult(target.address, "can be found in n8n", False, error.summary, error.fix)]
        if ref is None:
            return [ProbeResult(target.address, "is there", False, "it is not in n8n", "run `temoctl apply`")]
        if target.address.kind == "credential":
            return await self._health.probe_credential(target, ref)
        return await self._health.probe_workflow(target, ref)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
