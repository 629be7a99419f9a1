"""A change that destroys a part of what is kept says so, is never called reversible, and must be allowed by name."""

from __future__ import annotations

from typing import Any

from temoctl.model.address import Address
from temoctl.model.identity import Identity, Marker, Owner
from temoctl.model.kind import Impact, Kind
from temoctl.model.plan import Mode, RecordedTenant, TenantPlan, View
from temoctl.model.resource import Desired, Observed, Presence, Recorded
from temoctl.model.step import Action
from temoctl.model.value import UNKNOWN
from temoctl.planner import plan_tenant

OWNER = Owner("0123456789", "abcdefghjkmnpqrs")
KEPT = Address("acme", "mongodb", "collection", "messages")
KIND = Kind("mongodb", "collection", "kept messages", Identity.CHOSEN, data=True, reversible=False)
LOSS = {"days": "1,204 messages older than 7 days will be deleted"}


def planned(losses: dict[str, str], *, recorded: bool = True, **wanted: Any) -> TenantPlan:
    had = {"days": 30, "name": "messages"}
    seen = Observed(
        KEPT, Presence.PRESENT, ref="m", props=had, marker=Marker(OWNER, KEPT.kind, KEPT.name), losses=losses
    )
    rows = {KEPT: Recorded(KEPT, "m", had, had)} if recorded else {}
    return plan_tenant(
        "acme",
        uid=OWNER.uid,
        new=False,
        desired={KEPT: Desired(KEPT, {**had, **wanted}, "Kept messages")},
        recorded=RecordedTenant("acme", OWNER.uid, 1, resources=rows),
        view=View({KEPT: seen}),
        kinds={KIND.key: KIND},
        mode=Mode.APPLY,
        known=lambda address, output: UNKNOWN,
    )


def test_a_shorter_retention_names_what_goes_and_asks_for_it_by_name() -> None:
    for recorded in (True, False):
        (step,) = planned(LOSS, recorded=recorded, days=7).steps
        assert step.action is (Action.UPDATE if recorded else Action.ADOPT)
        assert step.impact is Impact.DATA_LOSS
        assert not step.reversible
        assert step.allowance == "lose:mongodb.collection"
        assert step.because.endswith("; 1,204 messages older than 7 days will be deleted")


def test_what_another_field_would_cost_is_not_told() -> None:
    (step,) = planned(LOSS, name="other").steps
    assert (step.impact, step.reversible, step.allowance) == (Impact.NONE, True, "")
    assert "1,204" not in step.because


def test_a_change_that_costs_nothing_is_an_ordinary_one() -> None:
    (step,) = planned({}, days=60).steps
    assert (step.impact, step.reversible, step.allowance) == (Impact.NONE, True, "")
