"""Drafts → steps: everything a person needs to judge an action, and everything the engine needs to run it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from temoctl.model.address import Address
from temoctl.model.diagnostic import Where
from temoctl.model.kind import Impact, ReplaceOrder
from temoctl.model.money import Money
from temoctl.model.plan import Mode
from temoctl.model.resource import Doubt, Observed, Presence
from temoctl.model.step import Action, Drift, FieldChange, Step
from temoctl.planner import wording
from temoctl.planner.decide import Reason
from temoctl.planner.drafts import CHANGING, DELETE, TWIN, Draft
from temoctl.planner.gather import impact_of

_SHOWS_CHANGES = CHANGING | {Action.WAIT, Action.ASK}


def steps_of(draft: Draft, mode: Mode) -> Iterator[Step]:
    """The steps of one address, without their needs."""
    if draft.action is not None:
        yield _main(draft, mode)
    if draft.action is Action.REPLACE:
        yield _old(draft)
    for seen, ruling in draft.twins:
        if ruling.action is not None:
            yield _twin(draft, seen, ruling.action, mode)


def _main(draft: Draft, mode: Mode) -> Step:
    views, action = draft.finding.views, draft.action
    assert action is not None
    said = _words(draft, mode)
    changes = draft.finding.changes if action in _SHOWS_CHANGES and action is not Action.CREATE else ()
    gone = action in (Action.DELETE, Action.FORGET)
    return Step(
        id=str(draft.address),
        address=draft.address,
        action=action,
        because=said.because,
        label=draft.label,
        detail=_detail(draft),
        where=_where(draft),
        impact=_impact(draft),
        reversible=_reversible(draft),
        money=_money(draft),
        changes=changes,
        forced_by=draft.finding.forced_by if action is Action.REPLACE or draft.reason is Reason.PROTECTED else (),
        desired=None if gone else views.desired,
        ref=_ref(draft),
        fingerprint=views.seen.fingerprint,
        allowance=_allowance(draft),
        protected=views.protected,
        repair=bool(draft.repair),
        wait_for=_wait_for(draft),
        fix=said.fix,
        code=said.code,
        depends_on=_depends_on(draft),
    )


def _old(draft: Draft) -> Step:
    """The deleting half of a replace: removes the object that was there, never the record of the new one."""
    views = draft.finding.views
    first = views.kind.replace is ReplaceOrder.DELETE_FIRST
    return Step(
        id=str(draft.address) + DELETE,
        address=draft.address,
        action=Action.DELETE,
        because="the old one goes before the new one is made" if first else "the new one has taken its place",
        label=draft.label,
        detail=_detail(draft),
        where=_where(draft),
        impact=_impact(draft),
        reversible=_reversible(draft),
        money=_money_of_old(draft),
        ref=views.seen.ref,
        fingerprint=views.seen.fingerprint,
        allowance=_allowance(draft),
        depends_on=tuple(sorted(draft.held)),
    )


def _twin(draft: Draft, seen: Observed, action: Action, mode: Mode) -> Step:
    kind, leftover = draft.finding.views.kind, action is Action.DELETE
    return Step(
        id=f"{draft.address}{TWIN}{seen.ref}",
        address=draft.address,
        action=action,
        because=wording.twin(leftover, mode, draft.desired),
        label=draft.label,
        detail=f"second object, {draft.address.system} id {seen.ref}",
        where=_where(draft),
        impact=impact_of(kind, "delete", ()) if leftover and not draft.desired else Impact.NONE,
        reversible=not leftover or (kind.reversible and not kind.data),
        ref=seen.ref,
        fingerprint=seen.fingerprint,
        allowance=f"delete:{kind.key}" if leftover and kind.data else "",
        fix="" if leftover else f"remove the one that isn't needed in {draft.address.system}, then plan again",
        code="" if leftover else "TEMO407",
    )


def _words(draft: Draft, mode: Mode) -> wording.Words:
    if draft.blocked:
        seen = draft.blocked_by
        return wording.Words(draft.blocked, seen.fix if seen else "", (seen.code if seen else "") or "TEMO403")
    if draft.repair and draft.action is Action.UPDATE:
        return wording.Words(draft.repair)
    said = wording.words(draft.finding, draft.reason, mode)
    lost = _losses(draft)
    return replace(said, because=f"{said.because}; {'; '.join(lost)}") if lost else said


def _losses(draft: Draft) -> list[str]:
    """What this change would destroy, as the system counted it for the fields that differ."""
    if draft.action not in (Action.UPDATE, Action.ADOPT):
        return []
    losses = draft.finding.views.seen.losses
    changed = {re.split(r"[.\[]", one.path, maxsplit=1)[0] for one in draft.finding.changes}
    return [words for name, words in sorted(losses.items()) if name in changed]


def _detail(draft: Draft) -> str:
    views = draft.finding.views
    if views.desired is not None and views.desired.detail:
        return views.desired.detail
    return views.recorded.detail if views.recorded is not None else ""


def _where(draft: Draft) -> Where | None:
    views = draft.finding.views
    if views.desired is not None:
        return views.desired.where
    return views.recorded.where if views.recorded is not None else None


def _ref(draft: Draft) -> str | None:
    if draft.action is Action.CREATE:
        return None
    views = draft.finding.views
    if views.seen.presence is Presence.PRESENT:
        return views.seen.ref
    return views.recorded.ref if views.recorded is not None else None


def _impact(draft: Draft) -> Impact:
    kind = draft.finding.views.kind
    if _losses(draft):
        return Impact.DATA_LOSS
    match draft.action:
        case Action.CREATE | Action.UPDATE | Action.REPLACE | Action.DELETE:
            return impact_of(kind, draft.action.value, draft.finding.changes)
        case Action.ADOPT if draft.finding.changes:
            return impact_of(kind, "update", draft.finding.changes)
        case _:
            return Impact.NONE


def _reversible(draft: Draft) -> bool:
    kind = draft.finding.views.kind
    if draft.action in (Action.DELETE, Action.REPLACE):
        return kind.reversible and not kind.data
    return not _losses(draft)


def _allowance(draft: Draft) -> str:
    kind = draft.finding.views.kind
    if _losses(draft):
        return f"lose:{kind.key}"  # narrower than "delete:", which would let the whole thing go
    return f"delete:{kind.key}" if kind.data and draft.action in (Action.DELETE, Action.REPLACE) else ""


def _money(draft: Draft) -> Money | None:
    """What this step changes in what things cost from now on. What it costs now, its output `money` says."""
    desired = draft.finding.views.desired
    wanted = desired.money if desired is not None else None
    match draft.action:
        case Action.CREATE:
            return wanted
        case Action.DELETE:
            return _saved(_cost_now(draft))
        case Action.REPLACE:
            return wanted.change_from(_cost_now(draft)) if wanted is not None else None
        case Action.UPDATE | Action.ADOPT if _prices_change(draft):
            return wanted.change_from(_cost_now(draft)) if wanted is not None else None
        case _:
            return None


def _money_of_old(draft: Draft) -> Money | None:
    """What the old half of a replace no longer costs, where the new one's price couldn't be set off against it."""
    desired, now = draft.finding.views.desired, _cost_now(draft)
    wanted = desired.money if desired is not None else None
    return None if wanted is None or now is None or wanted.like(now) else _saved(now)


def _saved(cost: Money | None) -> Money | None:
    return Money(-cost.minor, cost.currency, cost.per) if cost is not None and cost.minor else None


def _cost_now(draft: Draft) -> Money | None:
    views = draft.finding.views
    outputs = views.seen.outputs if views.seen.presence is Presence.PRESENT else {}
    recorded = views.recorded.outputs if views.recorded is not None else {}
    return Money.read(outputs.get("money", recorded.get("money")))


def _prices_change(draft: Draft) -> bool:
    """True when a field that the spec asks for, and that means money, changes: not every such field is a price."""
    views = draft.finding.views
    asked = views.desired.props if views.desired is not None else {}
    return any(one.path in asked and views.kind.impact.get(one.path) is Impact.MONEY for one in draft.finding.changes)


def _wait_for(draft: Draft) -> str:
    if draft.action is not Action.WAIT:
        return ""
    if draft.reason is Reason.OUTAGE:
        return f"{draft.address.system} answers"
    return "set up as it should be"


def _depends_on(draft: Draft) -> tuple[Address, ...]:
    return tuple(sorted(draft.links if draft.desired else draft.held))


def drift_of(draft: Draft) -> Drift | None:
    """What changed behind our back at one address, told apart from what the spec changes."""
    views = draft.finding.views
    if views.recorded is None or views.desired is None:
        return None
    changes: tuple[FieldChange, ...] = tuple(one for one in draft.finding.changes if one.drift)
    summary = _drift_summary(draft, changes)
    return Drift(draft.address, draft.label, summary, changes) if summary else None


def _drift_summary(draft: Draft, changes: tuple[FieldChange, ...]) -> str:
    seen = draft.finding.views.seen
    note = f" ({seen.note})" if seen.note else ""
    match draft.reason:
        case Reason.GONE:
            return "was deleted outside temoctl"
        case Reason.UNMARKED:
            return f"our mark was taken off it{note}"
        case Reason.THEIRS | Reason.STRANGER:
            return "another object stands in its place"
        case Reason.FOUND:
            return "was exchanged for another object of ours outside temoctl"
        case Reason.DOUBT if seen.doubt is Doubt.FOREIGN and draft.finding.views.kind.watched_only:
            return seen.why
        case Reason.WITNESS if draft.action is Action.WAIT and (changes or not seen.ref):
            return "isn't as it was left"
        case _:
            fields = wording.listed([one.path for one in changes])
            return f"was changed outside temoctl{note}: {fields}" if changes else ""
