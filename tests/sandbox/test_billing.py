"""A client at the sandbox's till: real processes, from a link to a suspended tenant and back."""

from __future__ import annotations

import json
from collections.abc import Iterator

import psutil
import pytest

from tests.acceptance.command import Desk

pytestmark = pytest.mark.postgres

WAITING = 3


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(tmp_path_factory.mktemp("till"))
    made.copy_examples()
    (made.project / "tenant_specs" / "nordwind.yaml").unlink()
    try:
        made.must("sandbox", "start")
        made.must("sandbox", "billing", "clients", "away")
        made.must("apply", "--all", "--yes", codes=(WAITING,))
        yield made
    finally:
        made.run("sandbox", "stop")


def bill(desk: Desk) -> dict[str, object]:
    (found,) = [one["bill"] for one in desk.ask("status")["tenants"] if one["tenant"] == "aurora"]
    return found  # type: ignore[no-any-return]


def heard(desk: Desk) -> list[dict[str, str]]:
    return [json.loads(line) for line in (desk.world / "events.log").read_text().splitlines()]


def services(desk: Desk) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "serve" in words and str(desk.project) in words and process.status() != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


def test_a_tenants_first_weeks(desk: Desk) -> None:
    """One story: on trial, a link, a card, paid, declined, suspended, settled."""
    assert desk.run("plan", "--all").returncode == WAITING
    assert "waiting for a person" in desk.must("status")
    assert bill(desk)["status"] == "trialing"

    link = desk.ask("status", "aurora", "--link")
    assert link["url"].startswith("https://checkout.stripe.com/") and link["expires"]
    desk.must("sandbox", "billing", "pay", "aurora", "--link", link["url"])
    assert "run `temoctl apply aurora`" in str(bill(desk)["undone"])
    desk.must("apply", "aurora", "--yes")
    assert desk.run("plan", "--all", "--detailed-exitcode").returncode == 0
    assert "billing.stripe.com" in desk.must("status", "aurora", "--link"), "once paid it is the portal"

    desk.must("sandbox", "billing", "advance", "15d")
    assert bill(desk)["status"] == "active"
    assert any(one["type"] == "invoice.paid" and one["heard"] == "handled" for one in heard(desk))

    desk.must("sandbox", "billing", "card", "aurora", "--failing")
    desk.must("sandbox", "billing", "advance", "32d")
    late = bill(desk)
    assert late["status"] == "past_due" and late["due"] == {"minor": 2900, "currency": "EUR", "per": None}
    assert "29.00 EUR due" in desk.must("status")
    desk.must("sandbox", "billing", "advance", "10d")
    suspended = bill(desk)
    assert (suspended["status"], suspended["standing"]["state"]) == ("unpaid", "suspended")  # type: ignore[index]
    assert desk.run("plan", "--all", "--detailed-exitcode").returncode == 0, "the event wrote what a plan would ask for"
    assert desk.run("drift", "--all", "--detailed-exitcode").returncode == 0

    desk.must("sandbox", "billing", "card", "aurora")
    desk.must("sandbox", "billing", "settle", "aurora")
    back = bill(desk)
    assert (back["status"], back["standing"]["state"]) == ("active", "active")  # type: ignore[index]


def test_the_service_runs_once_and_comes_back_when_it_is_killed(desk: Desk) -> None:
    (one,) = services(desk)
    one.kill()
    one.wait(10)
    desk.must("sandbox", "billing", "advance", "31d")
    (again,) = services(desk)
    assert again.pid != one.pid
    assert heard(desk)[-1]["heard"] == "handled"


def test_status_without_stripe_shows_what_is_on_record(desk: Desk) -> None:
    desk.must("sandbox", "fault", "add", "denied", "--system", "stripe", "--count", "-1")
    try:
        found = bill(desk)
        assert found["plan"] == "START" and found["doubt"]
        assert "as the last apply left it" in desk.must("status")
    finally:
        desk.must("sandbox", "fault", "clear", "--system", "stripe")


def test_what_makes_no_sense_is_said(desk: Desk) -> None:
    assert desk.run("sandbox", "billing", "advance", "-1d").returncode == 5
    assert desk.run("sandbox", "billing", "advance", "soon").returncode == 5
    assert "TEMO806" in desk.run("sandbox", "billing", "card", "nobody").stderr
    assert "no open Checkout page" in desk.run("sandbox", "billing", "pay", "aurora").stderr
    assert desk.run("status", "--link").returncode == 5
    assert desk.run("status", "nobody", "--link").returncode == 5


def test_nothing_of_it_outlives_the_sandbox(desk: Desk) -> None:
    assert services(desk)
    desk.must("sandbox", "stop")
    assert not services(desk)
    desk.must("sandbox", "start")
    assert bill(desk)["status"] == "active", "customers and their time are kept over a stop"
    stand_ins = psutil.Process(json.loads((desk.world / "serving.json").read_text())["pid"])
    desk.must("sandbox", "billing", "advance", "31d")
    (service,) = services(desk)
    stand_ins.kill()
    service.wait(10)
    assert not services(desk), "it ended with who started it"
