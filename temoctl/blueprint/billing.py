"""What a tenant pays: its customer and subscription at Stripe, the way to pay, and whether it is served.

Asked for only where platform.yaml has `systems.stripe`. Must not know what was paid: the standing asked for here is
that of a tenant in good order, and whoever reads the subscription puts the true one in its place.
"""

from __future__ import annotations

from temoctl.blueprint.builder import Builder
from temoctl.blueprint.catalogue import PRICE, PRODUCT, SYSTEM, plan_name, price_name
from temoctl.blueprint.tenant_workflow import SESSIONS
from temoctl.model.address import Address
from temoctl.model.standing import GOOD
from temoctl.model.value import Json, ref
from temoctl.spec.plan_spec import PlanSpec
from temoctl.spec.tenant import TenantSpec

CUSTOMER, SUBSCRIPTION, PAYMENT = "stripe.customer", "stripe.subscription", "stripe.payment"
STANDING = "supabase.standing"


def build(spec: TenantSpec, builder: Builder) -> None:
    """Ask for all of it; nothing where the platform doesn't bill."""
    context = builder.context
    section, plan = context.platform.systems.get(SYSTEM), context.plan
    if section is None or plan is None:
        return
    subscription = _subscription(spec, builder, plan, _customer(spec, builder))
    builder.add(
        builder.address(PAYMENT, "subscribe"),
        {
            "customer": builder.ref(CUSTOMER, "billing"),
            "subscription": builder.ref(SUBSCRIPTION, "plan"),
            "success_url": str(section.get("success_url") or ""),
        },
        "Way to pay",
        spec.where("plan"),
        detail=spec.company.contact.email,
    )
    if "supabase" in context.platform.systems:
        builder.add(
            builder.address(STANDING, "service"),
            {
                "sessions": ref(builder.shared(SESSIONS, "shared"), "schema"),
                "tenant_uid": builder.owner.uid,
                **GOOD.tree(),
            },
            "Service",
            spec.where("plan"),
            after=(subscription,),
        )


def _customer(spec: TenantSpec, builder: Builder) -> Address:
    company = spec.company
    return builder.add(
        builder.address(CUSTOMER, "billing"),
        {"name": company.name, "email": company.contact.email, "country": company.country},
        "Customer at Stripe",
        spec.where("company.contact"),
        detail=company.contact.email,
        field_where={
            "name": spec.where("company.name"),
            "email": spec.where("company.contact.email"),
            "country": spec.where("company.country"),
        },
    )


def _subscription(spec: TenantSpec, builder: Builder, plan: PlanSpec, customer: Address) -> Address:
    """The price is compared only where the plan reprices: else each keeps the one it began with (DECISIONS 23)."""
    currency, where = spec.company.currency, spec.where("plan")
    price = ref(builder.shared(PRICE, price_name(plan, currency)))
    props: dict[str, Json] = {
        "customer": ref(customer),
        "product": ref(builder.shared(PRODUCT, plan_name(plan.id))),
        "currency": currency.lower(),
        "interval": plan.interval,
        "price_for_new": price,
        "trial_days": plan.trial_days,
        "trial_end_behaviour": "pause",
    }
    if plan.reprice:
        props["price"] = price
    return builder.add(
        builder.address(SUBSCRIPTION, "plan"),
        props,
        "Subscription",
        where,
        detail=plan.id,
        field_where={
            "product": where,
            "currency": spec.where("company.currency"),
            "price": plan.where(f"price.{currency}"),
        },
        money=plan.cost(currency),
        after_leaving=True,
    )
