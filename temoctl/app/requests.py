"""Requests to the use cases: plain values that survive a trip through JSON. Must not hold clients or callables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any

from temoctl.model.plan import Mode


@dataclass(frozen=True, slots=True)
class Place:
    """Where the project lies and which profile of platform.yaml is meant."""

    root: str
    profile: str = ""


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """Ask for a plan of some tenants (`tenants` empty and `everyone` true: all, platform first).

    `only` and `skip` are address globs (plan and drift only). `allow` are named allowances.
    """

    place: Place
    mode: Mode = Mode.APPLY
    tenants: tuple[str, ...] = ()
    everyone: bool = False
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()

    def tree(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ReconcileRequest:
    """Make one tenant agree with its plan: the unit a queue worker runs.

    `plan` is an encoded plan (planner.planfile) that holds this tenant. `allow` are named allowances.
    """

    place: Place
    tenant: str
    plan: str
    allow: tuple[str, ...] = ()
    reason: str = ""

    def tree(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ArchiveRequest:
    """Ask to archive what some tenants' conversations would lose within the next `days`."""

    place: Place
    tenants: tuple[str, ...] = ()
    everyone: bool = False
    days: float = 3.0

    def tree(self) -> dict[str, Any]:
        return asdict(self)


class ExitCode(IntEnum):
    """The one table of exit codes (DESIGN §10, DECISIONS 21), the same for every command."""

    DONE = 0
    ERROR = 1
    CHANGES = 2
    WAITING = 3
    PARTLY = 4
    BAD_INPUT = 5
    LOCKED = 6


_WORST_FIRST = (
    ExitCode.BAD_INPUT,
    ExitCode.ERROR,
    ExitCode.LOCKED,
    ExitCode.PARTLY,
    ExitCode.WAITING,
    ExitCode.CHANGES,
    ExitCode.DONE,
)


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """The exit code of a run over many tenants."""
    return min(codes, key=_WORST_FIRST.index, default=ExitCode.DONE)
