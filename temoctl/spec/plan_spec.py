"""The model of a plan: what START, BUSINESS or PRO allow and cost. Must not know any tenant."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PrivateAttr, WithJsonSchema, field_serializer

from temoctl.model.diagnostic import Where
from temoctl.model.money import Money, minor_digits
from temoctl.model.value import digest
from temoctl.spec.fields import Count, Currency, Flag, Line, PlanId, Short, SpecModel, wrong
from temoctl.spec.positions import Positions
from temoctl.spec.tokens import shown


def _amount(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return value
    try:
        amount = Decimal(str(value))
    except ArithmeticError:
        amount = Decimal(-1)
    if not amount.is_finite() or amount < 0 or amount > 1_000_000:
        raise wrong("TEMO224", f"not a price: {shown(value)}", fix="Write an amount like 29 or 29.90.")
    return amount


def _limit(value: Any) -> Any:
    return None if value == "unlimited" else value


Amount = Annotated[Decimal, BeforeValidator(_amount)]
Limit = Annotated[
    Count | None,
    BeforeValidator(_limit),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"const": "unlimited"}]}),
]


class PlanLimits(SpecModel):
    """How much a tenant may have; None (written `unlimited`) where there is no limit."""

    channels: Limit
    knowledge_bases: Limit
    rows: Limit = Field(description="Rows over all tables of the knowledge base.")
    media: Limit = Field(description="Media files.")
    history_days: Limit
    crm_depth: Limit = Field(description="How many past contacts of a customer the answers may use.")


class PlanFeatures(SpecModel):
    comment_replies: Flag = False
    follow_up: Flag = False
    analytics: Flag = False
    integrations: Flag = False


class Sla(SpecModel):
    first_response_hours: Annotated[Count, Field(ge=1)]
    support: Literal["email", "chat", "phone"] = "email"
    uptime_percent: Annotated[float, Field(gt=0, le=100)] | None = None


class PlanSpec(SpecModel):
    """One plan. `price` maps currency -> amount per interval."""

    id: PlanId
    title: Short | None = None
    description: Line | None = None
    price: Annotated[dict[Currency, Amount], Field(min_length=1)]
    interval: Literal["month", "year"] = "month"
    trial_days: Annotated[Count, Field(le=365)] = 0
    reprice: Flag = Field(
        default=False, description="true: a changed price is for existing subscriptions too, not only for new ones."
    )
    limits: PlanLimits
    features: PlanFeatures = PlanFeatures()
    sla: Sla

    _positions: Positions = PrivateAttr(default_factory=lambda: Positions(""))

    @field_serializer("price")
    def _price_text(self, price: dict[str, Decimal]) -> dict[str, str]:
        return {currency: f"{amount.normalize():f}" for currency, amount in price.items()}

    def where(self, path: str) -> Where:
        """The place of a value in the file, or of its nearest parent."""
        return self._positions.value(path)

    def cost(self, currency: str) -> Money | None:
        """What the plan costs per interval in that currency; None where it has no such price."""
        amount = self.price.get(currency)
        if amount is None:
            return None
        minor = (amount * 10 ** minor_digits(currency)).quantize(Decimal(1), ROUND_HALF_UP)
        return Money(int(minor), currency, self.interval)

    @property
    def digest(self) -> str:
        return digest(self.model_dump(mode="json"))
