"""Stripe for the conformance kit: the system, through the real SDK, on its stand-in, in process and virtual time."""

from __future__ import annotations

from typing import Any

from temoctl.engine.clock import VirtualClock
from temoctl.engine.protocol import Context
from temoctl.engine.throttle import Throttle
from temoctl.model.address import PLATFORM, Address
from temoctl.model.identity import Owner, object_name
from temoctl.model.resource import Observed
from temoctl.model.secret import Secret
from temoctl.model.value import ref
from temoctl.systems.fake_http import Fault, InProcess
from temoctl.systems.stripe import plugin
from temoctl.systems.stripe.fake import FakeStripe
from temoctl.systems.stripe.fake_store import CUSTOMERS, ENDPOINTS, FEATURES, GRANTS, PORTALS, PRICES, PRODUCTS
from temoctl.systems.stripe.resources import StripeSystem
from temoctl.systems.stripe.settings import StripeSettings
from tests.conformance.rig import Sample

URL = "http://stripe.test"
KEY = "sk_test_canaryCanary0123456789"
OWNER = Owner("0123456789", "abcdefghjkmnpqrs")
AFTER = "https://agency.example/thanks"


def shared(kind: str, name: str) -> Address:
    return Address(PLATFORM, "stripe", kind, name)


def own(kind: str, name: str) -> Address:
    return Address("acme", "stripe", kind, name)


def a_product(plan: str, name: str) -> Sample:
    props = {"id": object_name(OWNER, plan), "name": name, "description": "For trying it out.", "active": True}
    return Sample(shared("product", plan), props, {**props, "name": f"{name} plus", "description": ""})


def a_price(plan: str, currency: str, amount: int, interval: str = "month") -> Sample:
    return Sample(
        shared("price", f"{plan}-{currency}"),
        {
            "product": ref(shared("product", plan)),
            "currency": currency,
            "unit_amount": amount,
            "interval": interval,
            "lookup_key": f"{object_name(OWNER, plan)}-{currency}",
            "active": True,
        },
    )


START, BUSINESS, FREE = a_product("start", "Start"), a_product("business", "Business"), a_product("free", "Free")
START_EUR, BUSINESS_EUR, FREE_EUR = (
    a_price("start", "eur", 2900),
    a_price("business", "eur", 7900),
    a_price("free", "eur", 0),
)
FEATURE = Sample(
    shared("feature", "comment-replies"),
    {"lookup_key": f"{object_name(OWNER, 'f')}-comment-replies", "name": "Comment replies", "active": True},
    {"lookup_key": f"{object_name(OWNER, 'f')}-comment-replies", "name": "Replies to comments", "active": True},
)
GRANT = Sample(
    shared("grant", "business-comment-replies"),
    {"product": ref(BUSINESS.address), "feature": ref(FEATURE.address)},
)
_HEARD = ["customer.subscription.updated", "customer.subscription.deleted", "invoice.payment_failed"]
ENDPOINT = Sample(
    shared("endpoint", "events"),
    {"url": "https://temoctl.example/stripe/events", "events": _HEARD, "description": "temoctl"},
    {"url": "https://temoctl.example/stripe/events", "events": [*_HEARD, "invoice.paid"], "description": "temoctl"},
)
_FEATURES = {
    "payment_method_update": {"enabled": True},
    "invoice_history": {"enabled": True},
    "customer_update": {"enabled": True, "allowed_updates": ["email", "address"]},
}
PORTAL = Sample(
    shared("portal", "default"),
    {"headline": "Your subscription", "features": _FEATURES, "active": True},
    {"headline": "Subscription and invoices", "features": _FEATURES, "active": True},
)
CUSTOMER = Sample(
    own("customer", "billing"),
    {"name": "Acme Coffee ", "email": "owner@acme.example", "country": "de"},
    {"name": "Acme Coffee", "email": "books@acme.example", "country": "DE"},
)


def a_subscription(product: Sample, price: Sample, /, **more: Any) -> dict[str, Any]:
    return {
        "customer": ref(CUSTOMER.address),
        "product": ref(product.address),
        "currency": "eur",
        "interval": "month",
        "price_for_new": ref(price.address),
        "trial_days": 14,
        "trial_end_behaviour": "pause",
        **more,
    }


SUBSCRIPTION = Sample(
    own("subscription", "plan"),
    a_subscription(START, START_EUR),
    a_subscription(BUSINESS, BUSINESS_EUR),
    after=(BUSINESS.address, BUSINESS_EUR.address),
)
PAYMENT = Sample(
    own("payment", "subscribe"),
    {"customer": ref(CUSTOMER.address), "subscription": ref(SUBSCRIPTION.address), "success_url": AFTER},
)
SAMPLES = (
    START,
    BUSINESS,
    START_EUR,
    BUSINESS_EUR,
    FEATURE,
    GRANT,
    ENDPOINT,
    PORTAL,
    CUSTOMER,
    SUBSCRIPTION,
    PAYMENT,
)
_TABLES = {
    "product": PRODUCTS,
    "price": PRICES,
    "feature": FEATURES,
    "endpoint": ENDPOINTS,
    "portal": PORTALS,
    "customer": CUSTOMERS,
    "grant": GRANTS,
}


class FakeRig:
    """Implements tests.conformance.rig.Rig."""

    can = frozenset({"count", "tamper", "foreign", "faults", "virtual"})
    faults = frozenset({"429", "500-before", "500-after", "lost", "late", "refuse", "denied"})
    owner = OWNER
    root = ""

    def __init__(self, system: StripeSystem, fake: FakeStripe, clock: VirtualClock, slots: Throttle) -> None:
        self.system, self.fake, self.clock, self.slots = system, fake, clock, slots

    @property
    def reads(self) -> int:
        return sum(1 for method, _ in self.fake.requests if method == "GET")

    @property
    def writes(self) -> int:
        return len(self.fake.requests) - self.reads

    async def tamper(self, sample: Sample, observed: Observed) -> None:
        row = self._row(sample, observed)
        match sample.address.kind:
            case "product" | "feature" | "customer":
                row["name"] = "Something else"
            case "price":
                row["lookup_key"] = "by-hand"  # merely taken away it would be as when a successor has it
            case "grant":  # a grant has nothing but itself: it is made anew, as by hand in the Dashboard
                del self.fake.ledger.table(GRANTS)[row["id"]]
                self.fake.catalogue.create_grant({"entitlement_feature": row["_feature"]}, row["_product"])
            case "endpoint":
                row["status"] = "disabled"
            case "portal":
                row["features"]["invoice_history"]["enabled"] = False
            case _:
                row["trial_settings"]["end_behavior"]["missing_payment_method"] = "cancel"

    def _row(self, sample: Sample, observed: Observed) -> dict[str, Any]:
        table = _TABLES.get(sample.address.kind, "subscriptions")
        return self.fake.ledger.table(table)[str(observed.ref)]

    async def foreign(self, sample: Sample) -> None:
        """An object of the same looks, made by somebody in the Dashboard."""
        fake, props = self.fake, dict(sample.props)
        match sample.address.kind:
            case "product":
                fake.catalogue.create_product({"id": props["id"], "name": props["name"]})
            case "price":
                product = next(iter(fake.ledger.table(PRODUCTS)))
                money = {"currency": "eur", "unit_amount": "2900", "recurring": {"interval": "month"}}
                fake.catalogue.create_price({"product": product, "lookup_key": props["lookup_key"], **money})
            case "feature":
                fake.catalogue.create_feature({"name": props["name"], "lookup_key": props["lookup_key"]})
            case "grant":
                business = fake.ledger.table(PRODUCTS)[object_name(OWNER, "business")]
                business["metadata"] = {}
                feature = next(iter(fake.ledger.table(FEATURES)))
                fake.catalogue.create_grant({"entitlement_feature": feature}, business["id"])
            case "endpoint":
                fake.events.create_endpoint({"url": props["url"], "enabled_events": props["events"]})
            case "portal":
                fake.checkout.create_configuration({"features": {"invoice_history": {"enabled": "true"}}})
            case "customer":
                fake.people.create_customer({"name": props["name"], "email": props["email"]})
            case _:
                customer, price = next(iter(fake.ledger.table(CUSTOMERS))), next(iter(fake.ledger.table(PRICES)))
                fake.subscriptions.create(
                    {"customer": customer, "items": [{"price": price}], "trial_period_days": "14"}
                )

    def fault(self, kind: str, *, count: int = 1, seconds: float = 0.0, writes: bool = False, skip: int = 0) -> None:
        self.fake.faults.append(Fault(kind, count=count, seconds=seconds, writes=writes, skip=skip))

    def clear(self) -> None:
        self.fake.faults.clear()

    async def arrange(self, sample: Sample) -> None:
        await self.fake.give_card(next(iter(self.fake.ledger.table(CUSTOMERS))))

    async def close(self) -> None:
        await self.system.close()


async def connected(fake: FakeStripe, clock: VirtualClock, **settings: Any) -> tuple[StripeSystem, Throttle]:
    """The plugin on a stand-in, as app connects it."""
    slots = Throttle(plugin.limits, clock)
    context = Context(clock=clock, slots=slots, secrets={"api_key": Secret(KEY)}, transport=InProcess({URL: fake}))
    given = {"api_key": {"env": "STRIPE_KEY"}, "url": URL, **settings}
    system = await plugin.connect(StripeSettings.model_validate(given), context)
    assert isinstance(system, StripeSystem)
    return system, slots


async def fake_rig(
    clock: VirtualClock | None = None, *, settings: dict[str, Any] | None = None, **options: Any
) -> FakeRig:
    clock = clock or VirtualClock()
    fake = FakeStripe(clock, key=KEY, **options)
    system, slots = await connected(fake, clock, **(settings or {}))
    return FakeRig(system, fake, clock, slots)
