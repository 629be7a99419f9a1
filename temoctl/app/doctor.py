"""`doctor`: reach everything the platform file names, say what is missing and how to get it. Changes nothing."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from temoctl import __version__
from temoctl.app.connect import connect_systems, plugins
from temoctl.app.credentials import Credentials
from temoctl.app.requests import Place
from temoctl.app.store import open_systemdata
from temoctl.app.world import find_root
from temoctl.engine.clock import SystemClock
from temoctl.engine.ids import RandomIds
from temoctl.model.diagnostic import Diagnostic, Severity
from temoctl.model.errors import Problems, TemoError
from temoctl.spec import Project, load_project
from temoctl.spec.platform_spec import PlatformSpec
from temoctl.systemdata.ports import Principal, Store


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `found` is what was seen; `problems` say what to do about it."""

    name: str
    ok: bool
    found: str = ""
    problems: tuple[Diagnostic, ...] = ()


async def examine(
    place: Place, principal: Principal, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Check]:
    """One check after the other; a failing one never keeps the others from being made."""
    yield _program()
    root = find_root(place)
    project = load_project(root, place.profile)
    yield _files(project)
    if project.platform is None:
        return
    async with AsyncExitStack() as stack:
        credentials = Credentials(project.platform.folder, environment)
        store: Store | None = None
        try:
            store = await open_systemdata(
                project, project.platform, principal, credentials, clock=SystemClock(), ids=RandomIds(), stack=stack
            )
            yield await _systemdata(store)
        except TemoError as error:
            yield _failed("SystemData", error)
        if store is not None:
            async for check in _systems(project.platform, credentials, store, stack):
                yield check


def _program() -> Check:
    version = sys.version.split()[0]
    return Check("temoctl", True, f"version {__version__} on Python {version}, in {Path(sys.prefix)}")


def _files(project: Project) -> Check:
    found = f"{len(project.tenants)} tenants, {len(project.plans)} plans"
    errors = [one for one in project.diagnostics if one.severity is Severity.ERROR]
    if project.platform is None and not errors:
        errors = [
            Diagnostic(
                "TEMO102",
                "this folder has no platform file",
                fix="make one with `temoctl init`, or give the right folder with `--dir`",
            )
        ]
    return Check("project files", not errors, found, tuple(errors))


async def _systemdata(store: Store) -> Check:
    tenants = await store.tenants()
    findings = await store.check()
    found = f"installation {await store.installation()}, {len(tenants)} tenants on record"
    problems = tuple(
        Diagnostic(one.code, one.what, fix=one.repair or "see `temoctl state check`", tenant=one.tenant)
        for one in findings
    )
    return Check("SystemData", not findings, found, problems)


async def _systems(
    platform: PlatformSpec, credentials: Credentials, store: Store, stack: AsyncExitStack
) -> AsyncIterator[Check]:
    known = plugins()
    missing = sorted(set(known) - set(platform.systems))
    for name in missing:
        told = f"`systems.{name}` is not in the platform file ({known[name].describe or name})"
        yield Check(name, True, f"not used: {told}")
    try:
        uid = (await store.load(["platform"]))["platform"].uid
        connected = await connect_systems(
            platform, credentials, store, uid, clock=SystemClock(), wanted=True, stack=stack
        )
    except Problems as error:
        yield Check("credentials and settings", False, "", error.diagnostics)
        return
    pinned = await store.pinned()
    for name, system in sorted(connected.systems.items()):
        try:
            instance = await system.instance()
        except TemoError as error:
            yield _failed(name, error)
            continue
        note = "" if pinned.get(name, instance) == instance else f", but on record is {pinned[name]}"
        yield Check(name, not note, f"reached: {instance}{note}", () if not note else (_pinned(name),))


def _failed(name: str, error: TemoError) -> Check:
    found = error.diagnostics if isinstance(error, Problems) else (error.diagnostic(),)
    return Check(name, False, "", tuple(found))


def _pinned(name: str) -> Diagnostic:
    return Diagnostic(
        "TEMO610",
        f"{name} is another instance than the one on record",
        fix="check the address and the credential; a second environment needs a profile with its own SystemData",
    )
