"""The simulated year, line by line, and what must hold at its end whatever happened in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from temoctl.app.billing_events import Heard
from temoctl.model.identity import Marker
from temoctl.systems.stripe.fake_store import CUSTOMERS, INVOICES, SUBSCRIPTIONS
from tests.year.__main__ import table
from tests.year.story import Row, told
from tests.year.world import KEYS, STRIPE_KEY, Year, play

EXPECTED = """\
2027-01-01 acme trialing active | waits for a card
2027-01-01 bolt trialing active | waits for a card
2027-01-01 calm trialing active | waits for a card
2027-01-05 acme trialing active | 1 to do
2027-01-05 acme trialing active | nothing to do
2027-01-05 calm trialing active | nothing to do
2027-01-16 acme active active | nothing to do
2027-01-16 bolt paused suspended | waits for a card
2027-01-16 calm active active | nothing to do
2027-01-30 bolt paused suspended | 2 to do
2027-01-30 bolt active active | nothing to do
2027-03-01 bolt active active | 4 to do
2027-03-01 bolt active active | nothing to do
2027-03-11 acme active active | nothing to do
2027-03-16 acme past_due warned | nothing to do
2027-03-20 acme past_due warned | nothing to do
2027-03-25 acme unpaid suspended | nothing to do
2027-03-31 acme active active | nothing to do
2027-04-30 acme active active | refused: TEMO254
2027-04-30 acme active active | 5 to do
2027-04-30 acme active active | nothing to do
2027-05-20 acme active active | nothing to do
2027-07-19 bolt canceled suspended | 2 to do, waits for a card
2027-07-19 bolt active active | nothing to do
2027-08-28 acme canceled - | no such tenant
2027-12-31 bolt active active | nothing to do
2027-12-31 calm active active | nothing to do
"""


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Year, list[Row]]:
    rows, story = told()
    return play(story, tmp_path_factory.mktemp("year")), rows


def paid(year: Year, customer: str) -> list[int]:
    bills = year.stripe.ledger.table(INVOICES).values()
    return [one["amount_paid"] for one in bills if one["customer"] == customer and one["amount_paid"]]


def lines(rows: list[Row]) -> str:
    said = [f"{r.day} {r.tenant} {r.status} {r.standing or '-'} | {r.answer}" for r in rows]
    return "\n".join(said) + "\n"


def test_every_line_of_the_year(played: tuple[Year, list[Row]]) -> None:
    assert lines(played[1]) == EXPECTED


def test_the_year_is_the_same_when_events_overtake_answers(tmp_path: Path) -> None:
    """Stripe tells of a change before it answers the call that made it: nothing of it is on record yet."""
    rows, story = told()

    async def hasty(year: Year) -> None:
        year.stripe.early = True
        await story(year)

    play(hasty, tmp_path)
    assert lines(rows) == EXPECTED


def test_the_table_can_be_printed(played: tuple[Year, list[Row]]) -> None:
    _, rows = played
    lines = table(rows).splitlines()
    assert len(lines) == len(rows) + 2
    assert max(map(len, lines)) <= 120


def test_nobody_pays_too_much(played: tuple[Year, list[Row]]) -> None:
    """Upgrade, downgrade and repaid debts without a cent of proration."""
    year, _ = played
    assert paid(year, year.customer("calm")) == [2900] * 12
    assert paid(year, year.customer("acme")) == [7900] * 4 + [2900] * 4
    assert set(paid(year, year.customer("bolt"))) == {2900, 7900}


def test_each_event_had_one_effect_though_it_came_twice(played: tuple[Year, list[Row]]) -> None:
    year, _ = played
    handled = [one.event for one in year.heard if one.heard is Heard.HANDLED]
    repeated = [one.event for one in year.heard if one.heard is Heard.REPEATED]
    audited = [row.detail["event"] for _, row in year.state.audit if row.action == "stripe-event"]
    assert len(handled) > 50
    assert sorted(handled) == sorted(set(handled)) == sorted(repeated) == sorted(audited)
    assert {one.heard for one in year.heard} == {Heard.HANDLED, Heard.REPEATED, Heard.IGNORED}
    assert not year.complaints


def test_there_is_one_of_each(played: tuple[Year, list[Row]]) -> None:
    """Nobody has two customers, or two subscriptions at a time."""
    year, _ = played
    for table_name in (CUSTOMERS, SUBSCRIPTIONS):
        living = [
            one
            for one in year.stripe.ledger.table(table_name).values()
            if not one.get("deleted") and one.get("status") not in ("canceled", "incomplete_expired")
        ]
        owners = [marker.owner.uid for one in living if (marker := Marker.search(str(one["metadata"])))]
        assert sorted(owners) == sorted({year.uid("bolt"), year.uid("calm")}), table_name


def test_who_left_left_nothing_that_acts(played: tuple[Year, list[Row]]) -> None:
    year, _ = played
    assert not [row for row in year.state.resources if row[0] == year.uid("acme")]
    assert year.standing("acme") == ""
    assert year.stripe.ledger.table(CUSTOMERS)[year.customer("acme")]["deleted"]


def test_no_secret_and_no_link_is_kept(played: tuple[Year, list[Row]]) -> None:
    year, _ = played
    secrets = [year.stripe.events.secret(name) for name in year.stripe.ledger.table("endpoints")]
    assert secrets
    kept = [
        year.state.audit,
        year.state.reads,
        year.state.inbox,
        year.state.resources,
        year.state.intents,
        year.state.runs,
    ]
    for table_kept in kept:
        text = str(table_kept)
        for canary in (*secrets, STRIPE_KEY, *KEYS.values(), "checkout.stripe.com", "billing.stripe.com"):
            assert canary not in text
    assert sum(what == "payment link" for _, _, _, what in year.state.reads) == 3


def test_the_files_are_left_alone(played: tuple[Year, list[Row]]) -> None:
    year, _ = played
    assert sorted(path.name for path in Path(year.root / "tenant_specs").glob("*.yaml")) == ["bolt.yaml", "calm.yaml"]
