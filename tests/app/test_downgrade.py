"""Another plan: what was applied last is on record, and a step down waits for the channels that are too many."""

from __future__ import annotations

from pathlib import Path

from temoctl.model.errors import Refused
from tests.app.test_standing import OPEN_GATE, SUBSCRIPTION, billed
from tests.app.toy import Vendors, project, vendors
from tests.cli.conftest import Temoctl, temoctl

__all__ = ["billed", "project", "temoctl", "vendors"]

SECOND = "  second: {kind: telegram, token: {secret: telegram/second}}\n"


def respec(root: Path, *changes: tuple[str, str]) -> None:
    path = root / "tenant_specs" / "aurora.yaml"
    text = path.read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text)


def plan_of(vendors: Vendors, tenant: str = "aurora") -> str:
    return next(row.plan for row in vendors.state.tenants.values() if row.tenant == tenant)


def test_a_change_of_plan_is_noted_even_where_it_changes_nothing_else(temoctl: Temoctl, vendors: Vendors) -> None:
    temoctl.ready()
    assert temoctl.run("apply", "--all", "--yes").code == 0
    first = plan_of(vendors)
    assert f"plan: {first}" in (temoctl.root / "tenant_specs" / "aurora.yaml").read_text()
    respec(temoctl.root, (f"plan: {first}", "plan: PRO"))
    shown = temoctl.run("plan", "aurora")
    assert f"the tenant goes from plan {first} to PRO" in shown.out
    assert temoctl.run("apply", "aurora", "--yes").code == 0
    assert plan_of(vendors) == "PRO"
    assert "TEMO129" not in temoctl.run("plan", "aurora").out


def test_a_failed_run_leaves_the_old_plan_on_record(billed: Temoctl, vendors: Vendors) -> None:
    first = plan_of(vendors)
    respec(billed.root, (f"plan: {first}", "plan: PRO"))
    vendors.fails["subscription.plan"] = Refused("TEMO730", "Stripe says no")
    assert billed.run("apply", "aurora", "--yes").code in (1, 4)
    assert plan_of(vendors) == first
    assert billed.run("apply", "aurora", "--yes").code == OPEN_GATE
    assert plan_of(vendors) == "PRO"


def test_a_step_down_waits_for_the_channels_that_are_too_many(billed: Temoctl, vendors: Vendors) -> None:
    first = plan_of(vendors)
    token = "333333333:AAsecond-token-for-tests-000000000000"
    assert billed.run("secrets", "set", "aurora", "telegram/second", stdin=token).code == 0
    respec(billed.root, (f"plan: {first}", "plan: PRO"), ("channels:\n", f"channels:\n{SECOND}"))
    assert billed.run("apply", "aurora", "--yes").code == OPEN_GATE
    bought = dict(vendors.objects[SUBSCRIPTION]["props"])

    respec(billed.root, ("plan: PRO", "plan: START"))
    refused = billed.run("apply", "aurora", "--yes")
    assert refused.code == 5
    said = refused.out + refused.err
    assert "TEMO254" in said and "can't go from PRO to START yet" in said and "TEMO251" not in said
    assert "Running now: second, telegram." in said
    assert vendors.objects[SUBSCRIPTION]["props"] == bought and plan_of(vendors) == "PRO"

    respec(billed.root, (SECOND, ""))
    steps = {one["id"]: one for one in billed.run("plan", "aurora", "--json").json["steps"]}
    gone = {name for name, one in steps.items() if one["action"] == "delete"}
    assert gone and gone <= set(steps[SUBSCRIPTION]["needs"]), "the plan is smaller once the channel is gone"
    vendors.fails["workflow.second-ingress"] = Refused("TEMO702", "n8n says no")
    assert billed.run("apply", "aurora", "--yes").code == 4
    assert vendors.objects[SUBSCRIPTION]["props"] == bought and plan_of(vendors) == "PRO"
    assert billed.run("apply", "aurora", "--yes").code == OPEN_GATE
    assert vendors.objects[SUBSCRIPTION]["props"] != bought and plan_of(vendors) == "START"


def test_who_never_was_on_a_larger_plan_gets_the_ordinary_answer(temoctl: Temoctl) -> None:
    temoctl.ready()
    respec(temoctl.root, ("channels:\n", f"channels:\n{SECOND}"))
    refused = temoctl.run("plan", "aurora")
    assert refused.code == 5 and "TEMO251" in refused.out + refused.err
