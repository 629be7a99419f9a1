"""Which tenants a request means. An empty or missing spec never means "delete all". Must not read any system."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from temoctl.app.requests import PlanRequest
from temoctl.model.address import PLATFORM
from temoctl.model.diagnostic import Diagnostic, Severity
from temoctl.model.errors import Problems, Refused, UserError
from temoctl.model.plan import Mode
from temoctl.spec import Project
from temoctl.spec.suggest import closest
from temoctl.systemdata.ports import Principal, Role


@dataclass(frozen=True, slots=True)
class Selection:
    """The tenants in working order (the platform first) and what is to be said about those left out."""

    tenants: tuple[str, ...]
    notes: tuple[Diagnostic, ...] = ()


def select_tenants(request: PlanRequest, project: Project, recorded: Mapping[str, str], who: Principal) -> Selection:
    """`recorded` maps every living tenant this person may see to its uid. Raises UserError for unknown names."""
    if request.everyone == bool(request.tenants):
        raise UserError(
            "TEMO100",
            "say which tenants are meant" if not request.everyone else "either name tenants or say --all, not both",
            fix="name them (`temoctl plan acme`), or say `--all`",
        )
    _stop_across_files(request, project)
    written = {*project.tenants, *(one.tenant for one in project.errors if one.tenant)}
    if request.everyone:
        chosen, notes = _everyone(request.mode, written - _of_others(project, who), set(recorded), who)
    else:
        chosen, notes = _named(request, written, set(recorded)), ()
    if PLATFORM in chosen and request.mode is not Mode.DRIFT:
        _may_touch_platform(who)
    if request.mode is Mode.DESTROY and PLATFORM in chosen:
        _nobody_lives_there(set(recorded) - set(chosen))
    first = [name for name in (PLATFORM,) if name in chosen]
    rest = sorted(name for name in chosen if name != PLATFORM)
    order = rest + first if request.mode is Mode.DESTROY else first + rest
    return Selection(tuple(order), notes)


def known_tenant(project: Project, name: str, recorded: Iterable[str]) -> None:
    """Raises UserError for a name that stands neither in a spec nor on record."""
    _known(name, {*project.tenants, *(one.tenant for one in project.errors if one.tenant), *recorded})


def _known(name: str, known: set[str]) -> None:
    if name in known or name == PLATFORM:
        return
    near = closest(name, known)
    raise UserError(
        "TEMO101",
        f"there is no tenant '{name}'",
        detail=f"did you mean {near}?" if near else "",
        fix=f"`temoctl new {name}` writes a spec for it; `temoctl status` lists the tenants there are",
    )


def _stop_across_files(request: PlanRequest, project: Project) -> None:
    """An error across files (two tenants, one id) stops all; drift and destroy don't read the specs (DECISIONS 20)."""
    if request.mode is not Mode.APPLY:
        return
    across = [one for one in project.errors if not one.tenant]
    if across:
        raise Problems(across)


def _of_others(project: Project, who: Principal) -> set[str]:
    """To a manager, "all" means their own: the specs that name somebody else are left out."""
    if who.role is not Role.MANAGER:
        return set()
    return {name for name, spec in project.tenants.items() if spec.manager not in (None, who.name)}


def _everyone(
    mode: Mode, written: set[str], recorded: set[str], who: Principal
) -> tuple[set[str], tuple[Diagnostic, ...]]:
    living = recorded - {PLATFORM}
    if mode is Mode.DESTROY:
        return living, ()
    if mode is Mode.DRIFT:
        return recorded, ()
    shared = {PLATFORM} if who.role is not Role.MANAGER else set()
    notes = tuple(_without_spec(name) for name in sorted(living - written))
    return written | shared, notes


def _named(request: PlanRequest, written: set[str], recorded: set[str]) -> set[str]:
    for name in request.tenants:
        _known(name, written | recorded)
    if request.mode is Mode.APPLY:
        lost = [name for name in request.tenants if name not in written and name != PLATFORM]
        if lost:
            raise Problems([_without_spec(name, Severity.ERROR) for name in lost])
    return set(request.tenants)


def _without_spec(name: str, severity: Severity = Severity.WARNING) -> Diagnostic:
    return Diagnostic(
        "TEMO119",
        f"{name} is on record but has no spec file",
        detail="A missing spec never means that a tenant is to be deleted, so nothing is done with it.",
        fix=f"put tenant_specs/{name}.yaml back, or take the tenant down with `temoctl destroy {name}`",
        severity=severity,
        tenant=name,
    )


def _may_touch_platform(who: Principal) -> None:
    if who.role is Role.MANAGER:
        raise Refused(
            "TEMO117",
            "only an admin or CI may change what all tenants share",
            fix="ask an admin to run this, or name your own tenants",
            tenant=PLATFORM,
        )


def _nobody_lives_there(tenants: set[str]) -> None:
    living = sorted(tenants - {PLATFORM})
    if living:
        raise Refused(
            "TEMO112",
            "the platform can't be destroyed while tenants use it",
            detail=f"still there: {', '.join(living[:10])}" + (" and more" if len(living) > 10 else ""),
            fix="destroy these tenants first",
            tenant=PLATFORM,
        )
