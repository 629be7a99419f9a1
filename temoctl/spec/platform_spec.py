"""The model of `platform.yaml`: where the systems are, and what all tenants share. Must not connect to anything.

Sections of systems stay raw here: each system validates its own (`system_settings`), so that adding
a system changes no file of this package.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, PrivateAttr, Strict, model_validator
from typing_extensions import TypedDict

from temoctl.model.diagnostic import Diagnostic, Where
from temoctl.model.value import digest
from temoctl.spec.fields import Count, Flag, Language, Line, Short, SpecModel, TimeZone, Url, wrong
from temoctl.spec.positions import Positions
from temoctl.spec.secret_source import SecretSource
from temoctl.spec.source import Source
from temoctl.spec.translate import validated
from temoctl.spec.yaml_reader import Document, read_document

Settings = TypeVar("Settings", bound=BaseModel)


class SystemData(SpecModel):
    """Where temoctl keeps what it knows: an embedded PostgreSQL unless a DSN is given."""

    dsn: SecretSource | None = None
    embedded: Flag = True
    alone: Flag = Field(
        default=False, description="true: nobody else applies, so an embedded database may go with systems elsewhere."
    )

    lease_seconds: float = Field(
        default=60.0,
        ge=2,
        le=3600,
        description="How long a tenant stays reserved for a run that shows no sign of life.",
    )

    @model_validator(mode="before")
    @classmethod
    def _one_place(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("dsn") is not None:
            if value.get("embedded") is True:
                raise wrong("TEMO282", "`dsn` and `embedded: true` exclude each other", fix="Remove one of them.")
            return {**value, "embedded": False}
        if isinstance(value, dict) and value.get("embedded") is False:
            raise wrong("TEMO282", "`embedded: false` needs a `dsn`", fix="Give the DSN, or remove `embedded`.")
        return value


class LanguageModel(SpecModel):
    """The OpenAI-compatible endpoint that writes the answers."""

    url: Url
    key: SecretSource
    model: Short


class Shared(SpecModel):
    llm: LanguageModel | None = None


class Billing(SpecModel):
    """How patient the platform is with payments that failed."""

    past_due_days: Annotated[Count, Field(le=365)] = Field(
        default=7, description="Days that a tenant is still served while a payment is due; then it is suspended."
    )


class Defaults(SpecModel):
    """What tenants get that don't say it themselves."""

    language: Language | None = None
    time_zone: TimeZone | None = None
    tone: Line | None = None
    billing: Billing = Billing()


class CallLimits(TypedDict, total=False):
    """How hard one system may be driven: what is left out is the system's own default."""

    concurrency: Annotated[int, Strict(), Field(ge=1, le=256)]
    rate: Annotated[float, Field(ge=0)]
    burst: Annotated[int, Strict(), Field(ge=1)]
    per_key: Annotated[float, Field(ge=0)]


CallLimits.__pydantic_config__ = {"extra": "forbid"}  # type: ignore[attr-defined]

SystemName = Annotated[str, Strict(), Field(pattern=r"^[a-z][a-z0-9]*$")]


def _sections(value: Any) -> Any:
    """A section without settings is an empty one."""
    if not isinstance(value, dict):
        return value
    return {name: {} if section is None else section for name, section in value.items()}


class PlatformSpec(SpecModel):
    """One profile of the platform."""

    name: Short = "default"
    systemdata: SystemData = SystemData()
    systems: Annotated[dict[SystemName, dict[str, Any]], BeforeValidator(_sections)] = Field(default_factory=dict)
    shared: Shared = Shared()
    defaults: Defaults = Defaults()
    limits: dict[SystemName, CallLimits] = Field(default_factory=dict)

    _document: Document = PrivateAttr(default_factory=lambda: read_document(Source("", "{}")))
    _path: Path = PrivateAttr(default=Path())

    @property
    def document(self) -> Document:
        """The file as it was read, for the systems' own sections."""
        return self._document

    @property
    def positions(self) -> Positions:
        return self._document.positions

    @property
    def folder(self) -> Path:
        """Where the file lies: relative paths of `{file: …}` start here."""
        return self._path.parent

    def where(self, path: str) -> Where:
        """The place of a value in the file (`systems.n8n.url`), or of its nearest parent."""
        return self.positions.value(path)

    @property
    def digest(self) -> str:
        return digest(self.model_dump(mode="json"))


def system_settings(
    platform: PlatformSpec, name: str, model: type[Settings]
) -> tuple[Settings | None, list[Diagnostic]]:
    """One system's section as that system's own model, or everything that is wrong with it."""
    return validated(model, platform.systems.get(name, {}), platform.document, ("systems", name))
