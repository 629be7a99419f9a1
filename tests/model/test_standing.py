"""What each state of a subscription means for the tenant's service."""

from __future__ import annotations

import pytest

from temoctl.model.standing import DAY, GOOD, Standing, State, moment, seconds_of, standing_of

DUE = 1_790_000_000.0


def standing(status: str, *, now: float = DUE, since: float | None = DUE, days: int = 7) -> Standing:
    return standing_of({"status": status}, past_due_since=since, past_due_days=days, now=now)


@pytest.mark.parametrize("status", ["trialing", "active", "incomplete", "a status of next year"])
def test_served(status: str) -> None:
    assert standing(status) == GOOD


@pytest.mark.parametrize("status", ["unpaid", "paused", "canceled", "incomplete_expired"])
def test_suspended_with_a_reason(status: str) -> None:
    found = standing(status)
    assert found.state is State.SUSPENDED
    assert found.why
    assert found.until is None


def test_nobody_pays() -> None:
    assert standing_of(None, past_due_since=None, past_due_days=7, now=DUE).state is State.SUSPENDED
    assert standing_of({}, past_due_since=None, past_due_days=7, now=DUE).state is State.SUSPENDED


def test_a_late_payment_warns_for_the_days_configured() -> None:
    first = standing("past_due")
    assert (first.state, first.until) == (State.WARNED, DUE + 7 * DAY)
    assert standing("past_due", now=DUE + 7 * DAY - 1) == first, "the same on every day of it"
    after = standing("past_due", now=DUE + 7 * DAY)
    assert (after.state, after.why, after.until, after.since) == (State.SUSPENDED, first.why, None, DUE)
    assert first.at(DUE + 8 * DAY) == after
    assert standing("past_due", days=0).state is State.SUSPENDED


def test_without_a_date_the_days_begin_now() -> None:
    assert standing("past_due", since=None, now=DUE + 5).until == DUE + 5 + 7 * DAY


def test_as_a_row() -> None:
    assert standing("past_due").tree() == {
        "state": "warned",
        "why": "a payment is due since 21 Sep 2026",
        "until": "2026-09-28T14:13:20Z",
        "since": "2026-09-21T14:13:20Z",
    }
    assert GOOD.tree() == {"state": "active", "why": "", "until": "", "since": ""}
    assert seconds_of(moment(DUE)) == DUE
    assert seconds_of("") is None
