"""The whole project at once: platform file, plans, tenants, and everything that is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from temoctl.model.diagnostic import Diagnostic, Severity
from temoctl.spec.plan_spec import PlanSpec
from temoctl.spec.platform_spec import PlatformSpec
from temoctl.spec.tenant import TenantSpec


@dataclass(frozen=True, slots=True)
class KnowledgeFile:
    """A file of a knowledge base: its path from the project's root, SHA-256, and rows where they were counted."""

    path: str
    digest: str
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Project:
    """`tenants` holds the valid ones only. `digests` has a key per tenant id, and "plans" and "platform".

    `knowledge` maps paths (from the root) to what is known of the files that valid and invalid tenants name.
    """

    root: Path
    profile: str
    platform: PlatformSpec | None
    plans: Mapping[str, PlanSpec]
    tenants: Mapping[str, TenantSpec]
    diagnostics: tuple[Diagnostic, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)
    knowledge: Mapping[str, KnowledgeFile] = field(default_factory=dict)

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return tuple(one for one in self.diagnostics if one.severity is Severity.ERROR)

    def problems_of(self, tenant: str) -> tuple[Diagnostic, ...]:
        """What stops this tenant: its own errors and those across files."""
        return tuple(one for one in self.errors if one.tenant in ("", tenant))
