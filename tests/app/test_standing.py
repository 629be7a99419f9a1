"""Whether a tenant is served follows from its subscription: `apply` writes it, and the next plan is empty."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from temoctl.model.address import Address
from temoctl.model.standing import DAY, moment
from tests.app.toy import PLATFORM, Vendors, project, vendors
from tests.cli.conftest import Temoctl, temoctl

__all__ = ["project", "temoctl", "vendors"]

STRIPE = "  stripe: {api_key: {env: TEST_KEY}, webhook_url: https://temo.example}\n"
SUBSCRIPTION, SERVICE = "aurora/stripe.subscription.plan", "aurora/supabase.standing.service"
OPEN_GATE = 3


@pytest.fixture
def billed(temoctl: Temoctl, project: Path) -> Temoctl:
    """A platform with billing, and everything applied."""
    (project / "platform.yaml").write_text(PLATFORM.replace("shared:\n", STRIPE + "shared:\n"))
    temoctl.ready()
    done = temoctl.run("apply", "--all", "--yes")
    assert done.code == OPEN_GATE, done.out + done.err
    return temoctl


def pays(vendors: Vendors, status: str, **outputs: Any) -> None:
    """What Stripe says from now on."""
    vendors.objects[SUBSCRIPTION]["outputs"] |= {"status": status, **outputs}


def service(vendors: Vendors) -> dict[str, Any]:
    props: dict[str, Any] = vendors.objects[SERVICE]["props"]
    return props


def steps(temoctl: Temoctl, *words: str) -> list[str]:
    planned = temoctl.run("plan", "aurora", "--json", *words)
    return [
        f"{one['action']} {one['address']}" for one in planned.json["steps"] if one["action"] not in ("ask", "wait")
    ]


def test_a_new_tenant_is_served_and_the_next_plan_is_empty(billed: Temoctl, vendors: Vendors) -> None:
    assert service(vendors)["state"] == "active"
    assert steps(billed) == []
    assert billed.run("plan", "aurora", "--detailed-exitcode").code == OPEN_GATE


@pytest.mark.parametrize("status", ["unpaid", "paused"])
def test_who_does_not_pay_is_suspended_and_served_again_when_they_do(
    billed: Temoctl, vendors: Vendors, status: str
) -> None:
    pays(vendors, status)
    assert steps(billed) == [f"update {SERVICE}"]
    shown = billed.run("plan", "aurora").out
    assert "active" in shown and "suspended" in shown
    assert billed.run("apply", "aurora", "--yes").code == OPEN_GATE
    assert (service(vendors)["state"], bool(service(vendors)["why"])) == ("suspended", True)
    assert steps(billed) == []
    pays(vendors, "active")
    assert billed.run("apply", "aurora", "--yes").code == OPEN_GATE
    assert (service(vendors)["state"], service(vendors)["why"]) == ("active", "")
    assert steps(billed) == []


def test_a_late_payment_warns_then_suspends(billed: Temoctl, vendors: Vendors) -> None:
    due = int(time.time()) - 2 * DAY
    pays(vendors, "past_due", due_since=due)
    assert billed.run("apply", "aurora", "--yes").code == OPEN_GATE
    assert (service(vendors)["state"], service(vendors)["until"]) == ("warned", moment(due + 7 * DAY))
    assert steps(billed) == [], "the same warning tomorrow"
    pays(vendors, "past_due", due_since=due - 6 * DAY)
    assert billed.run("apply", "aurora", "--yes").code == OPEN_GATE
    assert (service(vendors)["state"], service(vendors)["until"]) == ("suspended", "")
    pays(vendors, "past_due", due_since=int(time.time()))
    assert steps(billed) == [], "the next month's invoice is no new patience"


def test_the_days_are_the_platforms_to_say(billed: Temoctl, vendors: Vendors) -> None:
    file = billed.root / "platform.yaml"
    file.write_text(file.read_text() + "defaults: {billing: {past_due_days: 1}}\n")
    pays(vendors, "past_due", due_since=int(time.time()) - 2 * DAY)
    assert billed.run("apply", "aurora", "--yes").code == OPEN_GATE
    assert service(vendors)["state"] == "suspended"


def test_what_an_event_wrote_is_neither_drift_nor_a_change(billed: Temoctl, vendors: Vendors) -> None:
    pays(vendors, "unpaid")
    vendors.edit(SERVICE, state="suspended", why="the invoices of the subscription were not paid")
    assert steps(billed) == []
    assert billed.run("drift", "aurora", "--detailed-exitcode").code in (0, OPEN_GATE)
    vendors.edit(SERVICE, state="active")
    assert billed.run("drift", "aurora", "--detailed-exitcode").code == 2, "somebody served them all the same"


def test_a_subscription_that_ended_is_made_again_and_serves(billed: Temoctl, vendors: Vendors) -> None:
    del vendors.objects[SUBSCRIPTION]
    vendors.edit(SERVICE, state="suspended", why="there is no subscription")
    assert f"create {SUBSCRIPTION}" in steps(billed) and f"update {SERVICE}" in steps(billed)
    assert billed.run("apply", "aurora", "--yes").code == OPEN_GATE
    assert service(vendors)["state"] == "active"
    assert steps(billed) == []


def test_a_paused_one_whose_card_came_is_served_by_the_plan_that_resumes_it(billed: Temoctl, vendors: Vendors) -> None:
    pays(vendors, "paused")
    assert billed.run("apply", "aurora", "--yes").code == OPEN_GATE
    vendors.edit(SUBSCRIPTION, payment="paused although there is a card")
    planned = {one["address"]: one for one in billed.run("plan", "aurora", "--json").json["steps"]}
    assert planned[SUBSCRIPTION]["action"] == "update"
    assert [one["after"] for one in planned[SERVICE]["changes"] if one["path"] == "state"] == ["active"]


def test_an_outage_suspends_nobody(billed: Temoctl, vendors: Vendors) -> None:
    pays(vendors, "unpaid")
    vendors.silent.add("stripe")
    assert not [one for one in steps(billed) if SERVICE in one]


def test_a_saved_plan_is_stale_once_somebody_paid(billed: Temoctl, vendors: Vendors, tmp_path: Path) -> None:
    file = str(tmp_path / "aurora.plan")
    pays(vendors, "unpaid")
    assert billed.run("plan", "aurora", "--out", file).code == OPEN_GATE
    pays(vendors, "active")
    refused = billed.run("apply", file, "--yes")
    assert refused.code == 1 and "something was paid, or wasn't" in refused.out + refused.err
    pays(vendors, "unpaid")
    assert billed.run("apply", file, "--yes").code == OPEN_GATE
    assert service(vendors)["state"] == "suspended"


def test_where_nobody_bills_any_more_the_row_goes(billed: Temoctl, vendors: Vendors) -> None:
    (billed.root / "platform.yaml").write_text(PLATFORM)
    assert f"delete {SERVICE}" in steps(billed)


def test_where_nobody_bills_nothing_is_asked(temoctl: Temoctl, vendors: Vendors) -> None:
    temoctl.ready()
    assert temoctl.run("apply", "--all", "--yes").code == 0
    assert not [address for address in vendors.objects if "stripe" in address or "standing" in address]


def test_a_tenant_waits_for_a_platform_of_its_version(temoctl: Temoctl, vendors: Vendors) -> None:
    temoctl.ready()
    assert temoctl.run("apply", "--all", "--yes").code == 0
    address = Address.parse("platform/supabase.sessions.shared")
    (uid,) = [row.uid for row in vendors.state.tenants.values() if row.tenant == "platform"]
    before = vendors.state.resources[uid, address]
    vendors.state.resources[uid, address] = replace(before, props={**before.props, "template": "0" * 64})
    vendors.edit(str(address), template="0" * 64)
    refused = temoctl.run("plan", "aurora")
    assert refused.code == 5 and "TEMO125" in refused.out
    assert temoctl.run("drift", "aurora").code == 0
    assert temoctl.run("apply", "--all", "--yes").code == 0
    assert temoctl.run("plan", "aurora").code == 0
