"""What came of running one tenant's plan: three lists and the probes. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field

from temoctl.engine.protocol import ProbeResult, Proof
from temoctl.model.address import Address
from temoctl.model.diagnostic import Diagnostic
from temoctl.model.step import Step


@dataclass(frozen=True, slots=True)
class DoneStep:
    step: Step
    seconds: float
    note: str = ""
    proof: Proof | None = None  # for deletions


@dataclass(frozen=True, slots=True)
class FailedStep:
    """`unknown` is True when the outcome could not be found out: never reported as plain failed or done."""

    step: Step
    problem: Diagnostic
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class NotTriedStep:
    step: Step
    why: str


@dataclass(frozen=True, slots=True)
class RunResult:
    """`waiting` are steps that a person must do (ASK on gates). `stopped` says why a run ended early, "" if not."""

    tenant: str
    uid: str
    run: str
    done: tuple[DoneStep, ...] = ()
    failed: tuple[FailedStep, ...] = ()
    not_tried: tuple[NotTriedStep, ...] = ()
    waiting: tuple[Step, ...] = ()
    probes: tuple[ProbeResult, ...] = ()
    problems: tuple[Diagnostic, ...] = ()
    stopped: str = ""
    seconds: float = 0.0
    certificate: tuple[tuple[Address, Proof], ...] = field(default=())

    @property
    def ok(self) -> bool:
        return not (self.failed or self.not_tried or self.problems or self.stopped) and all(p.ok for p in self.probes)
