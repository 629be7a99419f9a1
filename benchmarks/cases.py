"""The cases: first apply of 100 tenants, empty plan of 1,000, a command's cold start. Each returns rows of a table."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from benchmarks.fleet import make_project, tenant_id
from benchmarks.process import Cost, measure
from benchmarks.world import LATENCY, TEMOCTL, Measured, bound, document

Row = tuple[str, str, str]
"""What was measured, the figure, what it is held against."""

PAGE = 250
STRIPE_PAGE = 100
CATALOGUE_CALLS = 9
"""Account, products, prices, features, endpoints and portal settings: a page each; what each of three plans grants."""
BESIDE_THE_CORE = ("stripe", "mongodb")


def first_apply(tenants: int, *, core: bool = True) -> list[Row]:
    """(a) Wall time of the first apply over its lower bound; the core's three systems, or all of them."""
    with tempfile.TemporaryDirectory(prefix="temoctl-bench-") as folder:
        world = Measured(Path(folder))
        make_project(world.project, tenants)
        world.start(without=BESIDE_THE_CORE if core else ())
        try:
            world.run("apply", "platform", "--yes")
            chain = _chain(world)
            world.latency(LATENCY)
            cost, calls = world.counted("apply", "--all", "--yes", "--json")
        finally:
            world.stop()
    least, limit = bound(calls, chain)
    said = ", ".join(f"{name} {count}" for name, count in sorted(calls.items()))
    return [
        (f"first apply of {tenants - 1} tenants, 50 ms latency: calls", f"{sum(calls.values())} ({said})", ""),
        ("  longest chain of one tenant / bound", f"{chain:.2f} s / {least:.2f} s ({limit})", ""),
        ("  wall", f"{cost.wall:.2f} s", ""),
        ("  wall / bound", f"{cost.wall / least:.2f}", "<= 1.3"),
        ("  CPU of temoctl, peak memory", f"{cost.cpu:.2f} s, {cost.peak:.0f} MiB", ""),
    ]


def _chain(world: Measured) -> float:
    """What latency alone adds to the apply of a single tenant: its longest chain of calls."""
    world.run("plan", tenant_id(0), codes=(0, 3))  # compiles what it imports; nobody has a subscription to pay for yet
    plain = world.run("apply", tenant_id(0), "--yes").wall
    world.run("destroy", tenant_id(0), "--yes", *_allowances())
    world.run("sandbox", "seed")  # the destroy took the bot's token along
    world.latency(LATENCY)
    slow = world.run("apply", tenant_id(0), "--yes").wall
    world.latency(0.0)
    return slow - plain


def _allowances() -> list[str]:
    """Every deletion of data that a system of a tenant's knows."""
    from temoctl.systems import mongodb, supabase

    kinds = [kind for one in (mongodb, supabase) for kind in one.plugin.kinds.values()]
    return ["--allow", ",".join(sorted(f"delete:{kind.key}" for kind in kinds if kind.data))]


def empty_plan(tenants: int, *, core: bool = True) -> list[Row]:
    """(b) Calls, wall time and memory of a plan that finds nothing to do."""
    with tempfile.TemporaryDirectory(prefix="temoctl-bench-") as folder:
        world = Measured(Path(folder))
        make_project(world.project, tenants)
        world.start(without=BESIDE_THE_CORE if core else ())
        try:
            filled = world.run("apply", "--all", "--yes", "--json")
            world.latency(LATENCY)
            cost, calls = world.counted("plan", "--all", "--json", "--detailed-exitcode")
        finally:
            world.stop()
    plan = document(cost)
    budget = _budget(tenants) + (0 if core else _beside(tenants))
    least, limit = bound(calls, 0.0)
    said = ", ".join(f"{name} {count}" for name, count in sorted(calls.items()))
    unchanged = plan["summary"]["unchanged"]
    return [
        (f"empty plan of {tenants} tenants ({unchanged} objects): calls", f"{sum(calls.values())} ({said})", ""),
        ("  calls / budget", f"{sum(calls.values()) / budget:.3f} of {budget}", "<= 1.1"),
        ("  bound / wall", f"{least:.2f} s ({limit}) / {cost.wall:.2f} s", ""),
        ("  wall / bound", f"{cost.wall / least:.2f}", "<= 1.5"),
        ("  CPU, peak memory", f"{cost.cpu:.2f} s, {cost.peak:.0f} MiB", "<= 400 MiB"),
        (f"  (its first apply: {tenants} tenants, no latency)", f"{filled.wall:.1f} s, CPU {filled.cpu:.1f} s", ""),
    ]


def _budget(tenants: int) -> int:
    """List pages plus what Telegram declares per tenant: it has no list (the tenants ask for three texts each)."""
    workflows, credentials = 2 * tenants + 1, 3 * tenants + 1
    pages = -(-workflows // PAGE) - (-credentials // PAGE) - (-tenants // PAGE) + 2
    return pages + tenants * 5


def _beside(tenants: int) -> int:
    """What Stripe's and MongoDB's READMEs declare, and n8n's pages for one more credential a tenant.

    Stripe: pages of customers and subscriptions, and the catalogue; MongoDB: three calls a tenant, two a run.
    """
    pages = 2 * -(-tenants // STRIPE_PAGE) - (-tenants // PAGE)
    return pages + CATALOGUE_CALLS + tenants * 3 + 2


def cold_start() -> list[Row]:
    """(d) `temoctl --help`, and an empty plan of one tenant."""
    with tempfile.TemporaryDirectory(prefix="temoctl-bench-") as folder:
        world = Measured(Path(folder))
        make_project(world.project, 1)
        help_page = [measure([TEMOCTL, "--help"], env=world.env, cwd=str(world.project)) for _ in range(7)]
        world.start()
        try:
            world.run("apply", "--all", "--yes")
            plans = [world.run("plan", tenant_id(0), "--detailed-exitcode") for _ in range(7)]
        finally:
            world.stop()
    return [
        ("temoctl --help, median of 7", _seconds(help_page), "<= 0.30 s"),
        ("empty plan of one tenant, median of 7", _seconds(plans), "<= 1.50 s"),
    ]


def _seconds(costs: list[Cost]) -> str:
    walls, cpus = [one.wall for one in costs], [one.cpu for one in costs]
    return f"{statistics.median(walls):.2f} s (CPU {statistics.median(cpus):.2f} s)"
