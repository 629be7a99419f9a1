"""Run one tenant's plan. Skeleton of the entry point; the parts live beside it."""

from __future__ import annotations

from temoctl.engine.result import RunResult
from temoctl.engine.world import Hold, RunWorld
from temoctl.model.plan import RecordedTenant, TenantPlan


async def run_tenant(plan: TenantPlan, world: RunWorld, *, recorded: RecordedTenant, hold: Hold) -> RunResult:
    """Make one tenant agree with its plan."""
    raise NotImplementedError
