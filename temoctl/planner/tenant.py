"""`plan_tenant`: the steps that lead one tenant from what is there to what its spec asks. Pure and deterministic.

Must not know time, randomness, files or systems. Everything comes in by argument; the same input gives the same plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from temoctl.model.address import Address
from temoctl.model.diagnostic import Diagnostic
from temoctl.model.kind import Kind
from temoctl.model.plan import Inputs, Mode, RecordedTenant, TenantPlan, View
from temoctl.model.resource import Desired, Recorded
from temoctl.model.step import Drift, Step
from temoctl.planner import trouble
from temoctl.planner.order import arrange
from temoctl.planner.resolve import Known, Outputs, references
from temoctl.planner.sketch import Sketch
from temoctl.planner.steps import drift_of, steps_of
from temoctl.planner.witness import heed

_NO_INPUTS = Inputs()


def as_desired(recorded: Recorded) -> Desired:
    """What was last applied, as if the spec asked for it again: what drift is measured against."""
    props = recorded.props if isinstance(recorded.props, Mapping) else {}
    after = tuple(sorted(frozenset(recorded.depends_on) - references(dict(props))))
    return Desired(
        recorded.address,
        props,
        recorded.label,
        detail=recorded.detail,
        after=after,
        where=recorded.where,
        protect=recorded.protect,
        witness_of=recorded.witness_of,
    )


def plan_tenant(
    tenant: str,
    *,
    uid: str,
    new: bool,
    desired: Mapping[Address, Desired],
    recorded: RecordedTenant,
    view: View,
    kinds: Mapping[str, Kind],
    mode: Mode,
    known: Known,
    inputs: Inputs = _NO_INPUTS,
    platform_serial: int = 0,
    not_applied: Sequence[str] = (),
    problems: Sequence[Diagnostic] = (),
    platform_in_run: bool = False,
) -> TenantPlan:
    """Plan one tenant.

    `kinds` is keyed by `Kind.key`. `known` answers for references to other tenants (the platform's outputs), with
    `UNKNOWN` where there is none yet; that is fine when the platform is applied in the same run.
    """
    if mode is Mode.APPLY and recorded.resources and not desired:
        # Promise 5: an accident with a file must never read as a wish.
        problems = (*problems, trouble.nothing_desired(tenant, len(recorded.resources)))
        desired, recorded, view = {}, replace(recorded, resources={}), View({})
    outputs = Outputs(tenant, known)
    sketch = Sketch(uid, recorded, view, kinds, mode, _wanted(desired, recorded, mode), desired, outputs)
    drafts, found = sketch.drafts()
    heed(drafts)
    if mode is Mode.APPLY and not platform_in_run:
        found += trouble.platform_missing(tenant, outputs.outside)
    order = arrange(drafts)
    steps: dict[str, Step] = {}
    drift: list[Drift] = []
    for draft in drafts.values():
        for step in steps_of(draft, mode):
            steps[step.id] = replace(step, needs=tuple(sorted(order.needs.get(step.id, ()))))
        moved = drift_of(draft)
        if moved is not None:
            drift.append(moved)
    if order.cycle:
        found.append(trouble.circle(tenant, order.cycle))
    found += [trouble.cut_circle(tenant, one) for one in order.broken]
    return TenantPlan(
        tenant=tenant,
        uid=uid,
        new=new,
        serial=recorded.serial,
        steps=tuple(steps[step] for step in order.sequence),
        unchanged=sum(1 for draft in drafts.values() if draft.action is None and draft.desired),
        drift=tuple(sorted(drift, key=lambda one: one.address)),
        problems=(*problems, *found),
        not_applied=tuple(not_applied),
        inputs=inputs,
        platform_serial=platform_serial,
        manager=recorded.manager,
    )


def _wanted(desired: Mapping[Address, Desired], recorded: RecordedTenant, mode: Mode) -> Mapping[Address, Desired]:
    if mode is Mode.APPLY:
        return desired
    if mode is Mode.DESTROY:
        return {}
    wanted = {address: as_desired(one) for address, one in recorded.resources.items()}
    for address, one in desired.items():
        if one.witness_of is not None and one.witness_of in wanted and address not in wanted:
            wanted[address] = one
    return wanted
