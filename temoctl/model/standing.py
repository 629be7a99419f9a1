"""A tenant's standing: served, warned or suspended, as its subscription says (DECISIONS 22). Pure.

Must not know who writes it down (`apply`, Stripe's events) or who heeds it (the core workflow).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from temoctl.model.value import Json

DAY = 86400.0

_SUSPENDED = {
    "unpaid": "the invoices of the subscription were not paid",
    "paused": "the trial ended without a means of payment",
    "canceled": "the subscription was canceled",
    "incomplete_expired": "the first payment never came",
}
_NOBODY_PAYS = "there is no subscription"


class State(StrEnum):
    ACTIVE = "active"
    WARNED = "warned"  # served as usual, until the day named
    SUSPENDED = "suspended"  # customers get a notice, no answer


@dataclass(frozen=True, slots=True)
class Standing:
    """`why` is for people who run the tenant, never for its customers. Times are seconds since the epoch.

    `until` is when a warning ends; `since` when the payment was due that failed, kept by the suspension that follows.
    """

    state: State
    why: str = ""
    until: float | None = None
    since: float | None = None

    def at(self, now: float) -> Standing:
        """What it is worth at a moment: a warning whose time is up is a suspension."""
        if self.state is State.WARNED and self.until is not None and now >= self.until:
            return Standing(State.SUSPENDED, self.why, since=self.since)
        return self

    def tree(self) -> dict[str, Json]:
        """The fields of a row: times as texts of whole seconds in UTC, "" for none."""
        return {
            "state": self.state.value,
            "why": self.why,
            "until": moment(self.until),
            "since": moment(self.since),
        }


GOOD = Standing(State.ACTIVE)


def moment(seconds: float | None) -> str:
    """`2026-11-30T10:00:00Z`; "" for none."""
    if seconds is None:
        return ""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds_of(text: str) -> float | None:
    """The other way round."""
    return datetime.fromisoformat(text).timestamp() if text else None


def standing_of(
    subscription: Mapping[str, Json] | None, *, past_due_since: float | None, past_due_days: int, now: float
) -> Standing:
    """The standing that follows from a subscription's outputs (`status`); None where there is no subscription.

    `past_due_since` is when the payment was due that failed; None takes `now`. Give the `since` that is written down
    where it is earlier: the next period begins while the first is still unpaid. A status nobody knows yet suspends
    nobody. A trial is active until it ends; without a card Stripe pauses it then.
    """
    status = str(subscription.get("status", "")) if subscription else ""
    if not status:
        return Standing(State.SUSPENDED, _NOBODY_PAYS)
    if status in _SUSPENDED:
        return Standing(State.SUSPENDED, _SUSPENDED[status])
    if status != "past_due":
        return GOOD
    since = int(now if past_due_since is None else past_due_since)
    day = datetime.fromtimestamp(since, UTC)
    why = f"a payment is due since {day.day} {day:%b %Y}"
    return Standing(State.WARNED, why, since + past_due_days * DAY, since).at(now)
