"""What happens while a plan runs, as values. render turns them into lines; nothing here is formatted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from temoctl.model.diagnostic import Diagnostic
from temoctl.model.step import Step


@dataclass(frozen=True, slots=True)
class RunStarted:
    tenant: str
    steps: int


@dataclass(frozen=True, slots=True)
class StepStarted:
    tenant: str
    step: Step


@dataclass(frozen=True, slots=True)
class StepWaiting:
    """`reason` is for people: "waits for Telegram: asked to wait 30 s", "until the webhook is registered"."""

    tenant: str
    step: Step
    reason: str
    seconds: float


@dataclass(frozen=True, slots=True)
class StepDone:
    tenant: str
    step: Step
    seconds: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class StepFailed:
    tenant: str
    step: Step
    problem: Diagnostic


@dataclass(frozen=True, slots=True)
class StepNotTried:
    tenant: str
    step: Step
    why: str


@dataclass(frozen=True, slots=True)
class Recovering:
    """An open intent of a dead run is being looked up."""

    tenant: str
    address: str
    verb: str
    reason: str


@dataclass(frozen=True, slots=True)
class Stopping:
    """The first Ctrl-C or SIGTERM was seen: what runs is finished, nothing new starts."""

    tenant: str
    running: int


Event = RunStarted | StepStarted | StepWaiting | StepDone | StepFailed | StepNotTried | Recovering | Stopping
Sink = Callable[[Event], None]
