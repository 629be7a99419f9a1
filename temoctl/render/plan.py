"""A plan as a screen: what would change, why, what can't be undone, what it costs, what a person must do.

Business words first; addresses and unchanged counts under detail. Must not decide what is in the plan.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from temoctl.model.address import Address
from temoctl.model.diagnostic import Diagnostic, Severity
from temoctl.model.money import Money
from temoctl.model.plan import Mode, Plan, TenantPlan
from temoctl.model.step import Action, Drift, FieldChange, Step
from temoctl.render.diagnostics import problem
from temoctl.render.page import Page
from temoctl.render.text import age, count, cut, listing, pad, safe, width
from temoctl.render.words import IMPACT, SIGN, STYLE, WORD, change_line, command_for, drift_line, totals

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
    revision: str = ""


def plan_page(plan: Plan, view: View) -> Page:
    """The whole screen. A plan without anything to say is one line."""
    page = Page(view.cells)
    noisy = [one for one in plan.tenants if _says_something(one)]
    if not noisy:
        page.line((_nothing(plan), "green"))
        if plan.mode is Mode.APPLY:
            _not_applied(page, plan.tenants)
        return page
    _head(page, plan, view)
    for one in noisy:
        _tenant(page, one, plan, view)
    _foot(page, plan, noisy, view)
    return page


def _says_something(one: TenantPlan) -> bool:
    return bool(one.steps or one.problems or one.drift)


def _not_applied(page: Page, tenants: Sequence[TenantPlan]) -> None:
    """One line for all channels that this version checks only."""
    channels = sorted({channel for one in tenants for channel in one.not_applied})
    if channels:
        who = count(sum(bool(one.not_applied) for one in tenants), "tenant")
        page.prose(f"Checked but not yet applied by this version: {listing(channels)} ({who}).")


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
    facts = [f"live view {age(view.now - plan.created_at)}"]
    if len(plan.tenants) == 1 and plan.tenants[0].inputs.spec and plan.mode is not Mode.DESTROY:
        stand = f" ({view.revision})" if view.revision else ""
        facts.insert(0, f"spec {plan.tenants[0].inputs.spec[:7]}{stand}")
    if plan.mode is not Mode.DRIFT:
        facts.append(f"expires {datetime.fromtimestamp(plan.expires_at, view.zone):%H:%M}")
    name = f"{title} of {who}" if plan.mode is Mode.DRIFT else f"{title} {plan.id} for {who}"
    if width("   ".join((name, *facts))) <= view.cells:
        page.line((name, "bold"), "   " + "   ".join(facts))
    else:
        page.line((name, "bold"), f"   {facts[0]}").line("  " + "   ".join(facts[1:]))


def _tenant(page: Page, one: TenantPlan, plan: Plan, view: View) -> None:
    if len(plan.tenants) > 1:
        new = " (new)" if one.new else ""
        counted = totals([one]) if plan.mode is not Mode.DRIFT else count(len(one.drift), "difference")
        page.blank().line((f"{one.tenant}{new}", "bold"), f"   {counted}" if one.steps or one.drift else "")
    moved = {drift.address for drift in one.drift}
    if plan.mode is Mode.DRIFT:
        for drift in one.drift:
            _drift(page, drift, view)
        unclear = [step for step in one.steps if step.action in (Action.ASK, Action.WAIT) and step.code]
        _steps(page, [step for step in unclear if step.address not in moved], view)
    else:
        _steps(page, list(one.steps), view, moved if plan.mode is Mode.APPLY else frozenset())
        stepped = {step.address for step in one.steps}
        for drift in one.drift:
            if drift.address not in stepped:
                _drift(page, drift, view)
    for found in one.problems:
        page.blank()
        page.add(problem(found, view.cells))


def _steps(page: Page, steps: list[Step], view: View, moved: Collection[Address] = ()) -> None:
    """Rows; steps that follow each other for one reason share its line. `moved` are changed behind our back."""
    group: list[Step] = []
    for step in steps:
        if group and _reason_key(step) != _reason_key(group[-1]):
            _because(page, group)
            group = []
        _step(page, step, view)
        group.append(step)
        if step.changes or step.wait_for or step.fix or step.forced_by:
            _because(page, group, moved)
            group = []
            _then(page, step)
    if group:
        _because(page, group)


def _reason_key(step: Step) -> tuple[str, str]:
    return step.because, step.where.file if step.where else ""


def _step(page: Page, step: Step, view: View) -> None:
    sign = f"  {SIGN[step.action]:<3}"
    room = view.cells - len(sign) - 8 - _SYSTEM - 1
    label = step.label or step.address.tail
    words = f"{pad(label, _LABEL)} {step.detail}" if width(label) < _LABEL else f"{label}  {step.detail}"
    page.line(
        (sign, STYLE[step.action]),
        (f"{WORD[step.action]:<8}", STYLE[step.action]),
        pad(safe(words.rstrip()), room) + " ",
        (cut(step.address.system, _SYSTEM), "dim"),
    )
    if consequence := _consequence(step):
        page.prose(consequence, indent="       ", style="bold")
    if view.detail:
        page.line("       ", (str(step.address) + ("" if step.ref is None else f"  ({step.ref})"), "dim"))
    _fields(page, step, view)


def _because(page: Page, group: list[Step], moved: Collection[Address] = ()) -> None:
    """The reason that a group of steps shares, with the lines of the spec that ask for them."""
    because = group[0].because
    if because and group[-1].address in moved:
        ours = "" if group[-1].action in (Action.ASK, Action.WAIT) else " This plan puts ours back."
        words = f"!  {because}.{ours}"
        page.prose(words, indent="       ", hang="          ", style="yellow")
    elif because:
        page.prose(f"because {because}{_from(group)}", indent="       ", hang="         ", style="dim")


def _from(group: list[Step]) -> str:
    where = group[0].where
    if where is None or not where.file or where.file in group[0].because:
        return ""
    lines = sorted({step.where.line for step in group if step.where and step.where.line})
    return f" ({where.file}:{', '.join(map(str, lines))})" if lines else f" ({where.file})"


def _then(page: Page, step: Step) -> None:
    if step.wait_for:
        page.prose(f"then wait: {step.wait_for}", indent="       ", hang="         ")
    if step.fix:
        page.prose(f"to do: {step.fix}", indent="       ", hang="         ")
    if step.code:
        page.line(f"       more: temoctl explain {step.code}")


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
    _changes(page, step.changes, view, change_line)


def _changes(page: Page, changes: tuple[FieldChange, ...], view: View, tell: Callable[[FieldChange], str]) -> None:
    shown = changes if view.detail else changes[:_FIELDS_SHOWN]
    for change in shown:
        line = tell(change)
        page.line("       ", line if view.detail else cut(safe(line), max(view.cells - 7, 20)))
    if len(changes) > len(shown):
        page.line(f"       and {count(len(changes) - len(shown), 'more field')} (--detail shows them)")


def _drift(page: Page, drift: Drift, view: View) -> None:
    page.prose(f"{drift.label}: {drift.summary.rstrip('.')}.", indent="  !  ", hang="     ", style="yellow")
    if view.detail:
        page.line("       ", (str(drift.address), "dim"))
    _changes(page, drift.changes, view, drift_line)


def _foot(page: Page, plan: Plan, noisy: list[TenantPlan], view: View) -> None:
    page.blank()
    quiet = len(plan.tenants) - len(noisy)
    if quiet:
        page.line(f"{count(quiet, 'tenant')} without changes.")
    if plan.mode is Mode.DRIFT:
        drifts = sum(len(one.drift) for one in noisy)
        page.line((f"{count(drifts, 'difference') if drifts else 'No drift seen'}. Nothing has been changed.", "bold"))
    else:
        counted = _capital(totals(noisy)) + "." if any(one.steps for one in noisy) else ""
        ending = "" if view.going_to_apply else "Nothing has been changed yet."
        page.line((f"{counted} {ending}".strip(), "bold"))
    if money := _money(noisy):
        page.line(f"Money: {money}")
    if plan.mode is Mode.APPLY:
        _not_applied(page, plan.tenants)
    _next(page, plan, noisy, view)


def _money(tenants: list[TenantPlan]) -> str:
    sums: dict[tuple[str, str | None], int] = {}
    for one in tenants:
        for step in one.steps:
            if step.money is not None:
                key = (step.money.currency, step.money.per)
                sums[key] = sums.get(key, 0) + step.money.minor
    return ", ".join(str(Money(minor, currency, per)) for (currency, per), minor in sorted(sums.items(), key=str))


def _next(page: Page, plan: Plan, noisy: list[TenantPlan], view: View) -> None:
    stopped = [one.tenant for one in noisy if _broken(one.problems)]
    if stopped:
        page.prose(f"Not possible as it stands for {listing(stopped)}: see the errors above.", style="bold red")
    names = [one.tenant for one in noisy if not _broken(one.problems) and (one.changes or one.drift or _record(one))]
    if view.going_to_apply or not names:
        return
    who = command_for(names, view.everyone)
    if plan.partial:
        page.line("A plan of a part (--only, --except) can be read, not applied.")
    elif plan.mode is Mode.DRIFT:
        page.prose(f"Put ours back with: temoctl apply {who}")
    else:
        allowances = sorted({a for one in noisy for a in one.allowances})
        allow = f" --allow {','.join(allowances)}" if allowances else ""
        if allow:
            page.prose("Deleting customers' data has to be allowed by name, as in the command below.")
        verb = "destroy" if plan.mode is Mode.DESTROY else "apply"
        page.line("Go on with:" if allow else f"Go on with: temoctl {verb} {view.file or who}")
        if allow:
            page.line(f"  temoctl {verb} {view.file or who}{allow}")


def _record(one: TenantPlan) -> bool:
    """Nothing changes, but there is something to look at and take down."""
    return any(step.action is Action.WAIT and not step.code for step in one.steps)


def _broken(found: tuple[Diagnostic, ...]) -> bool:
    return any(one.severity is Severity.ERROR for one in found)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
