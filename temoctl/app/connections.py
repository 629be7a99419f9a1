"""The state of each channel of a tenant, as a run left it: what `status` shows and n8n and support read.

A channel's objects are those named after it. Must not ask any system: only what the run saw counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from temoctl.app.world import World
from temoctl.engine.result import RunResult
from temoctl.model.address import Address
from temoctl.model.plan import Mode, RecordedTenant, TenantPlan
from temoctl.model.value import Json
from temoctl.systemdata.ports import Connection


def connections_of(
    world: World, mode: Mode, plan: TenantPlan, result: RunResult, after: RecordedTenant
) -> Sequence[Connection]:
    """One row for each channel of the spec, and one for each channel that is gone."""
    now = world.clock.now()
    spec = world.project.tenants.get(plan.tenant)
    channels = {name: one.kind for name, one in spec.channels.items()} if spec is not None else {}
    if mode is Mode.DESTROY:
        kinds = {step.address.name: step.address.system for step in plan.steps if step.address.kind == "bot"}
        names = channels or kinds
        return [Connection(plan.tenant, name, kind, "removed", since=now) for name, kind in names.items()]
    return [_row(plan, name, kind, _Ending(result, after, now)) for name, kind in channels.items()]


def belongs_to(address: Address, channel: str) -> bool:
    """Whether an object serves that channel."""
    return address.name in (channel, f"{channel}-ingress")


@dataclass(frozen=True, slots=True)
class _Ending:
    """How a run left its tenant."""

    result: RunResult
    after: RecordedTenant
    now: float


def _row(plan: TenantPlan, channel: str, kind: str, ending: _Ending) -> Connection:
    if channel in plan.not_applied:
        why = "this version of temoctl doesn't apply this channel yet"
        return Connection(plan.tenant, channel, kind, "not-applied", why, ending.now)
    status, why = _status(channel, ending.result, ending.after)
    return Connection(plan.tenant, channel, kind, status, why, ending.now, _fields(channel, ending.after))


def _status(channel: str, result: RunResult, after: RecordedTenant) -> tuple[str, str]:
    for failed in result.failed:
        if belongs_to(failed.step.address, channel):
            return "broken", failed.problem.summary
    for missed in result.not_tried:
        if belongs_to(missed.step.address, channel):
            return "broken", missed.why
    for probe in result.probes:
        if belongs_to(probe.address, channel) and not probe.ok:
            return "broken", f"{probe.name}: {probe.why}"
    for step in result.waiting:
        if belongs_to(step.address, channel):
            return "waiting", step.because
    if not any(belongs_to(address, channel) for address in after.resources):
        return "waiting", "nothing of this channel is set up yet"
    return "connected", ""


def _fields(channel: str, after: RecordedTenant) -> dict[str, Json]:
    """The ids that support needs: `telegram.bot.id`, `n8n.workflow.id`."""
    return {
        f"{address.kind_key}.{name}": value
        for address, one in sorted(after.resources.items())
        if belongs_to(address, channel)
        for name, value in one.outputs.items()
        if isinstance(value, str | int | bool)
    }
