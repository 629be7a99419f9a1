"""A sandbox made for measuring: its own folder, stand-ins with a set latency, counts of the requests they saw."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmarks.process import Cost, measure
from temoctl.engine.protocol import Limits

TEMOCTL = str(Path(sys.executable).parent / "temoctl")
LATENCY = 0.05


class Measured:
    """Commands over one sandbox, each measured as a whole process."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "project"
        self.env = {
            **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
            "TEMOCTL_PROFILE": "sandbox",
            "TEMOCTL_SANDBOX_DIR": str(folder / "world"),
            "TEMOCTL_DIR": str(self.project),
            "TEMOCTL_HOME": str(folder / "home"),
        }

    def run(self, *words: str, codes: tuple[int, ...] = (0,)) -> Cost:
        """A command. Clients of this world give their cards by themselves."""
        cost = measure([TEMOCTL, *words], env=self.env, cwd=str(self.project))
        if cost.code not in codes:
            raise SystemExit(f"temoctl {' '.join(words)} ended with {cost.code}:\n{cost.errors}\n{cost.output[-2000:]}")
        return cost

    def start(self, *, without: Sequence[str] = ()) -> None:
        """Bring the sandbox up, with timeouts that a slow machine can't trip over, and leave systems out of it."""
        os.environ.update({name: self.env[name] for name in ("TEMOCTL_SANDBOX_DIR",)})
        from temoctl.sandbox import world
        from temoctl.sandbox.platform_file import Pace

        asyncio.run(world.start(self.project, n8n="fake", pace=Pace(timeout=30.0, settle=31.0)))
        self.run("sandbox", "seed")
        platform = Path(self.env["TEMOCTL_SANDBOX_DIR"]) / "platform.yaml"
        tree = yaml.safe_load(platform.read_text())
        for system in without:
            del tree["systems"][system]
        platform.write_text(yaml.safe_dump(tree, sort_keys=False))

    def stop(self) -> None:
        self.run("sandbox", "stop")

    def control(self, method: str, path: str, **request: Any) -> Any:
        from temoctl.sandbox import world

        async def call() -> Any:
            found = await world.attach(self.project)
            async with found.remote() as remote:
                return await remote.call(method, path, **request)

        return asyncio.run(call())

    def latency(self, seconds: float) -> None:
        self.control("POST", "/latency", json={"seconds": seconds})

    def counted(self, *words: str, codes: tuple[int, ...] = (0,)) -> tuple[Cost, dict[str, int]]:
        """A command's cost, and the requests it made at each stand-in."""
        self.control("POST", "/till-events")  # what hears Stripe's events asks Stripe, too
        self.control("DELETE", "/requests")
        cost = self.run(*words, codes=codes)
        seen: Mapping[str, Mapping[str, int]] = self.control("GET", "/requests")
        return cost, {
            name: one["reads"] + one["writes"] for name, one in seen.items() if name not in ("llm", "control")
        }


def limits() -> dict[str, Limits]:
    """The concurrency each stand-in is driven with (the shipped limits; the sandbox's platform file sets none)."""
    from temoctl.systems import mongodb, n8n, stripe, supabase, telegram

    own = {"mongodb": mongodb, "n8n": n8n, "stripe": stripe, "storage": supabase, "telegram": telegram}
    return {name: one.plugin.limits for name, one in own.items()}


def bound(calls: Mapping[str, int], chain: float) -> tuple[float, str]:
    """The least seconds a run can take at this latency, and what says so.

    It is its longest chain, the fullest system's calls in turn, or the calls that a system's own rate lets through.
    """
    known = limits()
    found = [(chain, "one tenant's chain")]
    for name, count in calls.items():
        found.append((count * LATENCY / known[name].concurrency, f"{name}'s places"))
        if known[name].rate:
            found.append(((count - known[name].burst) / known[name].rate, f"{name}'s rate"))
    return max(found)


def document(cost: Cost) -> Any:
    return json.loads(cost.output)
