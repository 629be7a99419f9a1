"""The `systems.telegram` section of platform.yaml. Holds no credential: every bot has its own token."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

CLOUD = "https://api.telegram.org"


class TelegramSettings(BaseModel):
    """Where the Bot API answers. `settle` is how many seconds "not there" is doubted after a lost answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(CLOUD, description="Base address of the Bot API; a self-hosted server has its own")
    timeout: float | None = Field(None, gt=0, description="Seconds to wait for one answer")
    settle: float | None = Field(None, ge=0, description="Seconds that an absence is doubted after a lost answer")

    @field_validator("url")
    @classmethod
    def _reachable_and_private(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be an http:// or https:// address")
        if parts.scheme == "http" and parts.hostname == "api.telegram.org":
            raise ValueError("must be https://: a bot's token would travel in the open")
        return url.rstrip("/")
