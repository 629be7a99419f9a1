"""What a dead run left behind: every open intent is looked up and ended before anything new is tried.

    create   what carries the intent's marker is recorded; nothing after the settle window: the intent ends ABSENT
    update   what is there is read: as wanted, it is recorded; else the intent ends ABSENT and the plan repeats it
    delete   gone: the record goes; still there after the settle window: the intent ends ABSENT
    delete of what is not on record (the old half of a replace, a twin): carried out when nothing on record points at
             it any more, else kept open

A system that gives no answer leaves the intent open and its address blocked. Running this again, at any point, after
any crash, does the same: each ending is one transaction with the record. Must not know plans.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from temoctl.engine.effect import Effects, Wish
from temoctl.engine.events import Recovering
from temoctl.engine.known import agrees, doubted, record_from_intent, sets_unreadable
from temoctl.engine.lookup import GONE, Lookup, outdated_ref
from temoctl.engine.ports import Begin, Ending, Finish, Intent
from temoctl.engine.protocol import System, Target, Verb
from temoctl.engine.tenant_run import TenantRun
from temoctl.engine.world import Hold, RunWorld
from temoctl.model.address import Address
from temoctl.model.errors import LeaseLost, TemoError
from temoctl.model.identity import Identity
from temoctl.model.kind import Kind
from temoctl.model.plan import RecordedTenant
from temoctl.model.resource import Observed, Presence, Recorded


@dataclass(slots=True)
class Recovered:
    """`blocked` are addresses nothing may be tried on, and why. `fingerprints` are, by step id, what our own
    half-finished updates look like now. `kept` are intents of deletions that stay open until their turn in the plan.
    """

    blocked: dict[Address, str] = field(default_factory=dict)
    fingerprints: dict[str, str] = field(default_factory=dict)
    kept: dict[tuple[Address, str | None], Intent] = field(default_factory=dict)
    looked_at: int = 0


async def recover(world: RunWorld, recorded: RecordedTenant, hold: Hold) -> Recovered:
    """End every open intent of the tenant that can be ended. Raises LeaseLost.

    `recorded` must have been loaded under the lease that `hold` stands for; load it again afterwards.
    """
    return await recover_run(TenantRun.of(world, recorded, hold, uid=hold.fence.uid))


async def recover_run(run: TenantRun) -> Recovered:
    """As `recover`, within a run that goes on: what the run knows follows."""
    recovered = Recovered()
    intents = await run.world.journal.open_intents(run.fence.uid)
    if intents:
        await _Recovery(run, recovered).all(intents)
    return recovered


class _Recovery:
    def __init__(self, run: TenantRun, recovered: Recovered) -> None:
        self._run, self._known, self._out = run, run.known, recovered
        self._lookup = Lookup(run)
        self._effects = Effects(run, self._lookup)
        self._started_wall, self._started = run.world.clock.now(), run.now()

    async def all(self, intents: Sequence[Intent]) -> None:
        """Oldest first, so that of several intents for one address the last one's truth stays on record."""
        for intent in intents:
            self._run.hold.permit.check()
            self._out.looked_at += 1
            reason = "a run ended in the middle of it"
            self._run.tell(Recovering(self._known.tenant, str(intent.address), intent.verb, reason))
            try:
                await self._one(intent)
            except LeaseLost:
                raise
            except TemoError as error:
                self._out.blocked[intent.address] = f"what an earlier run did to it is still unknown: {error.summary}"

    async def _one(self, intent: Intent) -> None:
        system, kind = self._run.world.system(intent.address), self._run.world.kind(intent.address)
        resolved = self._known.resolve_gladly(intent.props)
        target = await self._run.target(intent.address, kind, resolved, intent.ref)
        match Verb(intent.verb):
            case Verb.CREATE:
                await self._create(intent, system, kind, target)
            case Verb.UPDATE:
                await self._update(intent, system, kind, target)
            case Verb.DELETE:
                await self._delete(intent, system, kind, target)

    def _sent_by(self, intent: Intent) -> float:
        """The latest moment, on this process's monotonic clock, at which the dead run may have sent a request.

        Its clock is not ours: only an intent that is older than a whole step by both clocks is known to be quiet.
        """
        age = self._started_wall - intent.at - self._run.patience.skew
        return self._started - max(0.0, age - self._run.patience.step)

    # --- create

    async def _create(self, intent: Intent, system: System, kind: Kind, target: Target) -> None:
        before = self._known.records.get(intent.address)
        found = await self._lookup.made(
            system,
            kind,
            target,
            intent.id,
            since=self._sent_by(intent),
            but=outdated_ref(kind, before, target.props),
        )
        if found is None:
            self._block(intent, "its system gives no answer that can be trusted")
            return
        if not found:
            await self._run.end(intent, Ending.ABSENT, "looked up after the settle window: it had no effect")
            return
        one = next((each for each in found if each.marker is not None and each.marker.intent == intent.id), found[0])
        if kind.identity is Identity.ISSUED_ONCE:
            await self._discard(intent, system, kind, target, one)
            return
        whole = agrees(kind, target.props, one.props) and not sets_unreadable(kind, target.props)
        finish = Finish(
            self._run.fence,
            intent.address,
            Ending.DONE if whole else Ending.SUPERSEDED,
            intent.id,
            doubted(self._recorded(intent, one, before), kind),
            note="found after a crash",
            action="adopt",
        )
        await self._run.write([finish, *self._old_half(intent, before, one)])

    def _old_half(self, intent: Intent, before: Recorded | None, one: Observed) -> list[Begin]:
        """A replace died between making the new object and covering the old one: cover it now."""
        if before is None or before.ref == one.ref:
            return []
        name = self._run.fresh_intent()
        deleting = Intent(
            name,
            intent.address,
            Verb.DELETE.value,
            self._known.marker(intent.address, name),
            before.props,
            self._run.world.clock.now(),
            before.ref,
            self._run.hold.run,
            label=before.label,
        )
        self._out.kept[intent.address, before.ref] = deleting
        return [Begin(self._run.fence, deleting)]

    async def _discard(self, intent: Intent, system: System, kind: Kind, target: Target, one: Observed) -> None:
        """An object whose secret was shown to nobody is of no use: it goes, and the plan makes another."""
        name = self._run.fresh_intent()
        marker = self._known.marker(intent.address, name)
        at = self._run.world.clock.now()
        deleting = Intent(
            name, intent.address, Verb.DELETE.value, marker, intent.props, at, one.ref, self._run.hold.run
        )
        await self._run.write([Begin(self._run.fence, deleting)])
        await self._carry_out_delete(deleting, system, kind, target)
        await self._run.end(intent, Ending.SUPERSEDED, "its secret was shown to nobody")

    # --- update

    async def _update(self, intent: Intent, system: System, kind: Kind, target: Target) -> None:
        before = self._known.records.get(intent.address)
        seen = await self._until_settled(intent, system, kind, target)
        if seen.presence is Presence.UNKNOWN:
            self._block(intent, seen.why)
            return
        if seen.presence is Presence.ABSENT:
            await self._run.end(intent, Ending.ABSENT, "the object is gone")
            return
        whole = agrees(kind, target.props, seen.props)
        if whole or before is None:
            record = doubted(self._recorded(intent, seen, before), kind)
            over = whole and not sets_unreadable(kind, target.props)
            ending, note = (Ending.DONE, "found done after a crash") if over else (Ending.SUPERSEDED, "found")
            await self._run.write(
                [Finish(self._run.fence, intent.address, ending, intent.id, record, note=note, action="update")]
            )
        else:
            await self._run.write(
                [
                    Finish(
                        self._run.fence,
                        intent.address,
                        Ending.ABSENT,
                        intent.id,
                        doubted(before, kind) if kind.write_only else None,
                        note="looked up: it had not been done, or not wholly",
                    )
                ]
            )
        if intent.step and intent.plan == self._run.hold.plan:
            self._out.fingerprints[intent.step] = seen.fingerprint

    async def _until_settled(self, intent: Intent, system: System, kind: Kind, target: Target) -> Observed:
        """What is there once the dead run's update is done or can no longer land."""
        settled = self._sent_by(intent) + kind.settle + self._run.patience.skew
        while True:
            seen = await self._lookup.read(system, target)
            done = seen.presence is Presence.PRESENT and agrees(kind, target.props, seen.props)
            left = settled - self._run.now()
            if done or left <= 0:
                return seen
            await self._run.world.clock.sleep(min(left, 1.0))

    # --- delete

    async def _delete(self, intent: Intent, system: System, kind: Kind, target: Target) -> None:
        record = self._known.records.get(intent.address)
        unrecorded = record is None or record.ref != intent.ref
        if unrecorded and intent.ref is not None:
            if self._known.ref_is_used(intent.ref, by_others_than=intent.address):
                self._out.kept[intent.address, intent.ref] = intent
                return
            await self._carry_out_delete(intent, system, kind, target)
            return
        proof = await self._lookup.gone(system, kind, target, since=self._sent_by(intent) + self._run.patience.skew)
        if proof.verdict in GONE:
            await self._finish_delete(intent, proof.verdict.value, proof.evidence)
            return
        seen = await self._lookup.read(system, target)
        if seen.presence is Presence.UNKNOWN:
            self._block(intent, seen.why)
        else:
            await self._run.end(intent, Ending.ABSENT, "it is still there after the settle window")

    async def _carry_out_delete(self, intent: Intent, system: System, kind: Kind, target: Target) -> None:
        full = await self._run.secrets.fill_gladly(target.props)
        wish = Wish(intent, system, kind, _at(target, intent.ref), full)
        proof = (await self._effects.carry_out(wish)).proof
        if proof is None or proof.verdict not in GONE:
            self._block(intent, proof.evidence if proof is not None else "nothing was seen")
            return
        await self._finish_delete(intent, proof.verdict.value, proof.evidence)

    async def _finish_delete(self, intent: Intent, verdict: str, evidence: str) -> None:
        record = self._known.records.get(intent.address)
        await self._run.write(
            [
                Finish(
                    self._run.fence,
                    intent.address,
                    Ending.DONE,
                    intent.id,
                    remove=record is not None and record.ref == intent.ref,
                    note="found gone after a crash",
                    action="delete",
                    evidence={"verdict": verdict, "evidence": evidence},
                )
            ]
        )

    # --- shared

    def _recorded(self, intent: Intent, seen: Observed, before: Recorded | None) -> Recorded:
        return record_from_intent(intent, self._known, ref=seen.ref or "", outputs=seen.outputs, before=before)

    def _block(self, intent: Intent, why: str) -> None:
        self._out.blocked[intent.address] = f"what an earlier run did to it is still unknown: {why}"


def _at(target: Target, ref: str | None) -> Target:
    return Target(target.address, target.marker, ref, target.props, target.secrets)
