"""What a plan allows, held against what a tenant asks for. Pure; must not read files or SystemData.

Every excess is named, each with both ways out: take something away, or move to a plan that allows everything this
tenant has.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from temoctl.model.diagnostic import Diagnostic, Where
from temoctl.spec.channels import answers_comments
from temoctl.spec.plan_spec import PlanSpec
from temoctl.spec.suggest import closest
from temoctl.spec.tenant import TenantSpec
from temoctl.spec.tokens import shown


@dataclass(frozen=True, slots=True)
class Excess:
    """One thing a plan doesn't allow: what it is, how much there is and may be, and what taking away would mean."""

    limit: str
    have: int
    allowed: int
    words: str
    remove: str
    where: Where


def plan_problems(spec: TenantSpec, plans: Mapping[str, PlanSpec], rows: Mapping[str, int]) -> list[Diagnostic]:
    """Everything that keeps this tenant from its plan. `rows` are the counted rows by path of the base."""
    plan = plans.get(spec.plan)
    if plan is None:
        return [unknown_plan(spec.plan, plans, spec.where("plan"), spec.id)]
    problems = _currency(spec, plan)
    upgrade = _upgrade(spec, plans, rows)
    for one in excesses(spec, plan, rows):
        code = "TEMO252" if one.limit in _FEATURES else "TEMO251"
        summary = f"{one.words}, and {plan.id} allows {_allowed(one)}"
        problems.append(Diagnostic(code, summary, one.where, fix=_ways(one, upgrade), tenant=spec.id))
    return problems


def unknown_plan(name: str, plans: Mapping[str, PlanSpec], where: Where, tenant: str) -> Diagnostic:
    """The spec names a plan that isn't there."""
    return Diagnostic(
        "TEMO250",
        f"there is no plan {shown(name)}",
        where,
        span="not a plan",
        suggestion=closest(name, plans),
        allowed=tuple(sorted(plans)),
        fix="" if plans else "Plans are files in plans/; `temoctl init` writes examples.",
        tenant=tenant,
    )


def downgrade_problems(
    spec: TenantSpec, plans: Mapping[str, PlanSpec], *, recorded_plan: str, recorded_channels: Collection[str]
) -> list[Diagnostic]:
    """A change to a smaller plan is refused while the spec still has more channels than that plan allows.

    `recorded_plan` and `recorded_channels` are what was last applied. A tenant that never was on another plan gets
    the ordinary answer of `plan_problems`.
    """
    before, after = plans.get(recorded_plan), plans.get(spec.plan)
    if before is None or after is None or before.id == after.id:
        return []
    upgrade = f"stay on {before.id}" if not excesses(spec, before, {}) else ""
    found = []
    for one in excesses(spec, after, {}):
        if one.limit != "channels":
            continue
        running = [name for name in spec.channels if name in recorded_channels]
        found.append(
            Diagnostic(
                "TEMO254",
                f"{spec.id} can't go from {before.id} to {after.id} yet: {one.words}, allowed are {one.allowed}",
                spec.where("plan"),
                detail=f"Running now: {', '.join(running)}." if running else "",
                fix=_ways(one, upgrade),
                tenant=spec.id,
            )
        )
    return found


_FEATURES = ("comment_replies",)


def excesses(spec: TenantSpec, plan: PlanSpec, rows: Mapping[str, int]) -> list[Excess]:
    """Everything this tenant has that the plan doesn't allow."""
    bases = [base.name for _, _, base in spec.knowledge_base.each()]
    channels = list(spec.channels)
    days = spec.retention.history_days
    comments = [name for name, channel in spec.channels.items() if answers_comments(channel)]
    total = sum(rows.values())
    found = [
        _excess(spec, "channels", len(channels), plan.limits.channels, _few(len(channels), "channel"), channels),
        _excess(
            spec, "knowledge_bases", len(bases), plan.limits.knowledge_bases, _few(len(bases), "knowledge base"), bases
        ),
        _excess(spec, "rows", total, plan.limits.rows, f"the knowledge base has {_few(total, 'row')}", ()),
        _excess(spec, "history_days", days or 0, plan.limits.history_days, f"chats are kept {days} days", ()),
        _excess(
            spec,
            "comment_replies",
            len(comments),
            None if plan.features.comment_replies else 0,
            f"{' and '.join(comments)} answers comments",
            comments,
        ),
    ]
    return [one for one in found if one is not None]


_PLACES = {
    "channels": "channels",
    "knowledge_bases": "knowledge_base",
    "rows": "knowledge_base",
    "history_days": "retention.history_days",
}


def _excess(  # noqa: PLR0917
    spec: TenantSpec, limit: str, have: int, allowed: int | None, words: str, names: Collection[str]
) -> Excess | None:
    if allowed is None or have <= allowed:
        return None
    over = have - allowed
    told = ", ".join(shown(name) for name in names)
    remove = {
        "channels": f"remove {'all' if not allowed else over} of: {told}",
        "knowledge_bases": f"remove {'all' if not allowed else over} of: {told}",
        "rows": f"take {over:,} rows out of the tables",
        "history_days": f"set history_days to {allowed}",
        "comment_replies": f"take comments away from: {told}",
    }[limit]
    path = _PLACES.get(limit) or f"channels.{next(iter(names))}"
    return Excess(limit, have, allowed, words, remove, spec.where_key(path))


def _few(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def _allowed(one: Excess) -> str:
    if one.limit in _FEATURES:
        return "no answers to comments"
    return f"{one.allowed:,}" if one.allowed else "none"


def _ways(one: Excess, upgrade: str) -> str:
    first = one.remove[0].upper() + one.remove[1:]
    if upgrade:
        return f"{first}; or {upgrade}."
    return f"{first}. No plan allows everything this tenant has, so there is no plan to move to."


def _upgrade(spec: TenantSpec, plans: Mapping[str, PlanSpec], rows: Mapping[str, int]) -> str:
    """The cheapest plan that allows all of it, with its price; "" when there is none."""
    currency = spec.company.currency
    fitting = [
        plan
        for plan in plans.values()
        if plan.id != spec.plan and currency in plan.price and not excesses(spec, plan, rows)
    ]
    if not fitting:
        return ""
    best = min(fitting, key=lambda plan: (plan.price[currency], plan.id))
    return f"move to plan {best.id} ({str(best.cost(currency)).removeprefix('+')})"


def _currency(spec: TenantSpec, plan: PlanSpec) -> list[Diagnostic]:
    currency = spec.company.currency
    if currency in plan.price:
        return []
    return [
        Diagnostic(
            "TEMO253",
            f"plan {plan.id} has no price in {currency}",
            spec.where("company.currency"),
            allowed=tuple(sorted(plan.price)),
            fix=f"Use a currency the plan has, or add a price in {currency} to the plan.",
            tenant=spec.id,
        )
    ]
