"""A plan cut down to some addresses (DECISIONS 19): for looking at, never for applying."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from temoctl.model.address import Address
from temoctl.model.plan import Plan, TenantPlan


def select(plan: Plan, only: Sequence[str], skip: Sequence[str]) -> Plan:
    """Keep what matches one of `only` (all, when empty) and none of `skip`.

    Globs are matched against the whole address and against the address without its tenant
    (`acme/n8n.*`, `n8n.workflow.*`).
    """
    if not only and not skip:
        return plan
    given = (*(f"--only {one}" for one in only), *(f"--except {one}" for one in skip))
    return replace(plan, tenants=tuple(_cut(one, only, skip) for one in plan.tenants), partial=given)


def _cut(one: TenantPlan, only: Sequence[str], skip: Sequence[str]) -> TenantPlan:
    steps = [step for step in one.steps if _matches(step.address, only, skip)]
    kept = {step.id for step in steps}
    return replace(
        one,
        steps=tuple(replace(step, needs=tuple(need for need in step.needs if need in kept)) for step in steps),
        drift=tuple(drift for drift in one.drift if _matches(drift.address, only, skip)),
    )


def _matches(address: Address, only: Sequence[str], skip: Sequence[str]) -> bool:
    whole = str(address)
    forms = (whole, whole.partition("/")[2])

    def hit(globs: Sequence[str]) -> bool:
        return any(fnmatchcase(form, glob) for form in forms for glob in globs)

    return (not only or hit(only)) and not hit(skip)
