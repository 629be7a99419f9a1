"""One step from start to end: check, read again, resolve, journal, act, journal, wait. Must not know order or events.

Every method returns what to report or raises a TemoError; `run.py` makes lists and events of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from temoctl.engine.effect import Effects, Taken, Wish
from temoctl.engine.known import agrees, doubted, record_of, sets_unreadable
from temoctl.engine.lookup import GONE, Lookup, answered, outdated_ref
from temoctl.engine.ports import Begin, Ending, Finish, Intent
from temoctl.engine.protocol import Proof, System, Target, Verb, Verdict
from temoctl.engine.tenant_run import TenantRun
from temoctl.engine.waiting import Waiting
from temoctl.model.errors import Bug, Conflict, LeaseLost, Refused, TemoError, UnknownOutcome
from temoctl.model.identity import Identity
from temoctl.model.kind import Kind, ReplaceOrder
from temoctl.model.plan import Mode
from temoctl.model.resource import Desired, Observed, Presence, Recorded
from temoctl.model.step import Action, FieldChange, Step
from temoctl.model.value import Props


@dataclass(frozen=True, slots=True)
class StepEnd:
    """How a step ended well. `proof` for deletions; `note` for people."""

    note: str = ""
    proof: Proof | None = None


@dataclass(frozen=True, slots=True)
class _Subject:
    """A step's resource with everything looked up that acting on it needs."""

    step: Step
    desired: Desired
    system: System
    kind: Kind
    resolved: Mapping[str, Any]
    full: Mapping[str, Any]
    target: Target


class Executor:
    """Executes steps of one tenant. `expected` are fingerprints that recovery saw after finishing our own change."""

    def __init__(self, run: TenantRun, *, expected: Mapping[str, str]) -> None:
        self._run, self._world, self._known = run, run.world, run.known
        self._lookup = Lookup(run)
        self._effects = Effects(run, self._lookup)
        self._waiting = Waiting(run, self._lookup)
        self._expected = expected
        self._made: set[tuple[str, str]] = set()  # (kind key, ref) of what this run made

    @property
    def unsettled(self) -> float:
        return self._effects.unsettled

    async def act(self, step: Step) -> StepEnd:
        """Have the step's effect and record it."""
        self._run.hold.permit.check()
        match step.action:
            case Action.CREATE | Action.REPLACE:
                return await self._made_before(step) or await self._create(step)
            case Action.UPDATE | Action.ADOPT:
                return await self._update_or_adopt(step)
            case Action.DELETE:
                return await self._delete(step)
            case Action.FORGET:
                return await self._forget(step)
            case _:
                raise Bug("TEMO951", f"step {step.id}: {step.action} is not executed")

    async def _forget(self, step: Step) -> StepEnd:
        """Drop a record, once its own object was looked for: the list that the plan was made from may have been old."""
        record, kind = self._known.records.get(step.address), self._world.kinds.get(step.address.kind_key)
        if record is not None and kind is not None and not kind.watched_only:
            system = self._world.system(step.address)
            target = await self._run.target(step.address, kind, record.resolved, record.ref)
            seen = await self._lookup.read(system, target)
            answered(step.label, seen)
            if seen.presence is Presence.PRESENT and seen.ref == record.ref:
                raise Conflict("TEMO501", f"{step.label} is there after all", fix="plan again: that look was too old")
        await self._run.write([self._finish(step, Ending.DONE, remove=True)])
        return StepEnd("the record was dropped")

    async def until_ready(self, step: Step) -> None:
        """Wait until what was made does its work."""
        record = self._known.records.get(step.address)
        if step.desired is None or record is None or step.action not in _MAKING:
            return
        system, kind = self._world.system(step.address), self._world.kind(step.address)
        target = await self._run.target(step.address, kind, record.resolved, record.ref)
        await self._waiting.until_ready(step, system, kind, target)

    async def wait(self, step: Step) -> StepEnd:
        """A step that only watches: a witness, or the end of an outage."""
        system, kind = self._world.system(step.address), self._world.kind(step.address)
        record = self._known.records.get(step.address)
        props = step.desired.props if step.desired is not None else (record.props if record is not None else {})
        resolved = self._known.resolve(props) if step.desired is not None else self._known.resolve_gladly(props)
        ref = record.ref if record is not None else step.ref
        target = await self._run.target(step.address, kind, resolved, ref)
        seen = await self._waiting.until_seen(step, system, kind, target)
        if step.desired is None or seen is None:
            await self._run.write([self._finish(step, Ending.DONE, remove=record is not None)])
            return StepEnd("it is gone")
        fresh = self._record(step.desired, resolved, seen.ref or "", seen.outputs, "")
        if record is None or replace(record, intent="") != fresh:
            await self._run.write([self._finish(step, Ending.DONE, record=fresh)])
        return StepEnd("seen as it should be")

    # --- creating

    async def _create(self, step: Step) -> StepEnd:
        subject = await self._subject(step, None)
        before = self._known.records.get(step.address)
        intent = self._intent(step, Verb.CREATE, subject.desired.props, None)
        await self._run.write([Begin(self._run.fence, intent)])
        wish = Wish(
            intent,
            subject.system,
            subject.kind,
            subject.target,
            subject.full,
            step.changes,
            outdated=outdated_ref(subject.kind, before, subject.resolved),
        )
        taken = await self._carry_out(step, wish)
        if not taken.exact and subject.kind.identity is Identity.ISSUED_ONCE:
            await self._discard(step, subject, intent, taken)
            return await self._create(step)
        await self._run.secrets.keep(taken.issued)  # until then a crash means: made for nobody, and made anew
        self._made.add((subject.kind.key, taken.ref))
        record = self._record(subject.desired, subject.resolved, taken.ref, taken.outputs, intent.id)
        if not taken.exact:
            record = doubted(record, subject.kind)
        unfinished = taken.observed is not None and self._needs_update(subject, taken.observed)
        # The object is on record either way; a resumed plan skips the step only when it is over with it.
        over = not unfinished and taken.problem is None
        finish = self._finish(step, Ending.DONE if over else Ending.SUPERSEDED, intent=intent.id, record=record)
        await self._run.write([finish, *self._old_half(step, subject.kind, before, taken.ref)])
        if taken.problem is not None:
            raise taken.problem
        if unfinished:
            await self._update(step, subject, taken.ref, (), repair=True)
            return StepEnd("found again after a lost answer, and completed")
        return StepEnd() if taken.exact else StepEnd("found again after a lost answer")

    def _needs_update(self, subject: _Subject, seen: Observed) -> bool:
        return sets_unreadable(subject.kind, subject.resolved) or not agrees(subject.kind, subject.resolved, seen.props)

    def _old_half(self, step: Step, kind: Kind, before: Recorded | None, new_ref: str) -> list[Begin | Finish]:
        """The journal row that covers the old object of a replace from the moment its record is overwritten."""
        if before is None or before.ref == new_ref or kind.replace is ReplaceOrder.DELETE_FIRST:
            return []
        if step.action is not Action.REPLACE:
            return []
        intent = replace(self._intent(step, Verb.DELETE, before.props, before.ref), step=f"{step.id}!delete")
        self._run.opened[step.address, before.ref] = intent
        return [Begin(self._run.fence, intent)]

    async def _discard(self, step: Step, subject: _Subject, intent: Intent, taken: Taken) -> None:
        """Take away an object whose secret was shown to nobody, so that it can be made anew."""
        target = replace(subject.target, ref=taken.ref)
        deleting = replace(self._intent(step, Verb.DELETE, subject.desired.props, taken.ref), step="")
        await self._run.write([Begin(self._run.fence, deleting)])
        gone = await self._carry_out(step, Wish(deleting, subject.system, subject.kind, target, subject.full))
        if gone.proof is None or gone.proof.verdict not in GONE:
            raise _unverified(step, gone.proof)
        await self._run.write(
            [
                Finish(self._run.fence, step.address, Ending.DONE, deleting.id, note="issued to nobody"),
                Finish(self._run.fence, step.address, Ending.SUPERSEDED, intent.id),
            ]
        )

    async def _made_before(self, step: Step) -> StepEnd | None:
        """A create whose object is on record after all: a run that died had made it. Completed, never made twice.

        Only records cost this look: a plan that creates what is recorded believed a list that may have been stale.
        """
        record = self._known.records.get(step.address)
        if record is None or (step.action is Action.REPLACE and record.ref == step.ref):
            return None
        subject = await self._subject(step, record.ref)
        seen = await self._lookup.read(subject.system, subject.target)
        if seen.presence is Presence.ABSENT:
            return None
        answered(step.label, seen)
        if not self._needs_update(subject, seen):
            fresh = self._record(subject.desired, subject.resolved, record.ref, seen.outputs, record.intent)
            await self._run.write([self._finish(step, Ending.DONE, record=fresh)])
            return StepEnd("it was there already")
        await self._update(step, subject, record.ref, (), repair=True)
        return StepEnd("it was there already, and was completed")

    # --- updating, adopting

    async def _update_or_adopt(self, step: Step) -> StepEnd:
        record = self._known.records.get(step.address)
        ref = step.ref or (record.ref if record is not None else None)
        subject = await self._subject(step, ref)
        seen = await self._seen(step, subject.system, subject.target)
        put_right = self._changed_since_approval(step, seen, not step.repair and not self._needs_update(subject, seen))
        ref = seen.ref or ref or ""
        blind = record is None and sets_unreadable(subject.kind, subject.resolved)
        if not put_right and (step.action is Action.UPDATE or step.changes or step.repair or blind):
            await self._update(step, subject, ref, step.changes, repair=step.repair)
            return StepEnd()
        fresh = self._record(subject.desired, subject.resolved, ref, seen.outputs, record.intent if record else "")
        await self._run.write([self._finish(step, Ending.DONE, record=fresh)])
        return StepEnd(f"{'it was put right' if put_right else 'taken into the record'}; nothing was changed")

    async def _update(
        self, step: Step, subject: _Subject, ref: str, changes: tuple[FieldChange, ...], *, repair: bool
    ) -> None:
        intent = self._intent(step, Verb.UPDATE, subject.desired.props, ref)
        await self._run.write([Begin(self._run.fence, intent)])
        target = replace(subject.target, ref=ref)
        wish = Wish(intent, subject.system, subject.kind, target, subject.full, changes, repair)
        taken = await self._carry_out(step, wish)
        if taken.problem is not None:
            before = self._known.records.get(step.address)
            kept = doubted(before, subject.kind) if before is not None else None
            await self._run.write([self._finish(step, Ending.FAILED, intent=intent.id, record=kept)])
            raise taken.problem
        record = self._record(subject.desired, subject.resolved, taken.ref or ref, taken.outputs, intent.id)
        await self._run.write([self._finish(step, Ending.DONE, intent=intent.id, record=record)])

    def _changed_since_approval(self, step: Step, seen: Observed, put_right: bool = False) -> bool:
        """Raises Conflict when it was; True when it was `put_right`, as a vendor's event may have done it."""
        moved = bool(step.fingerprint) and seen.fingerprint not in (step.fingerprint, self._expected.get(step.id))
        if not moved or put_right:
            return moved
        what = f"{step.label} was changed by somebody since this plan was approved"
        fix = "plan again to see what changed, then decide; nothing of it was overwritten"
        raise Conflict("TEMO501", what, detail=seen.note, fix=fix)

    # --- deleting

    async def _delete(self, step: Step) -> StepEnd:
        record = self._known.records.get(step.address)
        mine = record is not None and (step.ref is None or record.ref == step.ref)
        ref = step.ref or (record.ref if record is not None else None)
        if (step.address.kind_key, ref) in self._made:
            return StepEnd("there is no old one: it was replaced in place")
        system, kind = self._world.system(step.address), self._world.kind(step.address)
        if mine and step.id != str(step.address) and kind.replace is not ReplaceOrder.DELETE_FIRST:
            # Planned as a second object or an old half; recovery found that it is the one on record.
            if self._run.hold.mode is Mode.APPLY:
                return StepEnd("it is the one in use now, so it stays")
            raise Conflict("TEMO501", f"{step.label}: what was to be deleted is the one in use now", fix="plan again")
        intent = self._run.opened.get((step.address, ref))
        props = self._props_of(step, ref, intent)
        resolved = self._known.resolve_gladly(props)
        target = await self._run.target(step.address, kind, resolved, ref)
        seen = await self._lookup.read(system, target)
        answered(step.label, seen)
        if seen.presence is Presence.PRESENT and ref in (None, seen.ref):  # its successor under another ref isn't meant
            self._is_ours(step, seen)
            self._changed_since_approval(step, seen)
            if intent is None:
                intent = self._intent(step, Verb.DELETE, props, ref)
                await self._run.write([Begin(self._run.fence, intent)])
            full = await self._run.secrets.fill_gladly(resolved)
            proof = (await self._carry_out(step, Wish(intent, system, kind, target, full))).proof
        else:
            proof = await self._lookup.gone(system, kind, target, since=self._run.now() - kind.settle)
        if proof is None or proof.verdict not in GONE:
            raise _unverified(step, proof)
        ended = "" if intent is None else intent.id
        evidence = {"verdict": proof.verdict.value, "evidence": proof.evidence}
        finish = self._finish(step, Ending.DONE, intent=ended, remove=mine)
        await self._run.write([replace(finish, evidence=evidence)])
        self._run.opened.pop((step.address, ref), None)
        return StepEnd(proof=proof)

    def _props_of(self, step: Step, ref: str | None, intent: Intent | None) -> Props:
        """What was recorded of the object meant, which by now may not be the one on record."""
        if intent is not None:
            return intent.props
        for record in (self._known.records.get(step.address), self._run.before.get(step.address)):
            if record is not None and ref in (None, record.ref):
                return record.props
        return {}

    def _is_ours(self, step: Step, seen: Observed) -> None:
        if seen.marker is not None and seen.marker.owner != self._known.owner:
            raise Refused(
                "TEMO513",
                f"{step.label} carries the mark of another tenant or installation: it is not deleted",
                fix="see whose it is with `temoctl state show`, and remove the record with `temoctl state forget`",
            )

    # --- shared

    async def _carry_out(self, step: Step, wish: Wish) -> Taken:
        """The effect, with its intent ended when it is known to have had none."""
        try:
            return await self._effects.carry_out(replace(wish, step=step))
        except (LeaseLost, UnknownOutcome):
            raise
        except TemoError as error:
            await self._run.write(
                [self._finish(step, Ending.FAILED, intent=wish.intent.id, note=f"{error.code}: {error.summary}")]
            )
            raise

    async def _subject(self, step: Step, ref: str | None) -> _Subject:
        if step.desired is None:
            raise Bug("TEMO951", f"step {step.id} says nothing of what is desired")
        system, kind = self._world.system(step.address), self._world.kind(step.address)
        resolved = self._known.resolve(step.desired.props)
        full = await self._run.secrets.fill(resolved)
        target = await self._run.target(step.address, kind, resolved, ref)
        return _Subject(step, step.desired, system, kind, resolved, full, target)

    async def _seen(self, step: Step, system: System, target: Target) -> Observed:
        seen = await self._lookup.read(system, target)
        answered(step.label, seen)
        if seen.presence is Presence.ABSENT:
            raise Conflict(
                "TEMO501",
                f"{step.label} is gone: somebody removed it since this plan was approved",
                fix="plan again: it will be made anew",
            )
        return seen

    def _intent(self, step: Step, verb: Verb, props: Props, ref: str | None) -> Intent:
        name = self._run.fresh_intent()
        desired = step.desired
        depends_on = tuple(sorted(desired.depends_on)) if desired is not None else step.depends_on
        return Intent(
            name,
            step.address,
            verb.value,
            self._known.marker(step.address, name),
            props,
            self._world.clock.now(),
            ref,
            self._run.hold.run,
            self._run.hold.plan,
            step.id,
            depends_on,
            step.label,
        )

    def _record(self, desired: Desired, resolved: Props, ref: str, outputs: Mapping[str, Any], intent: str) -> Recorded:
        instance = self._world.instances.get(desired.address.system, "")
        return record_of(desired, resolved=resolved, ref=ref, outputs=outputs, instance=instance, intent=intent)

    def _finish(
        self,
        step: Step,
        ending: Ending,
        *,
        intent: str = "",
        record: Recorded | None = None,
        remove: bool = False,
        note: str = "",
    ) -> Finish:
        return Finish(
            self._run.fence,
            step.address,
            ending,
            intent,
            record,
            remove,
            note,
            step.id,
            self._run.hold.plan,
            step.action.value,
        )


_MAKING = frozenset({Action.CREATE, Action.REPLACE, Action.UPDATE, Action.ADOPT})


class Unproven(UnknownOutcome):
    """A deletion that was asked for but could not be seen to have happened. Carries what was seen."""

    def __init__(self, label: str, proof: Proof) -> None:
        super().__init__(
            "TEMO509",
            f"{label}: the deletion was asked for but can't be proven",
            detail=proof.evidence,
            fix="run the same command again later: it looks again before anything else",
        )
        self.proof = proof


def _unverified(step: Step, proof: Proof | None) -> Unproven:
    return Unproven(step.label, proof or Proof(Verdict.UNVERIFIED, "nothing was seen"))
