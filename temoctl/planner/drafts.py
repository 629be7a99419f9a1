"""Findings on their way to steps: what was decided, and what other resources made of it. Holds no rules."""

from __future__ import annotations

from dataclasses import dataclass, field

from temoctl.model.address import Address
from temoctl.model.resource import Observed
from temoctl.model.step import Action
from temoctl.planner.decide import Reason, Ruling
from temoctl.planner.gather import Finding

DELETE = "!delete"
TWIN = "!twin-"

CHANGING = frozenset({Action.CREATE, Action.UPDATE, Action.REPLACE, Action.ADOPT})


@dataclass(slots=True)
class Draft:
    """One address' step in the making.

    `repair`: set up again although it looks right. `blocked`: what a foreign witness saw, with its label. `twins`:
    the further objects and what becomes of them. `links` are what it depends on (desired, else recorded); `held` what
    the object that is there now depends on (recorded): the two differ when the spec moved a reference.
    """

    finding: Finding
    action: Action | None
    reason: Reason
    repair: str = ""
    blocked: str = ""
    blocked_by: Observed | None = None
    twins: tuple[tuple[Observed, Ruling], ...] = ()
    links: frozenset[Address] = field(default_factory=frozenset)
    held: frozenset[Address] = field(default_factory=frozenset)

    @property
    def address(self) -> Address:
        return self.finding.views.address

    @property
    def desired(self) -> bool:
        return self.finding.views.desired is not None

    @property
    def effect(self) -> bool:
        """True when the step changes something at the vendor."""
        if self.action is Action.ADOPT:
            return bool(self.finding.changes or self.repair)
        return self.action in CHANGING

    @property
    def label(self) -> str:
        views = self.finding.views
        if views.desired is not None and views.desired.label:
            return views.desired.label
        recorded = views.recorded.label if views.recorded is not None else ""
        return recorded or views.kind.label or self.address.tail
