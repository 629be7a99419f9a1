"""The `systems.n8n` section of platform.yaml. Must not know how its credential is read."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from temoctl.spec.secret_source import SecretSource


class N8nSettings(BaseModel):
    """Where n8n answers. `settle` is how many seconds "not there" is doubted after a lost answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(description="Base address of n8n, without /api/v1")
    api_key: SecretSource = Field(description="An API key of n8n's owner or of an admin")
    webhook_url: str = Field("", description="Base address of n8n's webhooks (its WEBHOOK_URL); default: url")
    timeout: float | None = Field(None, gt=0, description="Seconds to wait for one answer")
    settle: float | None = Field(None, ge=0, description="Seconds that an absence is doubted after a lost answer")

    @field_validator("url", "webhook_url")
    @classmethod
    def _is_base(cls, url: str) -> str:
        if not url:
            return url
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("must be an http:// or https:// address")
        return url.rstrip("/").removesuffix("/api/v1")

    @property
    def webhooks(self) -> str:
        return self.webhook_url or self.url
