"""The `systems.supabase` section of platform.yaml."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from temoctl.spec.secret_source import SecretSource


class SupabaseSettings(BaseModel):
    """Two databases (they may be one server) and a Storage endpoint.

    `n8n_host` and `n8n_port` are the address under which n8n reaches the databases, where it isn't the one that
    temoctl itself uses (another network, a pooler). `settle` is how long "not there" is doubted after a lost answer.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    knowledge_dsn: SecretSource = Field(description="PostgreSQL URL of the database with the knowledge bases.")
    sessions_dsn: SecretSource = Field(description="PostgreSQL URL of the database with the conversations.")
    storage_url: str = Field(description="Supabase Storage, like https://<ref>.supabase.co/storage/v1")
    storage_key: SecretSource = Field(description="A secret key of the project (sb_secret_…).")
    n8n_host: str = Field("", description="Host under which n8n reaches the databases; default: that of the DSN.")
    n8n_port: int = Field(0, ge=0, le=65535, description="Port under which n8n reaches them; default: the DSN's.")
    timeout: float = Field(20.0, gt=0, le=600, description="Seconds one call may take.")
    settle: float | None = Field(
        None, ge=0, le=3600, description="Seconds that absence is doubted after a lost answer."
    )
