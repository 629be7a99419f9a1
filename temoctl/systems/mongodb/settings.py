"""The `systems.mongodb` section of platform.yaml."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

from temoctl.spec.secret_source import SecretSource


class MongodbSettings(BaseModel):
    """One MongoDB deployment, for the history of conversations.

    `users` says whether tenants get logins of their own: a self-hosted server can, Atlas (whose users are made in
    Atlas itself) and a server without access control can't. `n8n_host` and `n8n_port` are the address under which n8n
    reaches it, where it isn't the one that temoctl uses.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    uri: SecretSource = Field(description="Address with login, mongodb://user:password@host:27017/?authSource=admin")
    users: bool = Field(True, description="Whether every tenant gets a login of its own on this server.")
    n8n_host: str = Field("", description="Host under which n8n reaches the server; default: that of the address.")
    n8n_port: int = Field(0, ge=0, le=65535, description="Port under which n8n reaches it; default: the address'.")
    timeout: float = Field(20.0, gt=0, le=600, description="Seconds one call may take.")
    settle: float | None = Field(
        None, ge=0, le=3600, description="Seconds that absence is doubted after a lost answer."
    )

    @field_validator("n8n_host")
    @classmethod
    def _host_only(cls, host: str) -> str:
        if "/" in host or "@" in host:
            raise ValueError("must be a host name alone, without mongodb:// and without a login")
        return host
