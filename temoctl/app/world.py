"""Everything a use case works with, opened in the right order: project, credentials, SystemData, systems.

A use case gets a `World` and never opens anything itself; tests build one from memory. Must not plan or apply.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from temoctl.app.connect import connect_systems
from temoctl.app.counted import load_counted
from temoctl.app.credentials import Credentials
from temoctl.app.requests import Place
from temoctl.app.store import open_systemdata
from temoctl.engine.clock import SystemClock
from temoctl.engine.ids import RandomIds
from temoctl.engine.ports import Clock, Ids
from temoctl.engine.protocol import Plugin, System
from temoctl.engine.throttle import Throttle
from temoctl.model.diagnostic import Diagnostic, Severity
from temoctl.model.errors import Conflict, Problems, TemoError, Unavailable, UserError
from temoctl.model.identity import Owner
from temoctl.model.kind import Kind
from temoctl.spec import Project
from temoctl.spec.platform_spec import PlatformSpec
from temoctl.systemdata.ports import Principal, Store


@dataclass(slots=True)
class World:
    """An opened project. `silent` are systems that did not answer, with the reason: nothing is known of them."""

    place: Place
    principal: Principal
    project: Project
    platform: PlatformSpec
    store: Store
    installation: str
    plugins: Mapping[str, Plugin]
    systems: Mapping[str, System]
    throttles: Mapping[str, Throttle]
    clock: Clock
    ids: Ids
    templates: Path
    instances: dict[str, str] = field(default_factory=dict)
    silent: dict[str, TemoError] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        return self.project.root

    @property
    def kinds(self) -> dict[str, Kind]:
        """Every kind of every known plugin by its key, connected or not: records may outlive a configuration.

        Of a connected system its own are taken: they follow what the platform file says (`settle`).
        """
        known = {kind.key: kind for plugin in self.plugins.values() for kind in plugin.kinds.values()}
        return known | {kind.key: kind for system in self.systems.values() for kind in system.kinds.values()}

    def owner(self, uid: str) -> Owner:
        return Owner(self.installation, uid)

    def calls(self) -> dict[str, int]:
        """Read calls let through so far, by system."""
        return {name: throttle.reads for name, throttle in self.throttles.items()}


@asynccontextmanager
async def open_world(
    place: Place,
    principal: Principal,
    *,
    clock: Clock | None = None,
    ids: Ids | None = None,
    connect: bool = True,
    only: Collection[str] = (),
    read_only: bool = False,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[World]:
    """The world of a place, closed again at the end. `connect` False opens SystemData only, `only` some systems.

    `read_only` is for those who look: the database itself refuses them every write but the listed operational ones.
    """
    clock, ids = clock or SystemClock(), ids or RandomIds()
    root = find_root(place)
    project = load_counted(root, place.profile)
    platform = platform_of(project)
    async with AsyncExitStack() as stack:
        credentials = Credentials(platform.folder, environment)
        store = await open_systemdata(
            project, platform, principal, credentials, clock=clock, ids=ids, stack=stack, read_only=read_only
        )
        recorded = await store.load(["platform"])
        connected = await connect_systems(
            platform,
            credentials,
            store,
            recorded["platform"].uid,
            clock=clock,
            wanted=connect,
            only=only,
            stack=stack,
        )
        from temoctl import assets

        yield World(
            place=place,
            principal=principal,
            project=project,
            platform=platform,
            store=store,
            installation=await store.installation(),
            plugins=connected.plugins,
            systems=connected.systems,
            throttles=connected.throttles,
            clock=clock,
            ids=ids,
            templates=assets.templates(),
        )


def find_root(place: Place) -> Path:
    """The project's folder. Raises UserError when there is none."""
    root = Path(place.root).expanduser()
    if not root.is_dir():
        raise UserError("TEMO102", f"there is no folder {place.root}", fix="give the project's folder with `--dir`")
    return root.resolve()


def platform_of(project: Project) -> PlatformSpec:
    """The platform file, or what is wrong with it."""
    if project.platform is not None:
        return project.platform
    about = [one for one in project.errors if not one.tenant]
    if about:
        raise Problems(about)
    raise UserError(
        "TEMO102",
        "this folder is not a temoctl project: it has no platform file",
        fix="make one with `temoctl init`, or give the right folder with `--dir`",
    )


async def check_instances(world: World) -> None:
    """Compare every system with the instance on record. Another instance is refused; a silent one is remembered."""
    pinned = await world.store.pinned()
    for name, system in world.systems.items():
        try:
            world.instances[name] = await system.instance()
        except Unavailable as error:
            world.silent[name] = error
        except TemoError as error:
            world.silent[name] = error
    problems = [
        another_instance(name, pinned[name], now)
        for name, now in sorted(world.instances.items())
        if pinned.get(name, now) != now
    ]
    if problems:
        raise Problems(problems) if len(problems) > 1 else _refusal(problems[0])


async def pin_instances(world: World, systems: set[str]) -> None:
    """Record which instance of each system this installation speaks to, before the first effect there."""
    pinned = await world.store.pinned()
    for name in sorted(systems & set(world.instances)):
        on_record = pinned.get(name) or await world.store.pin(name, world.instances[name])
        if on_record != world.instances[name]:
            raise _refusal(another_instance(name, on_record, world.instances[name]))


def another_instance(system: str, on_record: str, now: str) -> Diagnostic:
    """TEMO610: "everything is missing" there would re-create the world."""
    return Diagnostic(
        "TEMO610",
        f"{system} is another instance than the one this installation works with",
        detail=f"on record: {on_record}\nplatform.yaml leads to: {now}",
        fix="check the address and the credential in the platform file; for a second environment use a profile with "
        "a SystemData of its own",
        severity=Severity.ERROR,
    )


def _refusal(found: Diagnostic) -> Conflict:
    return Conflict(found.code, found.summary, detail=found.detail, fix=found.fix)
