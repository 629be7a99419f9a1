"""Plans kept in files: written authenticated, read back only when nobody changed them. Must not apply them."""

from __future__ import annotations

from pathlib import Path

from temoctl.app.claims import claims_of
from temoctl.app.planning import Planned, wishes
from temoctl.app.selection import Selection
from temoctl.app.snapshot import Look, outputs_of, secrets_for
from temoctl.app.standing import with_standings
from temoctl.app.world import World, check_instances
from temoctl.model.address import PLATFORM
from temoctl.model.errors import UserError
from temoctl.model.plan import Mode, Plan
from temoctl.planner import planfile


async def save(world: World, plan: Plan, file: str) -> None:
    """Write a plan. It holds no secret, but who reads it learns how a tenant is built: 0600."""
    path = Path(file)
    text = planfile.encode(plan, await world.store.plan_key())
    try:
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(
            "TEMO130", f"the plan can't be written to {file}", detail=str(error.strerror), fix="choose another file"
        ) from None


async def load(world: World, file: str) -> Planned:
    """Read a plan, and what it depends on as it is now, so that a stale one can be told."""
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = str(getattr(error, "strerror", "") or "it is not text")
        raise UserError(
            "TEMO130", f"the plan {file} can't be read", detail=why, fix="make one with `temoctl plan --out FILE`"
        ) from None
    plan = planfile.decode(text, await world.store.plan_key())
    tenants = tuple(one.tenant for one in plan.tenants)
    recorded = await world.store.load(tuple(dict.fromkeys((PLATFORM, *tenants))))
    await check_instances(world)
    wanted = await wishes(world, plan.mode, tenants, recorded)
    looks = [Look(one.tenant, one.owner, one.desired, recorded[one.tenant]) for one in wanted.values()]
    seen = await secrets_for(world, looks, outputs_of(recorded[PLATFORM]))
    claims = claims_of(world, looks, seen) if plan.mode is Mode.APPLY else []
    if plan.mode is Mode.APPLY:
        wanted = await with_standings(world, wanted, recorded)
    return Planned(plan, Selection(tenants), wanted, recorded, tuple(claims))


def is_plan_file(words: tuple[str, ...]) -> bool:
    """Whether `temoctl apply X` means a file: tenant ids have neither dots nor slashes."""
    return len(words) == 1 and ("/" in words[0] or "." in words[0])
