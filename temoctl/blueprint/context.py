"""What a blueprint works from, and what comes out of it. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from temoctl.model.diagnostic import Diagnostic
from temoctl.model.identity import Owner
from temoctl.model.resource import Desired

if TYPE_CHECKING:
    from temoctl.spec.plan_spec import PlanSpec
    from temoctl.spec.platform_spec import PlatformSpec


@dataclass(frozen=True, slots=True)
class BlueprintContext:
    """`plan` is None for the platform, which offers all `plans`. `secret_versions` are the newest versions in the
    tenant's own vault, by path.

    `root` is the project's folder, `templates` the one with `n8n/` and `supabase/`. `digests` are SHA-256 of knowledge
    files that somebody has already read, by path from the root; the others are read here.
    """

    owner: Owner
    platform_owner: Owner
    platform: PlatformSpec
    plan: PlanSpec | None
    secret_versions: Mapping[str, int]
    root: Path
    templates: Path
    digests: Mapping[str, str] = field(default_factory=dict)
    plans: Mapping[str, PlanSpec] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Blueprint:
    """`not_applied` names channels that this version validates but doesn't apply. Problems stop the tenant."""

    resources: tuple[Desired, ...]
    not_applied: tuple[str, ...] = ()
    problems: tuple[Diagnostic, ...] = ()
