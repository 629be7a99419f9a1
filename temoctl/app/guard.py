"""What must be allowed before anything is done: whole plans only, data losses named, protection respected.

Checked before any effect, for all tenants at once. Must not do anything itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from temoctl.model.diagnostic import Severity
from temoctl.model.errors import Conflict, Problems, Refused, UserError
from temoctl.model.plan import Inputs, Mode, Plan, RecordedTenant, TenantPlan
from temoctl.model.step import Action, Step
from temoctl.planner.stale import expired, stale_reasons


def check_whole(plan: Plan) -> None:
    """DECISIONS 19: what was cut with --only or --except is for reading."""
    if plan.partial:
        raise UserError(
            "TEMO111",
            f"{plan.id} is a plan of a part ({' '.join(plan.partial)})",
            detail="Half of a tenant is never applied: the other half may be what makes it work.",
            fix="plan again without --only and --except",
        )
    if plan.mode is Mode.DRIFT:
        raise UserError("TEMO111", f"{plan.id} is a drift report", fix="make a plan with `temoctl plan`")


def check_age(plan: Plan, now: float) -> None:
    """An expired plan is never applied."""
    if why := expired(plan, now):
        raise Conflict("TEMO413", why, detail=f"plan {plan.id}", fix="plan again and read the new plan")


def check_fresh(
    planned: TenantPlan,
    inputs: Inputs,
    recorded: RecordedTenant,
    *,
    platform_serial: int | None,
    resuming: bool = False,
) -> None:
    """A plan is what was read: anything that changed since stops it, named."""
    if planned.new and recorded.uid == planned.uid and not resuming:
        recorded = replace(recorded, uid="")  # the row that this very run has just made
    reasons = stale_reasons(planned, inputs, recorded, platform_serial=platform_serial, resuming=resuming)
    if reasons:
        raise Conflict(
            "TEMO414",
            f"the world has moved since {planned.tenant} was planned",
            detail="\n".join(reasons),
            fix="plan again and read the new plan",
            tenant=planned.tenant,
        )


def check_installation(plan: Plan, installation: str) -> None:
    if plan.installation != installation:
        raise Conflict(
            "TEMO127",
            f"{plan.id} was made for another installation",
            fix="use the profile that it was made with, or plan again",
        )


def check_allowed(plans: Iterable[TenantPlan], allowed: Iterable[str], *, command: str) -> None:
    """Data-bearing deletes need a named allowance; raises UserError with the exact flags to add."""
    given = set(allowed)
    plans = list(plans)
    missing = sorted({name for one in plans for name in one.allowances} - given)
    if not missing:
        return
    lost = [step for one in plans for step in one.steps if step.allowance in missing]
    named = "\n".join(_going(step) for step in lost[:20])
    more = f"\nand {len(lost) - 20} more" if len(lost) > 20 else ""
    flags = f"--allow {','.join(sorted(given | set(missing)))}"
    raise UserError(
        "TEMO110",
        "this would delete customers' data, which has to be allowed by name",
        detail=f"It would be lost for good:\n{named}{more}",
        fix=f"when that is meant, say so:\n{command} {flags}",
    )


def _going(step: Step) -> str:
    """What a step lets go: the whole thing, or what its reason says of a part of it."""
    whole = f"{step.address.tenant}: {step.label} {step.detail}".rstrip()
    return f"{whole}: {step.because}" if step.action in (Action.UPDATE, Action.ADOPT) else whole


def check_sound(plan: TenantPlan) -> None:
    """A plan with an error is shown, never applied."""
    errors = [one for one in plan.problems if one.severity is Severity.ERROR]
    if errors:
        raise Problems(errors)


def check_unprotected(plan: TenantPlan, mode: Mode) -> None:
    """Protection lives in SystemData: a destroy of anything protected is refused before the first effect."""
    held = [step for step in plan.steps if step.protected and step.action in (Action.ASK, Action.DELETE)]
    if mode is Mode.DESTROY and held:
        raise Refused(
            "TEMO113",
            f"{plan.tenant} is protected",
            detail="\n".join(f"{step.label} {step.detail}".rstrip() for step in held[:10]),
            fix=f"write `protect: false` in the spec of {plan.tenant} and apply it, then destroy",
            tenant=plan.tenant,
        )
