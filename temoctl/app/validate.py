"""Everything that can be known about the files alone, systems' sections and blueprints' wishes included."""

from __future__ import annotations

from dataclasses import dataclass

from temoctl.app.connect import plugins, settings_of
from temoctl.app.requests import Place
from temoctl.app.selection import known_tenant
from temoctl.app.world import find_root
from temoctl.model.diagnostic import Diagnostic, Severity
from temoctl.model.errors import UserError
from temoctl.spec import load_project


@dataclass(frozen=True, slots=True)
class Report:
    """`tenants` are the valid ones that were asked for; `tables` counts the knowledge-base files read."""

    tenants: tuple[str, ...]
    plans: int
    tables: int
    diagnostics: tuple[Diagnostic, ...]


def validate(place: Place, tenants: tuple[str, ...] = ()) -> Report:
    """All problems, or those that concern the tenants named (and everybody)."""
    project = load_project(find_root(place), place.profile)
    if project.platform is None and not project.tenants and not project.errors:
        raise UserError(
            "TEMO102",
            "this folder is not a temoctl project: it has neither a platform file nor tenant specs",
            fix="make one with `temoctl init`, or give the right folder with `--dir`",
        )
    found = list(project.diagnostics)
    if project.platform is not None:
        found += settings_of(project.platform, plugins())[1]
    for name in tenants:
        known_tenant(project, name, ())
    if tenants:
        found = [one for one in found if one.tenant in ("", *tenants)]
    broken = {one.tenant for one in found if one.severity is Severity.ERROR}
    valid = tuple(name for name in sorted(tenants or project.tenants) if name not in broken and name in project.tenants)
    return Report(valid, len(project.plans), len(project.knowledge), tuple(found))
