"""The systems of this installation: found by entry point, configured from platform.yaml, limited, connected.

Adding a system changes nothing here. Must not know any system by name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import entry_points
from typing import Any

from temoctl.app.credentials import Credentials
from temoctl.engine.ports import Clock
from temoctl.engine.protocol import Context, Limits, Plugin, System
from temoctl.engine.throttle import Throttle
from temoctl.model.diagnostic import Diagnostic
from temoctl.model.errors import Problems
from temoctl.model.secret import Secret
from temoctl.spec import system_settings
from temoctl.spec.platform_spec import PlatformSpec
from temoctl.spec.secret_source import SecretSource
from temoctl.spec.suggest import closest
from temoctl.systemdata.ports import Store


@dataclass(slots=True)
class Connected:
    plugins: Mapping[str, Plugin]
    systems: dict[str, System] = field(default_factory=dict)
    throttles: dict[str, Throttle] = field(default_factory=dict)


def plugins() -> dict[str, Plugin]:
    """Every installed system by name."""
    found = {entry.name: entry.load() for entry in entry_points(group="temoctl.systems")}
    return dict(sorted(found.items()))


def settings_of(platform: PlatformSpec, known: Mapping[str, Plugin]) -> tuple[dict[str, Any], list[Diagnostic]]:
    """Each configured system's validated settings, and what is wrong with the sections."""
    settings: dict[str, Any] = {}
    problems: list[Diagnostic] = []
    for name in platform.systems:
        if name not in known:
            problems.append(_unknown_system(platform, name, known))
            continue
        valid, wrong = system_settings(platform, name, known[name].settings)
        problems += wrong
        if valid is not None:
            settings[name] = valid
    return settings, problems


def credentials_in(settings: Any) -> Iterator[tuple[str, SecretSource]]:
    """The fields of a system's settings that name a credential."""
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretSource):
            yield name, value


async def connect_systems(
    platform: PlatformSpec,
    credentials: Credentials,
    store: Store,
    platform_uid: str,
    *,
    clock: Clock,
    wanted: bool,
    only: Collection[str] = (),
    stack: AsyncExitStack,
) -> Connected:
    """All configured systems, or every problem of all sections at once. Talks to none of them yet.

    `only` leaves the others out, and whatever credentials they would need.
    """
    connected = Connected(plugins())
    if not wanted:
        return connected
    settings, problems = settings_of(platform, connected.plugins)
    settings = {name: one for name, one in settings.items() if not only or name in only}
    secrets: dict[str, dict[str, Secret]] = {}
    for name, one in settings.items():
        secrets[name] = {}
        for key, source in credentials_in(one):
            where = platform.where(f"systems.{name}.{key}")
            value = await credentials.resolve(source, where, f"{name}: {key}", vault=store.vault, uid=platform_uid)
            if value is not None:
                secrets[name][key] = value
    problems += credentials.problems
    if problems:
        raise Problems(platform.document.source.with_snippets(problems))
    for name, one in settings.items():
        plugin = connected.plugins[name]
        limits = limits_of(platform, plugin)
        throttle = Throttle(limits, clock, partial(_tokens, store, name, limits))
        context = Context(clock=clock, slots=throttle, secrets=secrets[name])
        connected.throttles[name] = throttle
        connected.systems[name] = await plugin.connect(one, context)
        stack.push_async_callback(connected.systems[name].close)
    return connected


async def _tokens(store: Store, system: str, limits: Limits, count: int) -> float:
    """One bucket a system: SystemData is pinned to one instance of each (DECISIONS 2)."""
    return await store.take_tokens(system, count, rate=limits.rate, burst=limits.burst)


def limits_of(platform: PlatformSpec, plugin: Plugin) -> Limits:
    """The plugin's own limits, with what platform.yaml says put over them."""
    own, given = plugin.limits, platform.limits.get(plugin.name, {})
    return Limits(
        concurrency=given.get("concurrency", own.concurrency),
        rate=given.get("rate", own.rate),
        burst=given.get("burst", own.burst),
        per_key=given.get("per_key", own.per_key),
    )


def _unknown_system(platform: PlatformSpec, name: str, known: Mapping[str, Plugin]) -> Diagnostic:
    where = platform.positions.key(f"systems.{name}")
    return Diagnostic(
        "TEMO108",
        f"no system is called '{name}'",
        where=where,
        span="not installed",
        suggestion=closest(name, known),
        allowed=tuple(known),
        fix="correct the name, or install the package that brings this system",
    )
