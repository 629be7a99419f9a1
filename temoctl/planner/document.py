"""A plan as the JSON document of the command line (`--json`). Its shape is a promise: `format_version` counts it.

Must not know where it is printed; the result of an apply is added by render.
"""

from __future__ import annotations

from typing import Any

from temoctl.model.diagnostic import Diagnostic
from temoctl.model.plan import Plan, TenantPlan
from temoctl.model.step import Drift, FieldChange, Step
from temoctl.model.value import Json

FORMAT_VERSION = 1


def plan_document(plan: Plan) -> dict[str, Any]:
    """`{format_version, plan_id, tenants, steps, summary, …}` as plain JSON values, in a fixed order."""
    return {
        "format_version": FORMAT_VERSION,
        "plan_id": plan.id,
        "mode": plan.mode.value,
        "created_at": plan.created_at,
        "expires_at": plan.expires_at,
        "partial": list(plan.partial),
        "tenants": [one.tenant for one in plan.tenants],
        "steps": [_step(one, step) for one in plan.tenants for step in one.steps],
        "drift": [_drift(one, drift) for one in plan.tenants for drift in one.drift],
        "problems": [_problem(one, problem) for one in plan.tenants for problem in one.problems],
        "not_applied": {one.tenant: list(one.not_applied) for one in plan.tenants if one.not_applied},
        "allowances": sorted({name for one in plan.tenants for name in one.allowances}),
        "calls": dict(sorted(plan.calls.items())),
        "summary": plan.summary(),
    }


def _step(one: TenantPlan, step: Step) -> dict[str, Json]:
    return {
        "id": step.id,
        "tenant": one.tenant,
        "address": str(step.address),
        "system": step.address.system,
        "action": step.action.value,
        "because": step.because,
        "label": step.label,
        "detail": step.detail,
        "impact": step.impact.value,
        "reversible": step.reversible,
        "spec": str(step.where) if step.where is not None else None,
        "money": str(step.money) if step.money is not None else None,
        "changes": [_change(change) for change in step.changes],
        "forced_by": list(step.forced_by),
        "needs": list(step.needs),
        "allowance": step.allowance or None,
        "fix": step.fix or None,
        "code": step.code or None,
    }


def _change(change: FieldChange) -> dict[str, Json]:
    return {
        "path": change.path,
        "before": change.before,
        "after": change.after,
        "secret": change.secret,
        "drift": change.drift,
        "spec": str(change.where) if change.where is not None else None,
    }


def _drift(one: TenantPlan, drift: Drift) -> dict[str, Json]:
    return {
        "tenant": one.tenant,
        "address": str(drift.address),
        "label": drift.label,
        "summary": drift.summary,
        "changes": [_change(change) for change in drift.changes],
    }


def _problem(one: TenantPlan, problem: Diagnostic) -> dict[str, Json]:
    return {
        "code": problem.code,
        "severity": problem.severity.value,
        "tenant": one.tenant,
        "summary": problem.summary,
        "detail": problem.detail,
        "spec": str(problem.where) if problem.where is not None else None,
        "fix": problem.fix,
    }
