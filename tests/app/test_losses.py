"""Whoever lets a part of the data go is told which part, before anything is done."""

from __future__ import annotations

import pytest

from temoctl.app.guard import check_allowed
from temoctl.model.address import Address
from temoctl.model.errors import UserError
from temoctl.model.plan import TenantPlan
from temoctl.model.step import Action, Step

KEPT = Address("acme", "mongodb", "collection", "messages")
WHY = "the spec changed: retention_days; 7 messages older than 5 days will be deleted"


def plan(action: Action, allowance: str) -> TenantPlan:
    step = Step(str(KEPT), KEPT, action, WHY, "Kept messages", "5 days", allowance=allowance)
    return TenantPlan("acme", "u", False, 1, (step,))


def test_a_part_that_goes_is_named_with_its_number() -> None:
    with pytest.raises(UserError) as caught:
        check_allowed([plan(Action.UPDATE, "lose:mongodb.collection")], [], command="temoctl apply acme")
    assert f"acme: Kept messages 5 days: {WHY}" in caught.value.detail
    assert "--allow lose:mongodb.collection" in caught.value.fix


def test_a_whole_thing_that_goes_is_named_as_such() -> None:
    with pytest.raises(UserError) as caught:
        check_allowed([plan(Action.DELETE, "delete:mongodb.collection")], [], command="temoctl destroy acme")
    assert caught.value.detail.endswith("acme: Kept messages 5 days")


def test_the_one_allowance_is_not_the_other() -> None:
    with pytest.raises(UserError):
        check_allowed([plan(Action.DELETE, "delete:mongodb.collection")], ["lose:mongodb.collection"], command="x")
    check_allowed([plan(Action.UPDATE, "lose:mongodb.collection")], ["lose:mongodb.collection"], command="x")
