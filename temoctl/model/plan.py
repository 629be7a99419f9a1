"""A plan: what would be done for each tenant, and what it was read from. Values only; encoding is planner.planfile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from temoctl.model.address import Address
from temoctl.model.diagnostic import Diagnostic
from temoctl.model.resource import Observed, Recorded
from temoctl.model.step import Action, Drift, Step


class Mode(StrEnum):
    APPLY = "apply"
    DESTROY = "destroy"
    DRIFT = "drift"


@dataclass(frozen=True, slots=True)
class RecordedTenant:
    """What SystemData knows of one tenant. `uid` is "" for a tenant that has never been applied.

    `open_intents` are journal rows without an end: a run died there. `known_intents` are all intents of our journal
    that may stand in a marker; a twin that carries none of them is somebody else's. `plan` is the plan
    (START …) that was last applied, "" where none was.
    """

    tenant: str
    uid: str = ""
    serial: int = 0
    manager: str = ""
    resources: Mapping[Address, Recorded] = field(default_factory=dict)
    open_intents: tuple[str, ...] = ()
    known_intents: frozenset[str] = frozenset()
    plan: str = ""


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything a plan depends on, as digests (DECISIONS 18). Empty strings where something has no part in it."""

    spec: str = ""
    plans: str = ""
    platform: str = ""
    templates: str = ""
    knowledge: str = ""
    program: str = ""
    secrets: str = ""
    standing: str = ""


@dataclass(frozen=True, slots=True)
class TenantPlan:
    """The steps of one tenant, in an order that respects `needs`.

    `uid` is the tenant's uid, freshly drawn when `new` (it becomes real only when the plan is applied).
    `not_applied` names channels that validate but that this version doesn't apply yet. `problems` stop the tenant:
    a plan with an ERROR there is shown but never applied.
    """

    tenant: str
    uid: str
    new: bool
    serial: int
    steps: tuple[Step, ...]
    unchanged: int = 0
    drift: tuple[Drift, ...] = ()
    problems: tuple[Diagnostic, ...] = ()
    not_applied: tuple[str, ...] = ()
    inputs: Inputs = Inputs()
    platform_serial: int = 0
    manager: str = ""

    @property
    def changes(self) -> tuple[Step, ...]:
        """Steps that change something; open gates are not changes (DECISIONS 21)."""
        return tuple(step for step in self.steps if step.action not in (Action.ASK, Action.WAIT))

    @property
    def allowances(self) -> tuple[str, ...]:
        return tuple(sorted({step.allowance for step in self.steps if step.allowance}))


@dataclass(frozen=True, slots=True)
class Plan:
    """`id` is short and readable (`P-7F3K`); times are seconds since the epoch, UTC."""

    id: str
    mode: Mode
    created_at: float
    expires_at: float
    installation: str
    tenants: tuple[TenantPlan, ...]
    calls: Mapping[str, int] = field(default_factory=dict)  # read calls spent, by system
    partial: tuple[str, ...] = ()  # --only/--except as given; a partial plan is shown, never applied

    def summary(self) -> dict[str, int]:
        """`{create, update, replace, delete, adopt, forget, wait, ask, unchanged}` over all tenants."""
        counted = Counter(step.action.value for one in self.tenants for step in one.steps)
        return {action.value: counted[action.value] for action in Action} | {
            "unchanged": sum(one.unchanged for one in self.tenants)
        }


@dataclass(frozen=True, slots=True)
class View:
    """What one run read of one tenant: handed to the planner with desired and recorded.

    `strays` are objects that carry this tenant's marker but stand at no address asked for.
    """

    observed: Mapping[Address, Observed]
    strays: tuple[Observed, ...] = ()
