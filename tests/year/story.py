"""A year of three tenants, told as the rows of a table: what happens, and what Stripe, the chat and a plan say then."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from temoctl.app.links import link_in
from temoctl.model.step import Action
from tests.sim import play
from tests.sim.specs import Wish
from tests.year.world import Year

BASE = {("products", "Catalogue"): ("01,Tea,1.00", "02,Milk,2.00")}
ACME = Wish("acme", plan="BUSINESS", channels=("telegram", "second"), bases=BASE)
BOLT = Wish("bolt", plan="START", bases=BASE)
CALM = Wish("calm", plan="START", bases=BASE)


@dataclass(frozen=True)
class Row:
    """One line of the table. `calls` are requests to Stripe since the line before, events' readings included."""

    day: str
    tenant: str
    what: str
    status: str
    standing: str
    answer: str
    calls: int


@dataclass
class Teller:
    """Lets things happen and takes them down."""

    year: Year
    rows: list[Row] = field(default_factory=list)
    counted: int = 0

    async def row(self, tenant: str, what: str) -> None:
        """What is so now; the plan that is asked changes nothing, and is counted."""
        await self.year.settle()
        answer = await self._answer(tenant)
        calls, self.counted = self.year.calls() - self.counted, self.year.calls()
        day = datetime.fromtimestamp(self.year.clock.now(), UTC).strftime("%Y-%m-%d")
        year = self.year
        self.rows.append(Row(day, tenant, what, year.status(tenant), year.standing(tenant), answer, calls))

    async def _answer(self, tenant: str) -> str:
        report = await self.year.command(play.plan(tenant))
        if report.plan is None:
            return "no such tenant" if report.refused.startswith("TEMO101") else report.refused
        (mine,) = report.plan.tenants
        errors = [one.code for one in mine.problems if one.severity.value == "error"]
        if errors:
            return f"refused: {', '.join(sorted(set(errors)))}"
        said = [f"{len(mine.changes)} to do"] if mine.changes else []
        said += ["waits for a card" for step in mine.steps if step.action is Action.ASK]
        return ", ".join(said) or "nothing to do"

    async def apply(self, *tenants: str) -> None:
        report = await self.year.command(play.apply(*tenants))
        assert not report.troubles, report.troubles

    async def pay_at_checkout(self, tenant: str) -> None:
        """The link is made, sent to the client, and opened; nothing of it is kept anywhere."""
        link = await self.year.command(lambda world: link_in(world, tenant))
        await self.year.stripe.pay(link.url)


async def tell(teller: Teller) -> None:
    """The year. Days are days of the year, each at 9 o'clock."""
    year, stripe = teller.year, teller.year.stripe
    for wish in (ACME, BOLT, CALM):
        year.write(wish)
        await year.give_secrets(wish.id, *wish.channels)
    await teller.apply()
    await teller.row("acme", "set up, two channels, 14 days of trial")
    await teller.row("bolt", "set up, one channel, 14 days of trial")
    await teller.row("calm", "set up, one channel, 14 days of trial")

    await year.until(5)
    await teller.pay_at_checkout("acme")
    await teller.row("acme", "the client enters a card")
    await teller.apply("acme")
    await teller.row("acme", "applied: the card is used")
    await teller.pay_at_checkout("calm")
    await teller.apply("calm")
    await teller.row("calm", "the client enters a card; applied")

    await year.until(16)
    await teller.row("acme", "the trial is over, 79 EUR paid")
    await teller.row("bolt", "the trial is over, no card")
    await teller.row("calm", "the trial is over, 29 EUR paid")

    await year.until(30)
    await teller.pay_at_checkout("bolt")
    await teller.row("bolt", "the client enters a card")
    await teller.apply("bolt")
    await teller.row("bolt", "applied: the pause is over, 29 EUR paid")

    await year.until(60)
    year.write(replace(BOLT, plan="BUSINESS", channels=("telegram", "second")))
    await year.give_secrets("bolt", "second")
    await teller.row("bolt", "asks for BUSINESS and a second channel")
    await teller.apply("bolt")
    await teller.row("bolt", "applied: the same item, no proration")

    await year.until(70)
    await stripe.give_card(year.customer("acme"), good=False)
    await teller.row("acme", "changes to a card that will be declined")
    await year.until(75)
    await teller.row("acme", "79 EUR were declined")
    await year.until(79)
    await teller.row("acme", "declined again")
    await year.until(84)
    await teller.row("acme", "declined for the last time")

    await year.until(90)
    await stripe.give_card(year.customer("acme"))
    await stripe.pay_due(year.customer("acme"))
    await teller.row("acme", "another card, and pays what is due")

    await year.until(120)
    year.write(replace(ACME, plan="START"))
    await teller.row("acme", "asks for START and keeps two channels")
    year.write(replace(ACME, plan="START", channels=("telegram",)))
    await teller.row("acme", "gives the second channel up")
    await teller.apply("acme")
    await teller.row("acme", "applied: START from the next invoice on")
    await year.until(140)
    await teller.row("acme", "29 EUR paid")

    await year.until(200)
    subscription = stripe.subscription_of(year.customer("bolt"))
    assert subscription is not None
    stripe.subscriptions.cancel({}, str(subscription["id"]))
    await teller.row("bolt", "somebody cancels in Stripe's Dashboard")
    await teller.apply("bolt")
    await teller.row("bolt", "applied: a new subscription, the old card")

    await year.until(240)
    report = await year.command(play.destroy("acme"))
    assert not report.troubles, report.troubles
    (year.root / "tenant_specs" / "acme.yaml").unlink()
    await teller.row("acme", "destroyed: canceled and deleted")

    await year.until(365)
    await teller.row("bolt", "the year is over")
    await teller.row("calm", "the year is over, paid twelve times")


Story = Callable[[Year], Awaitable[None]]


def told() -> tuple[list[Row], Story]:
    """The rows, which fill as the story is played."""
    rows: list[Row] = []

    async def story(year: Year) -> None:
        await tell(Teller(year, rows))

    return rows, story
