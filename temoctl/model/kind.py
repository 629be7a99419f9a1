"""What the planner and the engine must know about a kind of resource. Declared by each system; pure data.

Must not hold a client or a URL: a `Kind` is handed to the pure planner.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from temoctl.model.identity import Identity
from temoctl.model.value import Props


class Impact(StrEnum):
    """What a step means for the business, least to worst."""

    NONE = "none"
    PAUSE = "pause"  # answers stop for a moment
    CUSTOMERS = "seen by customers"
    MONEY = "money"
    DATA_LOSS = "data loss"


class ReplaceOrder(StrEnum):
    CREATE_FIRST = "create-before-delete"
    DELETE_FIRST = "delete-before-create"


def _as_is(props: Props) -> Props:
    return props


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of resource of one system.

    `label` is the business noun ("bot texts", "knowledge table"). Fields named in `immutable` can only change by a
    replace. `write_only` fields are never given back by the system and are compared with what was recorded.
    `partial` fields are mappings of which we own only the keys we send. `observe_secrets` names the top-level
    fields whose secret must be resolved before the object can be read at all (a bot's token); `probe_secrets` those
    that only a probe needs (a role's password): targets of probes carry both. `normalise` is applied to desired and
    observed alike before they are compared, so that a vendor's spelling is not drift.
    `impact` maps a field (or "create", "update", "delete", "replace") to what touching it means; unnamed is NONE.
    `settle` and `ready` are seconds: how long "absent" is doubted after an unknown outcome, and how long becoming
    ready may take. `foreseen` names fields that others are meant to move (a client gives a card): a difference there is
    something to answer, never drift. `data` marks kinds whose deletion loses customers' data and so needs
    `--allow delete:<kind>`.
    `calls` is the number of read calls one object costs when there is no fleet list (DECISIONS 10).
    `exclusive` names the field of `observe_secrets` whose text up to the first ":" is an account that only one
    tenant may use (a bot's id): checked at plan time over all tenants, claimed by keyed hash (DECISIONS 26).
    """

    system: str
    name: str
    label: str
    identity: Identity
    immutable: frozenset[str] = frozenset()
    write_only: frozenset[str] = frozenset()
    partial: frozenset[str] = frozenset()
    foreseen: frozenset[str] = frozenset()
    observe_secrets: frozenset[str] = frozenset()
    probe_secrets: frozenset[str] = frozenset()
    replace: ReplaceOrder = ReplaceOrder.CREATE_FIRST
    impact: Mapping[str, Impact] = field(default_factory=dict)
    reversible: bool = True
    data: bool = False
    settle: float = 30.0
    ready: float = 60.0
    calls: int = 0
    archive_only: bool = False  # the vendor archives instead of deleting
    exclusive: str = ""
    normalise: Callable[[Props], Props] = _as_is

    @property
    def key(self) -> str:
        return f"{self.system}.{self.name}"

    @property
    def watched_only(self) -> bool:
        """True for kinds that are observed and waited for, never created, changed or deleted by us."""
        return self.identity in (Identity.WITNESS, Identity.GATE)
