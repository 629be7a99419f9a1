"""Stripe as a system: the catalogue that all tenants share, and each tenant's customer, subscription and way to pay.

What Stripe does and doesn't do is in README.md. Must not know plans, blueprints, or who may use what.
"""

from __future__ import annotations

from temoctl.engine.protocol import Context, Limits, Plugin, System
from temoctl.systems.stripe.kinds import KINDS
from temoctl.systems.stripe.settings import StripeSettings


async def _connect(settings: StripeSettings, context: Context) -> System:
    from temoctl.systems.stripe.client import StripeApi
    from temoctl.systems.stripe.resources import StripeSystem

    api = StripeApi(
        settings.url,
        context.secrets["api_key"],
        clock=context.clock,
        slots=context.slots,
        timeout=settings.timeout or context.timeout,
        transport=context.transport,
    )
    return StripeSystem(api, test_clock=settings.test_clock, success_url=settings.success_url, settle=settings.settle)


plugin = Plugin(
    name="stripe",
    kinds=KINDS,
    settings=StripeSettings,
    connect=_connect,
    # A sandbox allows 25 calls a second in all; a live account that for each endpoint, and 100 in all.
    limits=Limits(concurrency=8, rate=24.0, burst=8, per_key=24.0),
    describe="Stripe: plans and prices, and each tenant's subscription",
    remains=(
        (
            "invoices, payments and the ended subscription at Stripe",
            "the law asks to keep them, and Stripe has no way to delete them",
        ),
        ("products, prices and features of former plans", "Stripe only archives what was ever sold"),
    ),
)
