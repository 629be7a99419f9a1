"""Whether a saved plan still means what was read, and if not, what changed since: in words.

Must not know where the current values come from.
"""

from __future__ import annotations

from temoctl.model.plan import Inputs, Plan, RecordedTenant, TenantPlan

_CHANGED = {
    "spec": "the tenant's spec was changed",
    "plans": "the plans (limits and prices) were changed",
    "platform": "platform.yaml was changed",
    "templates": "the templates were changed",
    "knowledge": "a knowledge-base file was changed",
    "program": "temoctl itself is another version",
    "secrets": "a secret has a new version",
    "standing": "something was paid, or wasn't: whether the tenant is served has changed",
}


def stale_reasons(
    planned: TenantPlan,
    inputs: Inputs,
    recorded: RecordedTenant,
    *,
    platform_serial: int | None = None,
    resuming: bool = False,
) -> tuple[str, ...]:
    """What changed since the plan was made; nothing when it may be applied.

    `resuming`: this very plan was begun and crashed, so that the serial has moved by its own doing, and a tenant that
    was new has its uid.
    """
    reasons = [words for name, words in _CHANGED.items() if getattr(planned.inputs, name) != getattr(inputs, name)]
    if not resuming and planned.serial != recorded.serial:
        reasons.append(f"somebody applied a change meanwhile (state {planned.serial} is now {recorded.serial})")
    if planned.new and not resuming and recorded.uid:
        reasons.append("the tenant was created meanwhile")
    if recorded.uid and planned.uid != recorded.uid and (resuming or not planned.new):
        reasons.append("the tenant was destroyed and created again")
    if not recorded.uid and not planned.new:
        reasons.append("the tenant was destroyed meanwhile")
    if platform_serial is not None and planned.platform_serial != platform_serial:
        reasons.append(f"the platform was changed (state {planned.platform_serial} is now {platform_serial})")
    if recorded.uid and not planned.new and planned.manager != recorded.manager:
        reasons.append(f"the tenant went from {_name(planned.manager)} to {_name(recorded.manager)}")
    return tuple(reasons)


def expired(plan: Plan, now: float) -> str:
    """Why the plan is too old to be applied; "" when it isn't. `now` is seconds since the epoch."""
    if now < plan.expires_at:
        return ""
    minutes = int((now - plan.expires_at) // 60)
    ago = f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
    return f"the plan expired {ago} ago"


def _name(manager: str) -> str:
    return f"manager {manager}" if manager else "no manager"
