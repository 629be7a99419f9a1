"""What happens to the simulated tenant: which spec it had, which it gets. Knows no kinds and no faults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from temoctl.model.plan import Mode

TENANT = "acme"


class Spec(StrEnum):
    """`CHANGED`: every field that can change, every replace, something more. `FEWER`: some things are removed."""

    NOTHING = "nothing"
    SMALL = "small"
    CHANGED = "changed"
    FEWER = "fewer"


class Name(StrEnum):
    APPLY = "apply"
    UPDATE = "update"
    REMOVE = "remove"
    DESTROY = "destroy"
    RESUME = "apply, plan resumed"


@dataclass(frozen=True)
class Scenario:
    """`before` is applied without faults first; then `then` with them. `resumed`: the first plan is used again."""

    before: Spec
    then: Spec
    mode: Mode = Mode.APPLY
    resumed: bool = False


SCENARIOS: Mapping[Name, Scenario] = {
    Name.APPLY: Scenario(Spec.NOTHING, Spec.SMALL),
    Name.RESUME: Scenario(Spec.NOTHING, Spec.SMALL, resumed=True),
    Name.UPDATE: Scenario(Spec.SMALL, Spec.CHANGED),
    Name.REMOVE: Scenario(Spec.SMALL, Spec.FEWER),
    Name.DESTROY: Scenario(Spec.SMALL, Spec.NOTHING, Mode.DESTROY),
}
