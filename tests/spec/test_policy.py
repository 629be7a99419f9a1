"""Plan limits: every excess named, both ways out; downgrades wait until what is too much is removed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from temoctl.spec.plan_spec import PlanSpec
from temoctl.spec.policy import downgrade_problems, excesses
from temoctl.spec.project import Project
from tests.spec.conftest import GOOD, place

TWO_MORE = "channels:\n  whatsapp: {phone: +49 30 1234567}\n  website: {origins: [https://aurora.example]}\n"


def test_every_excess_with_both_ways_out(load: Callable[..., Project]) -> None:
    text = GOOD.replace("channels:\n", TWO_MORE).replace("history_days: 14", "history_days: 15")
    text = text.replace("  products:\n", "  services: [{name: Rooms, source: upload}]\n  products:\n")
    errors = load(text).errors
    assert [one.code for one in errors] == ["TEMO251"] * 3
    channels, bases, days = errors
    assert channels.summary == "3 channels, and START allows 1"
    assert channels.fix == "Remove 2 of: whatsapp, website, telegram; or move to plan BUSINESS (79.00 EUR / month)."
    assert bases.fix.startswith("Remove 1 of: Catalogue, Rooms; or move to plan BUSINESS")
    assert days.fix.startswith("Set history_days to 14; or move to plan BUSINESS")
    assert days.where is not None
    assert (days.where.line, days.where.column) == place(text, "history_days")
    assert {one.tenant for one in errors} == {"aurora"}


def test_the_plan_offered_allows_everything_not_only_one_excess(load: Callable[..., Project]) -> None:
    text = GOOD.replace("channels:\n", TWO_MORE).replace("history_days: 14", "history_days: 200")
    assert all("or move to plan PRO" in one.fix for one in load(text).errors)


def test_when_no_plan_allows_it_that_is_said(load: Callable[..., Project]) -> None:
    (error,) = load(GOOD.replace("history_days: 14", "history_days: 4000")).errors
    assert "Set history_days to 14." in error.fix
    assert "no plan to move to" in error.fix


def test_comments_need_a_plan_with_comment_replies(load: Callable[..., Project]) -> None:
    text = GOOD.replace("channels:\n", "channels:\n  facebook: {page_id: '123456', comments: true}\n")
    assert [one.code for one in load(text).errors] == ["TEMO251", "TEMO252"]
    assert load(text.replace("plan: START", "plan: BUSINESS")).errors == ()


def test_rows_are_counted_over_all_tables(folder: Path, load: Callable[..., Project]) -> None:
    rows = "".join(f"{n},thing {n},1.00\n" for n in range(501))
    (folder / "tenant_specs/kb/aurora/menu.csv").write_text("sku,name,price\n" + rows)
    (error,) = load(read_files=True).errors
    assert error.code == "TEMO251"
    assert error.summary == "the knowledge base has 501 rows, and START allows 500"
    assert error.fix == "Take 1 rows out of the tables; or move to plan BUSINESS (79.00 EUR / month)."


def test_a_plan_without_limits_allows_anything(load: Callable[..., Project]) -> None:
    project = load(GOOD.replace("channels:\n", TWO_MORE).replace("plan: START", "plan: PRO"))
    assert project.errors == ()
    assert project.plans["PRO"].limits.channels is None


def test_a_downgrade_waits_until_excess_channels_are_removed(load: Callable[..., Project]) -> None:
    big = load(GOOD.replace("channels:\n", TWO_MORE).replace("plan: START", "plan: BUSINESS"))
    spec, plans = big.tenants["aurora"], big.plans
    shrunk = spec.model_copy(update={"plan": "START"})
    (refused,) = downgrade_problems(shrunk, plans, recorded_plan="BUSINESS", recorded_channels=["telegram", "whatsapp"])
    assert refused.code == "TEMO254"
    assert "can't go from BUSINESS to START yet" in refused.summary
    assert refused.detail == "Running now: whatsapp, telegram."
    assert refused.fix == "Remove 2 of: whatsapp, website, telegram; or stay on BUSINESS."
    assert downgrade_problems(spec, plans, recorded_plan="BUSINESS", recorded_channels=["telegram"]) == []
    assert downgrade_problems(spec, plans, recorded_plan="START", recorded_channels=["telegram"]) == []
    fits = load().tenants["aurora"]
    assert downgrade_problems(fits, plans, recorded_plan="BUSINESS", recorded_channels=spec.channels) == []


@pytest.mark.parametrize(("currency", "cost"), [("EUR", "+29.00 EUR / month"), ("USD", "+32.00 USD / month")])
def test_prices(load: Callable[..., Project], currency: str, cost: str) -> None:
    project = load()
    assert str(project.plans["START"].cost(currency)) == cost
    assert project.plans["START"].cost("GBP") is None
    assert excesses(project.tenants["aurora"], project.plans["START"], {}) == []


def test_a_changed_price_is_for_new_subscriptions_unless_the_plan_says_so(load: Callable[..., Project]) -> None:
    before = load().plans["START"]
    assert before.reprice is False
    after = PlanSpec.model_validate({**before.model_dump(mode="json"), "reprice": True})
    assert after.reprice is True
    assert after.digest != before.digest, "a plan made before asks again"


def test_what_has_too_much_is_kept_apart_from_what_is_wrong(load: Callable[..., Project]) -> None:
    too_much = load(GOOD.replace("channels:\n", TWO_MORE))
    assert (set(too_much.beyond), set(too_much.tenants)) == ({"aurora"}, set())
    assert len(too_much.beyond["aurora"].channels) == 3
    assert load(GOOD.replace("channels:\n", TWO_MORE).replace("country: DE", "country: Germany")).beyond == {}
    assert load().beyond == {}
