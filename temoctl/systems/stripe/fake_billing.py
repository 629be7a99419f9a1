"""What time does to the stand-in's subscriptions: trials end, periods roll, invoices are charged, dunning runs out.

Time is whoever's it is: the account's, or a test clock's. Everything that is due happens in its order, however far
time has moved. Makes no calls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from temoctl.systems.stripe.fake_invoices import DRAFT, Invoices
from temoctl.systems.stripe.fake_people import People
from temoctl.systems.stripe.fake_store import CLOCKS, SUBSCRIPTIONS, Ledger, Refusal, Row
from temoctl.systems.stripe.fake_subscriptions import ENDED, Subscriptions, later

DAY = 86400
EXPIRES = 23 * 3600
"""Seconds until a subscription whose first payment never came is given up."""
_WARNING = 3 * DAY
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Dunning:
    """What the Dashboard sets for failed payments: days after the first failure to try again, and what then."""

    retry_days: tuple[int, ...] = (3, 5, 7)
    at_last: str = "cancel"  # or "unpaid", "past_due"


Due = tuple[int, Callable[[int], None]]


class Billing:
    """`run` lets everything happen that is due by now."""

    def __init__(
        self, ledger: Ledger, people: People, invoices: Invoices, subscriptions: Subscriptions, dunning: Dunning
    ) -> None:
        self._ledger, self._people = ledger, people
        self._invoices, self._subscriptions = invoices, subscriptions
        self.dunning = dunning
        self._quiet_until: float = 0.0

    def changed(self) -> None:
        """Somebody did something: what is due has to be looked at anew."""
        self._quiet_until = 0.0

    def run(self) -> None:
        if self._ledger.now() < self._quiet_until:
            return
        self._quiet_until = min((self._run(row) for row in self._subscriptions_now()), default=float("inf"))

    def _subscriptions_now(self) -> list[Row]:
        return list(self._ledger.table(SUBSCRIPTIONS).values())

    def _run(self, row: Row) -> float:
        """Bring one subscription up to its time. Returns when it has to be looked at again by the account's time."""
        now = self._ledger.now_for(row["customer"])
        for _ in range(_MOST):
            ahead = self._due(row)
            due = [one for one in ahead if one[0] <= now]
            if not due:
                by_wall = row["test_clock"] is None
                return min((float(at) for at, _ in ahead), default=float("inf")) if by_wall else float("inf")
            at, act = min(due, key=lambda one: one[0])
            act(at)
        raise AssertionError("time does not get anywhere")

    def advance(self, clock: str, to: int) -> Row:
        """Move a test clock; two intervals of its shortest subscription ahead at most."""
        row = self._ledger.get(CLOCKS, clock, "test clock")
        if to <= row["frozen_time"]:
            raise Refusal("The frozen time must be after the clock's current one.", param="frozen_time")
        if to > self._furthest(clock, row["frozen_time"]):
            raise Refusal(
                "Time can be advanced by two intervals of the shortest subscription at most.", param="frozen_time"
            )
        row["frozen_time"] = to
        self.changed()
        self.run()
        return {**row, "status": "advancing"}

    def _furthest(self, clock: str, now: int) -> int:
        """Two intervals of the shortest subscription on the clock; two years where it has none."""
        prices = [
            item["price"]
            for row in self._subscriptions_now()
            if row["test_clock"] == clock and row["status"] not in ENDED
            for item in row["items"]["data"]
        ]
        ends = [later(later(now, price, now), price, now) for price in prices]
        return min(ends, default=now + 2 * 365 * DAY)

    def _due(self, row: Row) -> list[Due]:
        """All that will happen to a subscription if nobody does anything."""
        status = row["status"]
        if status in ENDED:
            return []
        period_end = row["items"]["data"][0]["current_period_end"]
        due: list[Due] = []
        if status == "incomplete":
            due.append((row["created"] + EXPIRES, lambda at: self._expire(row, at)))
        if status == "trialing":
            due.append((row["trial_end"], lambda at: self._trial_is_over(row, at)))
            if not row.get("_warned"):
                due.append((row["trial_end"] - _WARNING, lambda at: self._warn(row, at)))
        if status in ("active", "past_due", "unpaid"):
            due.append((period_end, lambda at: self._roll(row, at)))
        due += [self._due_of(row, bill) for bill in self._invoices.of(row["id"]) if bill["auto_advance"]]
        return [one for one in due if one[0] >= 0]

    def _due_of(self, row: Row, bill: Row) -> Due:
        if bill["status"] == "draft":
            return bill["_finalises"], lambda at: self._charge_first(row, bill, at)
        if bill["status"] == "open" and bill["next_payment_attempt"] is not None:
            return bill["next_payment_attempt"], lambda at: self._charge(row, bill, at)
        return -1, lambda _: None

    # -- what happens

    def _warn(self, row: Row, at: int) -> None:
        row["_warned"] = True
        self._ledger.tell("customer.subscription.trial_will_end", row, max(at, row["trial_start"]))

    def _expire(self, row: Row, at: int) -> None:
        self._subscriptions.end(row, at, "payment_failed", "incomplete_expired")

    def _trial_is_over(self, row: Row, at: int) -> None:
        free = row["items"]["data"][0]["price"]["unit_amount"] == 0
        behaviour = row["trial_settings"]["end_behavior"]["missing_payment_method"]
        if row["cancel_at_period_end"]:
            self._subscriptions.end(row, at, "cancellation_requested")
        elif not free and self._people.paying(row) is None and behaviour == "cancel":
            self._subscriptions.end(row, at, "payment_failed")
        elif not free and self._people.paying(row) is None and behaviour == "pause":
            row["status"] = "paused"
            self._ledger.tell("customer.subscription.paused", row, at)
            self._ledger.tell("customer.subscription.updated", row, at)
        else:
            row["status"] = "active"
            self._next_period(row, at)

    def _roll(self, row: Row, at: int) -> None:
        if row["cancel_at_period_end"]:
            self._subscriptions.end(row, at, "cancellation_requested")
        else:
            self._next_period(row, at)

    def _next_period(self, row: Row, at: int) -> None:
        self._subscriptions.begin_period(row, at)
        bill = self._invoices.make(row, at=at, reason="subscription_cycle")
        if row["status"] == "unpaid":
            bill["auto_advance"] = False  # drafts pile up, and nobody is charged
        else:
            bill["_finalises"] = at + DRAFT
            bill["automatically_finalizes_at"] = at + DRAFT
        self._ledger.tell("customer.subscription.updated", row, at)

    def _charge_first(self, row: Row, bill: Row, at: int) -> None:
        self._invoices.finalise(bill, at)
        self._charge(row, bill, at)

    def _charge(self, row: Row, bill: Row, at: int) -> None:
        """One try to get an invoice paid; what comes of it for the subscription."""
        if self._invoices.try_to_pay(bill, row, at):
            self._subscriptions.settle(row, at)
            return
        days = self.dunning.retry_days
        tried = bill["_tries"]
        bill["_tries"] = tried + 1
        first = bill.setdefault("_failed_at", at)
        before = row["status"]
        if tried < len(days):
            bill["next_payment_attempt"] = first + days[tried] * DAY
            row["status"] = "past_due" if before == "active" else before
        else:
            bill["next_payment_attempt"] = None
            self._give_up(row, at)
        if row["status"] != before and row["status"] not in ENDED:
            self._ledger.tell("customer.subscription.updated", row, at)

    def _give_up(self, row: Row, at: int) -> None:
        match self.dunning.at_last:
            case "cancel":
                self._subscriptions.end(row, at, "payment_failed")
            case "unpaid":
                row["status"] = "unpaid"
            case _:
                row["status"] = "past_due"
