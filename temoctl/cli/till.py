"""`temoctl sandbox billing …`: what customers do at Stripe's pages, and how time passes there."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from temoctl.cli.command import command, group, tenant_ids
from temoctl.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from temoctl.sandbox.billing import Account

app = group("Be a customer of Stripe's stand-in: pay, change cards, let time pass.")

Tenant = Annotated[str, typer.Argument(metavar="TENANT", help="The tenant's id.", autocompletion=tenant_ids)]
Failing = Annotated[bool, typer.Option("--failing", help="With a card that is declined when it is charged.")]
_UNITS = {"h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}


@command(app, "show")
def show(session: Session) -> None:
    """Show Stripe's customers and how far its time is ahead."""
    from temoctl.sandbox import billing

    shift, found = session.run(billing.accounts(_root(session)))
    _tell(session, found, shift)


@command(app, "pay")
def pay(
    session: Session,
    *,
    tenant: Tenant,
    link: Annotated[str, typer.Option(help="Which Checkout link, where it isn't the newest.")] = "",
    failing: Failing = False,
) -> None:
    """Open a tenant's Checkout link and enter a card."""
    from temoctl.sandbox import billing

    _tell(session, [session.run(billing.pay(_root(session), tenant, link=link, good=not failing))])


@command(app, "card")
def card(
    session: Session,
    *,
    tenant: Tenant,
    failing: Failing = False,
    away: Annotated[bool, typer.Option("--away", help="Take the card away instead.")] = False,
) -> None:
    """Change the card in the customer portal."""
    from temoctl.sandbox import billing

    _tell(session, [session.run(billing.card(_root(session), tenant, good=not failing, away=away))])


@command(app, "clients")
def clients(
    session: Session,
    *,
    habit: Annotated[str, typer.Argument(metavar="ready|away", help="ready: a card at once; away: nobody does.")],
) -> None:
    """Say whether new clients give a card by themselves, as they do from the start, or wait to be asked."""
    from temoctl.model.errors import UserError
    from temoctl.sandbox import billing

    if habit not in ("ready", "away"):
        raise UserError("TEMO100", f"'{habit}' is not what clients can be", fix="write ready or away")
    session.run(billing.be_ready(_root(session), ready=habit == "ready"))
    if session.json:
        return session.document({"format_version": 1, "clients": habit})
    said = "give a card at once" if habit == "ready" else "wait until somebody asks them for a card"
    return session.console.say(f"New clients {said}.")


@command(app, "settle")
def settle(session: Session, *, tenant: Tenant) -> None:
    """Pay all invoices that are due."""
    from temoctl.sandbox import billing

    _tell(session, [session.run(billing.settle(_root(session), tenant))])


@command(app, "advance")
def advance(
    session: Session,
    *,
    time: Annotated[str, typer.Argument(help="How long: 12h, 30d or 2w.")],
) -> None:
    """Let time pass at Stripe, for all its customers: trials end, invoices are charged."""
    from temoctl.sandbox import billing

    shift, found = session.run(billing.advance(_root(session), _seconds(time)))
    _tell(session, found, shift)


def _seconds(text: str) -> float:
    found = re.fullmatch(r"([0-9]{1,4})([hdw])", text)
    if found is None:
        from temoctl.model.errors import UserError

        raise UserError("TEMO100", f"'{text}' is not a time", fix="write hours, days or weeks: 12h, 30d, 2w")
    return int(found[1]) * _UNITS[found[2]]


def _tell(session: Session, found: Sequence[Account], shift: float | None = None) -> None:
    if session.json:
        ahead = {} if shift is None else {"ahead_seconds": shift}
        return session.document({"format_version": 1, **ahead, "customers": [asdict(one) for one in found]})
    if shift:
        now = datetime.fromtimestamp(datetime.now(UTC).timestamp() + shift, UTC)
        session.console.say(f"It is {now:%Y-%m-%d %H:%M} UTC at Stripe.")
    for one in found:
        due = "".join(f", {_amount(amount, currency)} due" for amount, currency in one.open)
        trial = f" until {_day(one.trial_end)}" if one.status == "trialing" and one.trial_end else ""
        session.console.say(f"{one.tenant}: {one.status or 'no subscription'}{trial}{due}")
    return session.console.say("Nobody is Stripe's customer yet.") if not found else None


def _amount(minor: int, currency: str) -> str:
    from temoctl.model.money import minor_digits

    digits = minor_digits(currency.upper())
    return f"{minor / 10**digits:.{digits}f} {currency.upper()}"


def _day(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"


def _root(session: Session) -> Path:
    from temoctl.app.world import find_root

    return find_root(session.place)
