"""What an outside witness says about the resource that it proves (DESIGN promise 2: works means works).

A witness (a bot's webhook) is never changed by us. When it is wrong, the resource whose doing it is (the ingress
workflow) is set up again; when it belongs to somebody else, nothing of that resource is touched and a person is
asked.
"""

from __future__ import annotations

from collections.abc import Mapping

from temoctl.model.address import Address
from temoctl.model.identity import Identity
from temoctl.model.resource import Doubt, Presence
from temoctl.model.step import Action
from temoctl.planner.decide import Reason
from temoctl.planner.drafts import CHANGING, Draft
from temoctl.planner.wording import blocked, repair


def heed(drafts: Mapping[Address, Draft]) -> None:
    """Let every desired witness have its effect on the resource that it proves."""
    for witness in drafts.values():
        desired = witness.finding.views.desired
        if desired is None or witness.finding.views.kind.identity is not Identity.WITNESS:
            continue
        proven = drafts.get(desired.witness_of) if desired.witness_of is not None else None
        if proven is None:
            continue
        if _foreign(witness):
            _block(drafts, witness, proven)
        elif witness.reason is Reason.WITNESS:
            _repair(witness, proven)
        elif proven.effect and (witness.action is None or witness.reason is Reason.RECORD_BEHIND):
            witness.action, witness.reason = Action.WAIT, Reason.WITNESS


def _foreign(witness: Draft) -> bool:
    seen = witness.finding.views.seen
    return seen.presence is Presence.UNKNOWN and seen.doubt is Doubt.FOREIGN


def _repair(witness: Draft, proven: Draft) -> None:
    there = proven.finding.views.seen.presence is Presence.PRESENT
    if not there or proven.effect or not proven.desired:
        return
    if proven.action is None or (proven.action is Action.ADOPT and proven.finding.views.same_ref):
        proven.action, proven.reason = Action.UPDATE, Reason.CHANGED
        proven.repair = repair(witness.label)
    elif proven.action is Action.ADOPT:
        proven.repair = repair(witness.label)


def _block(drafts: Mapping[Address, Draft], witness: Draft, proven: Draft) -> None:
    """Turn every change of the proven resource and of what depends on it into a question."""
    reason = blocked(witness.label, witness.finding.views.seen.why)
    reached, frontier = {proven.address}, [proven]
    while frontier:
        draft = frontier.pop()
        if draft.action in CHANGING and draft.desired:
            draft.action, draft.reason = Action.ASK, Reason.DOUBT
            draft.blocked, draft.blocked_by = reason, witness.finding.views.seen
        for other in drafts.values():
            if draft.address in other.links and other.address not in reached and other is not witness:
                reached.add(other.address)
                frontier.append(other)
