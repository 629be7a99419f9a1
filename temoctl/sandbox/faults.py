"""Faults of a running world's stand-ins, from a command. Must not know how a stand-in misbehaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from temoctl.sandbox.world import attach
from temoctl.systems.fake_http import Fault


@dataclass(frozen=True, slots=True)
class ActiveFault:
    """One fault in force. `left` is how many more requests it spoils, -1 until it is cleared."""

    system: str
    kind: str
    match: str
    left: int
    seconds: float
    writes: bool


async def add(root: Path, system: str, fault: Fault) -> None:
    async with (await attach(root)).remote() as remote:
        await remote.call("POST", "/faults", json={"system": system, **asdict(fault)})


async def listing(root: Path) -> Sequence[ActiveFault]:
    async with (await attach(root)).remote() as remote:
        return [
            ActiveFault(one["system"], one["kind"], one["match"], one["count"], one["seconds"], one["writes"])
            for one in await remote.call("GET", "/faults")
        ]


async def clear(root: Path, system: str = "") -> int:
    """End the faults of one system, or all; returns how many there were."""
    async with (await attach(root)).remote() as remote:
        cleared = await remote.call("DELETE", "/faults", params={"system": system} if system else {})
        return int(cleared["cleared"])


async def slow(root: Path, seconds: float, system: str = "") -> dict[str, float]:
    """Let every answer take that long (0 ends it); returns the latency of each stand-in."""
    asked: dict[str, Any] = {"seconds": seconds} | ({"system": system} if system else {})
    async with (await attach(root)).remote() as remote:
        answer: dict[str, float] = await remote.call("POST", "/latency", json=asked)
        return answer


async def counts(root: Path, *, forget: bool = False) -> dict[str, dict[str, int]]:
    """Requests seen by each stand-in, as reads and writes; `forget` starts counting anew."""
    async with (await attach(root)).remote() as remote:
        seen: dict[str, dict[str, int]] = await remote.call("GET", "/requests")
        if forget:
            await remote.call("DELETE", "/requests")
        return seen
