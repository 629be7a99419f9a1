"""What a tenant pays, as lines below its name. Computes nothing but dates."""

from __future__ import annotations

from datetime import UTC, datetime

from temoctl.app.bills import TenantBill
from temoctl.model.money import Money
from temoctl.model.standing import State
from temoctl.render.page import Page

_WORDS = {
    "": "no subscription",
    "trialing": "on trial",
    "active": "paid",
    "past_due": "payment is late",
    "unpaid": "not paid",
    "paused": "paused",
    "canceled": "canceled",
    "incomplete": "the first payment is missing",
    "incomplete_expired": "the first payment never came",
}
_GOOD = ("trialing", "active")
_STYLE = {State.WARNED: "bold yellow", State.SUSPENDED: "bold red"}


def bill_lines(page: Page, one: TenantBill, *, now: float) -> None:
    """Plan and state, what is due, what comes next, whether it is served, and what somebody has to do."""
    style = "" if one.status in _GOOD else "bold yellow"
    page.prose(f"billing: {', '.join(_facts(one))}", indent="    ", hang="      ", style=style)
    standing = one.standing.at(now) if one.standing is not None else None
    if standing is not None and standing.state is not State.ACTIVE:
        until = f" until {_day(standing.until)}" if standing.until else ""
        why = f": {standing.why}" if standing.why else ""
        page.prose(
            f"service: {standing.state.value}{until}{why}", indent="    ", hang="      ", style=_STYLE[standing.state]
        )
    if one.waits:
        page.prose(f"subscribe: waiting for a person: {one.waits}", indent="    ", hang="      ", style="bold yellow")
        page.line(f"      get the link for the client with: temoctl status {one.tenant} --link")
    if one.undone:
        page.prose(f"subscribe: {one.undone}", indent="    ", hang="      ", style="bold yellow")
    if one.doubt:
        page.prose(f"as the last apply left it: {one.doubt}", indent="      ", hang="      ")


def _facts(one: TenantBill) -> list[str]:
    facts = [part for part in (one.plan, _WORDS.get(one.status, one.status)) if part]
    if one.trial_end is not None:
        facts[-1] += f" until {_day(one.trial_end)}"
    if one.due is not None:
        since = f" since {_day(one.due_since)}" if one.due_since is not None else ""
        facts.append(f"{amount(one.due)} due{since}")
    if one.ends_at is not None:
        facts.append(f"ends on {_day(one.ends_at)}")
    if one.next_at is not None and one.next_amount is not None:
        facts.append(f"next invoice {amount(one.next_amount)} on {_day(one.next_at)}")
    return facts


def amount(money: Money) -> str:
    """`29.00 EUR`: what is paid has no sign."""
    return str(Money(money.minor, money.currency)).removeprefix("+")


def _day(seconds: float | None) -> str:
    if seconds is None:
        return ""
    day = datetime.fromtimestamp(seconds, UTC)
    return f"{day.day} {day:%b %Y}"
