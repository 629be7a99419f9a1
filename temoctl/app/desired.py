"""What the specs ask for: blueprints run for each tenant, and everything such a plan depends on as digests.

Must not look at any system.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from temoctl import __version__
from temoctl.app.connections import belongs_to
from temoctl.app.world import World
from temoctl.blueprint import BlueprintContext, platform_resources, tenant_resources
from temoctl.blueprint.files import sha256_of
from temoctl.model.address import PLATFORM, Address
from temoctl.model.diagnostic import Diagnostic, Severity
from temoctl.model.identity import Owner
from temoctl.model.plan import Inputs, RecordedTenant
from temoctl.model.resource import Desired
from temoctl.model.value import digest
from temoctl.spec.policy import downgrade_problems
from temoctl.spec.tenant import TenantSpec
from temoctl.systemdata.ports import Role

_SESSIONS = Address(PLATFORM, "supabase", "sessions", "shared")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one tenant's spec comes to. `manager` is who it is to belong to."""

    tenant: str
    owner: Owner
    new: bool
    desired: Mapping[Address, Desired]
    inputs: Inputs
    manager: str
    not_applied: tuple[str, ...] = ()
    problems: tuple[Diagnostic, ...] = ()

    @property
    def broken(self) -> bool:
        return any(one.severity is Severity.ERROR for one in self.problems)


class Blueprints:
    """Turns specs into resources for one run; reads the templates' digest once.

    `platform` is what tenants will stand on as it is now; None where this very run brings it up to date.
    """

    def __init__(self, world: World, platform_owner: Owner, platform: RecordedTenant | None = None) -> None:
        self._world, self._platform_owner = world, platform_owner
        self._templates = _templates_digest(world)
        self._knowledge = {name: one.digest for name, one in world.project.knowledge.items()}
        self._behind = platform is not None and _older(world, platform)

    def of(self, tenant: str, owner: Owner, recorded: RecordedTenant, versions: Mapping[str, int]) -> Wanted:
        """One tenant's wishes; a broken spec comes back with its problems and nothing else."""
        spec = self._world.project.tenants.get(tenant)
        problems = self._world.project.problems_of(tenant)
        inputs = self._inputs(tenant, spec, versions)
        new = not recorded.uid
        manager = recorded.manager if spec is None or spec.manager is None else spec.manager
        if tenant != PLATFORM and (spec is None or problems):
            return Wanted(tenant, owner, new, {}, inputs, manager, (), self._downgrade(recorded, problems))
        context = self._context(owner, spec, versions)
        theirs = self._manager(spec, recorded)
        if any(one.severity is Severity.ERROR for one in theirs):
            return Wanted(tenant, owner, new, {}, inputs, manager, (), theirs)
        blueprint = platform_resources(context) if spec is None else tenant_resources(spec, context)
        desired = {one.address: one for one in blueprint.resources}
        found = (*blueprint.problems, *theirs, *_plan_note(spec, recorded), *self._platform_first(spec))
        return Wanted(tenant, owner, new, desired, inputs, manager, tuple(blueprint.not_applied), found)

    def _context(self, owner: Owner, spec: TenantSpec | None, versions: Mapping[str, int]) -> BlueprintContext:
        project = self._world.project
        return BlueprintContext(
            owner=owner,
            platform_owner=self._platform_owner,
            platform=self._world.platform,
            plan=None if spec is None else project.plans[spec.plan],
            secret_versions=versions,
            root=project.root,
            templates=self._world.templates,
            digests=self._knowledge,
            plans=project.plans,
        )

    def _inputs(self, tenant: str, spec: TenantSpec | None, versions: Mapping[str, int]) -> Inputs:
        digests, knowledge = self._world.project.digests, self._world.project.knowledge
        files = [] if spec is None else [base.file for _, _, base in spec.knowledge_base.each() if base.file]
        return Inputs(
            spec=digests.get(tenant, ""),
            plans=digests.get("plans", ""),
            platform=digests.get("platform", ""),
            templates=self._templates,
            knowledge=digest({name: knowledge[name].digest for name in files if name in knowledge}) if files else "",
            program=__version__,
            secrets=digest(dict(versions)) if versions else "",
        )

    def _platform_first(self, spec: TenantSpec | None) -> tuple[Diagnostic, ...]:
        """DECISIONS 3: tenants' workflows use what the platform's conversation tables of this version have."""
        if spec is None or not self._behind:
            return ()
        return (
            Diagnostic(
                "TEMO125",
                "the platform was set up by another version of temoctl",
                detail="Its conversation tables aren't those that workflows of this version ask.",
                fix="run: temoctl apply platform   (or temoctl apply --all, which does it first)",
                tenant=spec.id,
            ),
        )

    def _downgrade(self, recorded: RecordedTenant, problems: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
        """Too many channels for the plan: of a tenant that comes from a larger one, that is said instead."""
        project = self._world.project
        spec = project.beyond.get(recorded.tenant)
        if spec is None:
            return problems
        running = [name for name in spec.channels if any(belongs_to(one, name) for one in recorded.resources)]
        found = downgrade_problems(spec, project.plans, recorded_plan=recorded.plan, recorded_channels=running)
        said = spec.where_key("channels")
        rest = [one for one in problems if not (found and one.code == "TEMO251" and one.where == said)]
        return (*found, *rest)

    def _manager(self, spec: TenantSpec | None, recorded: RecordedTenant) -> tuple[Diagnostic, ...]:
        """DECISIONS 6: SystemData decides who the manager is."""
        who = self._world.principal
        known = recorded.manager or (who.name if who.role is Role.MANAGER else "")
        if spec is None or spec.manager is None or not known or spec.manager == known:
            return ()
        where = spec.where("manager")
        if who.role is Role.MANAGER:
            return (
                Diagnostic(
                    "TEMO116",
                    f"the spec gives this tenant to {spec.manager}, and you are {who.name}",
                    where=where,
                    span="another manager",
                    fix="leave it to its manager, or ask an admin: only an admin or CI can hand a tenant over",
                    tenant=spec.id,
                ),
            )
        return (
            Diagnostic(
                "TEMO118",
                f"the tenant goes from {recorded.manager} to {spec.manager}",
                where=where,
                detail="Applying this plan hands it over; the change is kept in the audit log.",
                severity=Severity.NOTE,
                tenant=spec.id,
            ),
        )


def _plan_note(spec: TenantSpec | None, recorded: RecordedTenant) -> tuple[Diagnostic, ...]:
    """Worth saying, and recording, also where another plan changes nothing else."""
    if spec is None or not recorded.plan or spec.plan == recorded.plan:
        return ()
    return (
        Diagnostic(
            "TEMO129",
            f"the tenant goes from plan {recorded.plan} to {spec.plan}",
            where=spec.where("plan"),
            detail="Applying this plan records it.",
            severity=Severity.NOTE,
            tenant=spec.id,
        ),
    )


def _older(world: World, platform: RecordedTenant) -> bool:
    """True when the shared tables were made from another template than this program's."""
    record = platform.resources.get(_SESSIONS)
    template = world.templates / "supabase" / "sessions.sql"
    return record is not None and template.is_file() and record.props.get("template") != sha256_of(template)


def _templates_digest(world: World) -> str:
    seen = hashlib.sha256()
    for path in sorted(world.templates.rglob("*")):
        if path.is_file():
            seen.update(f"{path.relative_to(world.templates)}\0".encode())
            seen.update(hashlib.sha256(path.read_bytes()).digest())
    return seen.hexdigest()
