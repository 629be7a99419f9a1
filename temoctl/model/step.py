"""Steps: one action of a plan each, with everything a person needs to judge it. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from temoctl.model.address import Address
from temoctl.model.diagnostic import Where
from temoctl.model.kind import Impact
from temoctl.model.money import Money
from temoctl.model.resource import Desired
from temoctl.model.value import Json


class Action(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    ADOPT = "adopt"  # it is there, marked ours, but not recorded: record it (and update it when it differs)
    FORGET = "forget"  # recorded, but gone: drop the record
    WAIT = "wait"  # nothing to do but to wait and verify (an outage, a witness)
    ASK = "ask"  # a person must decide or act


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One changed field. `path` is readable (`nodes[Telegram Trigger].parameters.updates`).

    `before` and `after` are values fit to show; for secrets they are versions ("version 2"), never texts.
    """

    path: str
    before: Json
    after: Json
    secret: bool = False
    where: Where | None = None
    drift: bool = False  # the world changed, not the spec


@dataclass(frozen=True, slots=True)
class Step:
    """`id` is the address' text, followed by `!delete` for the deleting half of a replace, `!twin-<ref>` for a twin.

    Steps with such an ending concern the one object that `ref` names, never the record of the address.

    `needs` are ids of steps that must be done first. `ref` and `fingerprint` are what was observed when planning;
    `allowance` is the named allowance this step needs (`delete:supabase.table`), "" for none. `repair` marks an
    update forced by a wrong witness: the object itself looks right but must be set up again.
    """

    id: str
    address: Address
    action: Action
    because: str
    label: str
    detail: str = ""
    where: Where | None = None
    impact: Impact = Impact.NONE
    reversible: bool = True
    money: Money | None = None
    changes: tuple[FieldChange, ...] = ()
    forced_by: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    desired: Desired | None = None
    ref: str | None = None
    fingerprint: str = ""
    allowance: str = ""
    protected: bool = False
    repair: bool = False
    wait_for: str = ""
    fix: str = ""
    code: str = ""
    depends_on: tuple[Address, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Drift:
    """Something changed behind our back, told apart from what the spec changes."""

    address: Address
    label: str
    summary: str
    changes: tuple[FieldChange, ...] = ()
