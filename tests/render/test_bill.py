"""What a tenant pays, as people read it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from temoctl.app.bills import TenantBill
from temoctl.model.money import Money
from temoctl.model.standing import Standing, State
from temoctl.render.bill import bill_lines
from temoctl.render.page import Page

NOW = datetime(2027, 1, 18, 12, tzinfo=UTC).timestamp()
DAY = 86400.0
PRICE = Money(2900, "EUR", "month")
GOOD = TenantBill("acme", "START", "active", next_at=NOW + 19 * DAY, next_amount=PRICE, standing=Standing(State.ACTIVE))


def lines(bill: TenantBill, *, cells: int = 120) -> list[str]:
    page = Page(cells)
    bill_lines(page, bill, now=NOW)
    return [line.strip() for line in page.plain().splitlines()]


@pytest.mark.parametrize(
    ("bill", "said"),
    [
        (GOOD, ["billing: START, paid, next invoice 29.00 EUR on 6 Feb 2027"]),
        (
            replace(GOOD, status="trialing", trial_end=NOW + 3 * DAY, next_at=NOW + 3 * DAY, waits="no card was given"),
            [
                "billing: START, on trial until 21 Jan 2027, next invoice 29.00 EUR on 21 Jan 2027",
                "subscribe: waiting for a person: no card was given",
                "get the link for the client with: temoctl status acme --link",
            ],
        ),
        (
            replace(
                GOOD,
                status="past_due",
                due=Money(2900, "EUR"),
                due_since=NOW - 2 * DAY,
                standing=Standing(State.WARNED, "a payment is due since 16 Jan 2027", NOW + 5 * DAY, NOW - 2 * DAY),
            ),
            [
                "billing: START, payment is late, 29.00 EUR due since 16 Jan 2027, "
                "next invoice 29.00 EUR on 6 Feb 2027",
                "service: warned until 23 Jan 2027: a payment is due since 16 Jan 2027",
            ],
        ),
        (
            replace(GOOD, standing=Standing(State.WARNED, "a payment is due", NOW - 1)),
            [
                "billing: START, paid, next invoice 29.00 EUR on 6 Feb 2027",
                "service: suspended: a payment is due",
            ],
        ),
        (
            replace(GOOD, ends_at=NOW + DAY, next_at=None, next_amount=None),
            ["billing: START, paid, ends on 19 Jan 2027"],
        ),
        (
            TenantBill("acme", "START", "", standing=Standing(State.SUSPENDED, "the subscription was canceled")),
            ["billing: START, no subscription", "service: suspended: the subscription was canceled"],
        ),
        (
            replace(GOOD, undone="a card was given, but isn't used yet: run `temoctl apply acme`"),
            [
                "billing: START, paid, next invoice 29.00 EUR on 6 Feb 2027",
                "subscribe: a card was given, but isn't used yet: run `temoctl apply acme`",
            ],
        ),
        (
            replace(GOOD, standing=None, doubt="Stripe does not answer"),
            [
                "billing: START, paid, next invoice 29.00 EUR on 6 Feb 2027",
                "as the last apply left it: Stripe does not answer",
            ],
        ),
        (
            replace(GOOD, status="a status of next year"),
            ["billing: START, a status of next year, next invoice 29.00 EUR on 6 Feb 2027"],
        ),
        (
            replace(GOOD, due=Money(500, "JPY"), due_since=None),
            ["billing: START, paid, 500 JPY due, next invoice 29.00 EUR on 6 Feb 2027"],
        ),
    ],
)
def test_each_state_in_words(bill: TenantBill, said: list[str]) -> None:
    assert lines(bill) == said
    assert all(len(line) <= 60 or "temoctl" in line for line in lines(bill, cells=60))
