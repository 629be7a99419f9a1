"""The `systems.stripe` section of platform.yaml. Must not know how its credential is read."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from temoctl.spec.secret_source import SecretSource

CLOUD = "https://api.stripe.com"


class StripeSettings(BaseModel):
    """Where Stripe answers and what is told to it. `settle` is how many seconds "not there" is doubted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    api_key: SecretSource = Field(description="Secret key of the Stripe account (sk_live_… or sk_test_…)")
    url: str = Field(CLOUD, description="Base address of Stripe's API; only a stand-in has another one")
    webhook_url: str = Field("", description="Public address of `temoctl serve`; without it Stripe sends no events")
    success_url: str = Field("", description="Where a customer's browser goes after paying")
    test_clock: str = Field("", description="Test clock that new customers are put on (test mode only)")
    timeout: float | None = Field(None, gt=0, description="Seconds to wait for one answer")
    settle: float | None = Field(None, ge=0, description="Seconds that an absence is doubted after a lost answer")

    @field_validator("url", "webhook_url", "success_url")
    @classmethod
    def _is_address(cls, url: str) -> str:
        if not url:
            return url
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be an http:// or https:// address")
        if parts.scheme == "http" and parts.hostname == "api.stripe.com":
            raise ValueError("must be https://: the key would travel in the open")
        return url.rstrip("/")

    @field_validator("url")
    @classmethod
    def _somewhere(cls, url: str) -> str:
        return url or CLOUD

    @field_validator("test_clock")
    @classmethod
    def _is_clock(cls, name: str) -> str:
        if name and not name.startswith("clock_"):
            raise ValueError("must be the id of a test clock (clock_…)")
        return name
