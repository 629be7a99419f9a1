"""A plan as a screen: what would change, why, what can't be undone, what it costs, what a person must do.

Business words first; addresses and unchanged counts under detail. Must not decide what is in the plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo

from temoctl.model.diagnostic import Diagnostic, Severity
from temoctl.model.kind import Impact
from temoctl.model.plan import Mode, Plan, TenantPlan
from temoctl.model.step import Action, Drift, Step
from temoctl.render.diagnostics import problem
from temoctl.render.page import Page
from temoctl.render.text import count, cut, duration, listing, pad, width
from temoctl.render.words import IMPACT, SIGN, STYLE, WORD, change_line, command_for, totals

_FIELDS_SHOWN = 6
_LABEL, _SYSTEM = 26, 9


@dataclass(frozen=True, slots=True)
class View:
    """How a plan is looked at: page width, time zone, now, and which command goes on (`` for none)."""

    cells: int = 80
    detail: bool = False
    zone: tzinfo | None = None
    now: float = 0.0
    everyone: bool = False
    file: str = ""
    going_to_apply: bool = False


def plan_page(plan: Plan, view: View) -> Page:
    """The whole screen. A plan without anything to say is one line."""
    page = Page(view.cells)
    noisy = [one for one in plan.tenants if _says_something(one)]
    if not noisy:
        return page.line((_nothing(plan), "green"))
    _head(page, plan, view)
    for one in noisy:
        _tenant(page, one, plan, view)
    _foot(page, plan, noisy, view)
    return page


def _says_something(one: TenantPlan) -> bool:
    return bool(one.steps or one.problems or one.drift or one.not_applied)


def _nothing(plan: Plan) -> str:
    objects = count(sum(one.unchanged for one in plan.tenants), "object")
    who = plan.tenants[0].tenant if len(plan.tenants) == 1 else count(len(plan.tenants), "tenant")
    if plan.mode is Mode.DRIFT:
        return f"No drift: {who}, {objects} are as temoctl left them."
    if plan.mode is Mode.DESTROY:
        return f"Nothing to destroy: {who} has no objects."
    return f"No changes: {who}, {objects} are as the spec asks."


def _head(page: Page, plan: Plan, view: View) -> None:
    title = {Mode.APPLY: "Plan", Mode.DESTROY: "Plan to destroy", Mode.DRIFT: "Drift"}[plan.mode]
    who = plan.tenants[0].tenant if len(plan.tenants) == 1 else count(len(plan.tenants), "tenant")
    facts = [f"live view {duration(max(0.0, view.now - plan.created_at))} old"]
    if len(plan.tenants) == 1 and plan.tenants[0].inputs.spec and plan.mode is not Mode.DESTROY:
        facts.insert(0, f"spec {plan.tenants[0].inputs.spec[:7]}")
    if plan.mode is not Mode.DRIFT:
        facts.append(f"expires {datetime.fromtimestamp(plan.expires_at, view.zone):%H:%M}")
    name = f"{title} of {who}" if plan.mode is Mode.DRIFT else f"{title} {plan.id} for {who}"
    page.line((name, "bold"), "   " + "   ".join(facts))


def _tenant(page: Page, one: TenantPlan, plan: Plan, view: View) -> None:
    if len(plan.tenants) > 1:
        new = " (new)" if one.new else ""
        page.blank().line((f"{one.tenant}{new}", "bold"), f"   {totals([one])}" if one.steps else "")
    if plan.mode is Mode.DRIFT:
        for drift in one.drift:
            _drift(page, drift, view, sign="!")
        shown = [step for step in one.steps if step.action in (Action.ASK, Action.WAIT)]
        _steps(page, shown, view)
    else:
        _steps(page, list(one.steps), view)
        for drift in one.drift:
            _drift(page, drift, view, sign="!", ours=plan.mode is Mode.APPLY)
    for channel in one.not_applied:
        page.line("  . ", f"{channel}: this version of temoctl checks this channel but does not apply it yet")
    for found in one.problems:
        page.blank()
        page.add(problem(found, view.cells))


def _steps(page: Page, steps: list[Step], view: View) -> None:
    for index, step in enumerate(steps):
        following = steps[index + 1] if index + 1 < len(steps) else None
        same = following is not None and _reason(following) == _reason(step) and not _has_more(step, view)
        _step(page, step, view, reason=not same)


def _has_more(step: Step, view: View) -> bool:
    return bool(step.changes or view.detail or _consequence(step) or step.wait_for or step.fix or step.forced_by)


def _step(page: Page, step: Step, view: View, *, reason: bool) -> None:
    sign = f"  {SIGN[step.action]:<3}"
    room = view.cells - len(sign) - 8 - _LABEL - 1 - _SYSTEM - 1
    page.line(
        (sign, STYLE[step.action]),
        (f"{WORD[step.action]:<8}", STYLE[step.action]),
        pad(step.label or step.address.tail, _LABEL) + " ",
        pad(step.detail, room) + " ",
        (cut(step.address.system, _SYSTEM), "dim"),
    )
    if consequence := _consequence(step):
        page.prose(consequence, indent="       ", style="bold")
    if view.detail:
        page.line("       ", (str(step.address) + ("" if step.ref is None else f"  ({step.ref})"), "dim"))
    _fields(page, step, view)
    if reason and step.because:
        page.prose(_reason(step), indent="       ", hang="         ", style="dim")
    if step.wait_for:
        page.prose(f"then wait: {step.wait_for}", indent="       ", hang="         ")
    if step.fix:
        page.prose(f"to do: {step.fix}", indent="       ", hang="         ")


def _reason(step: Step) -> str:
    return f"because {step.because}" + _from(step)


def _from(step: Step) -> str:
    if step.where is None or not step.where.file or step.where.file in step.because:
        return ""
    return f" ({step.where.file}:{step.where.line})" if step.where.line else f" ({step.where.file})"


def _consequence(step: Step) -> str:
    parts = []
    if step.money is not None:
        parts.append(str(step.money))
    if step.impact in IMPACT:
        parts.append(IMPACT[step.impact])
    if not step.reversible:
        parts.append("not reversible")
    if step.protected:
        parts.append("protected")
    return ", ".join(parts)


def _fields(page: Page, step: Step, view: View) -> None:
    if step.forced_by:
        page.prose(f"a new one is needed: {listing(list(step.forced_by))} can't be changed", indent="       ")
    if step.action is Action.CREATE and not view.detail:
        return
    shown = step.changes if view.detail else step.changes[:_FIELDS_SHOWN]
    for change in shown:
        page.line(
            "       ", cut(change_line(change), max(view.cells - 7, 20)) if not view.detail else change_line(change)
        )
    if len(step.changes) > len(shown):
        page.line(f"       and {len(step.changes) - len(shown)} more fields (--detail shows them)")


def _drift(page: Page, drift: Drift, view: View, *, sign: str, ours: bool = False) -> None:
    ending = " This plan puts ours back." if ours else ""
    page.prose(
        f"{drift.label}: {drift.summary.rstrip('.')}.{ending}", indent=f"  {sign}  ", hang="     ", style="yellow"
    )
    if view.detail:
        page.line("       ", (str(drift.address), "dim"))
    if ours and not view.detail:
        return
    shown = drift.changes if view.detail else drift.changes[:_FIELDS_SHOWN]
    for change in shown:
        page.line(
            "       ", cut(change_line(change), max(view.cells - 7, 20)) if not view.detail else change_line(change)
        )
    if len(drift.changes) > len(shown):
        page.line(f"       and {len(drift.changes) - len(shown)} more fields (--detail shows them)")


def _foot(page: Page, plan: Plan, noisy: list[TenantPlan], view: View) -> None:
    page.blank()
    quiet = len(plan.tenants) - len(noisy)
    if quiet:
        page.line(f"{count(quiet, 'tenant')} without changes.")
    if plan.mode is Mode.DRIFT:
        drifts = sum(len(one.drift) for one in noisy)
        page.line((f"{count(drifts, 'difference') if drifts else 'No drift seen'}. Nothing has been changed.", "bold"))
    else:
        ending = "." if view.going_to_apply else ". Nothing has been changed yet."
        page.line((_capital(totals(noisy)) + ending, "bold"))
    if money := _money(noisy):
        page.line(f"Money: {money}")
    _next(page, plan, noisy, view)


def _money(tenants: list[TenantPlan]) -> str:
    sums: dict[tuple[str, str | None], int] = {}
    for one in tenants:
        for step in one.steps:
            if step.money is not None:
                key = (step.money.currency, step.money.per)
                sums[key] = sums.get(key, 0) + step.money.minor
    from temoctl.model.money import Money

    return ", ".join(str(Money(minor, currency, per)) for (currency, per), minor in sorted(sums.items(), key=str))


def _next(page: Page, plan: Plan, noisy: list[TenantPlan], view: View) -> None:
    stopped = [one.tenant for one in noisy if _broken(one.problems)]
    if stopped:
        page.prose(f"Not possible as it stands for {listing(stopped)}: see the errors above.", style="bold red")
    names = [one.tenant for one in noisy if not _broken(one.problems) and (one.changes or one.drift)]
    if view.going_to_apply or not names:
        return
    who = command_for(names, view.everyone)
    if plan.partial:
        page.line("A plan of a part (--only, --except) can be read, not applied.")
    elif plan.mode is Mode.DRIFT:
        page.prose(f"Put ours back with: temoctl apply {who}")
    else:
        allow = "".join(f" --allow {name}" for name in sorted({a for one in noisy for a in one.allowances}))
        if allow:
            page.prose("Deleting customers' data needs to be allowed by name, as below.")
        verb = "destroy" if plan.mode is Mode.DESTROY else "apply"
        command = f"temoctl {verb} {view.file or who}{allow}"
        text = f"Go on with: {command}"
        if width(text) <= view.cells:
            page.line(text)
        else:
            page.line("Go on with:").prose(command, indent="  ", hang="    ")


def _broken(found: tuple[Diagnostic, ...]) -> bool:
    return any(one.severity is Severity.ERROR for one in found)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def impact_of(plan: Plan) -> Impact:
    """The worst thing the plan does, for the confirmation."""
    order = list(Impact)
    return max((step.impact for one in plan.tenants for step in one.steps), key=order.index, default=Impact.NONE)
