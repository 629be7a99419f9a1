"""Desired, recorded and observed: the three views of one resource that the planner compares.

Values only. Systems fill `Observed`, blueprints make `Desired`, systemdata keeps `Recorded`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from temoctl.model.address import Address
from temoctl.model.diagnostic import Where
from temoctl.model.identity import Marker
from temoctl.model.money import Money
from temoctl.model.value import Json, Props, references


@dataclass(frozen=True, slots=True)
class Desired:
    """What the spec asks of one resource.

    `props` is a property tree (see `model.value`) of exactly the fields we own. `label` and `detail` are business
    words ("Telegram bot", "@acme_bot"). `after` adds order that no reference shows. `where` is the spec line that
    asked; `field_where` the line of single fields. `witness_of` names the resource whose doing this one proves: when
    a witness is wrong, that resource is repaired. `money` is what having it costs. `after_leaving`: it isn't changed
    before everything is gone that the spec no longer asks for.
    """

    address: Address
    props: Props
    label: str
    detail: str = ""
    after: tuple[Address, ...] = ()
    where: Where | None = None
    field_where: Mapping[str, Where] = field(default_factory=dict)
    protect: bool = False
    witness_of: Address | None = None
    money: Money | None = None
    after_leaving: bool = False

    @property
    def depends_on(self) -> frozenset[Address]:
        """References in the props plus `after`."""
        return references(dict(self.props)) | frozenset(self.after)


class Presence(StrEnum):
    """What a system could say about one object. "different" is the planner's finding, not a system's."""

    PRESENT = "present"
    ABSENT = "absent"
    UNKNOWN = "unknown"


class Doubt(StrEnum):
    """Why an object is unknown: it decides whether waiting helps or a person must act."""

    OUTAGE = "outage"  # no answer, 5xx, timeout: try later
    DENIED = "denied"  # 401/403: a credential or a right is missing
    AMBIGUOUS = "ambiguous"  # a 400 or a filtered list that proves nothing
    FOREIGN = "foreign"  # there is one, and it isn't ours


@dataclass(frozen=True, slots=True)
class Observed:
    """What a system says about one address now.

    `ref` is the vendor's own id. `props` are in the desired form (same field names, normalised), owned fields only.
    `outputs` are what other resources may refer to (at least `id` where there is one). `fingerprint` changes whenever
    anything of the object changes that we could overwrite. `twins` are further objects with the same marker.
    `active` is False when the object is known to do nothing (an inactive workflow), None where that has no meaning.
    `losses` maps fields of `props` to what setting them as the target asks would destroy ("1,204 messages …").
    """

    address: Address
    presence: Presence
    ref: str | None = None
    props: Props = field(default_factory=dict)
    outputs: Mapping[str, Json] = field(default_factory=dict)
    fingerprint: str = ""
    marker: Marker | None = None
    twins: tuple[Observed, ...] = ()
    active: bool | None = None
    referenced: bool = False
    doubt: Doubt | None = None
    why: str = ""
    fix: str = ""
    code: str = ""
    note: str = ""  # "edited by hand on 3 Nov", when the system tells
    losses: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def absent(cls, address: Address) -> Observed:
        return cls(address, Presence.ABSENT)

    @classmethod
    def unknown(cls, address: Address, doubt: Doubt, why: str, *, fix: str = "", code: str = "") -> Observed:
        return cls(address, Presence.UNKNOWN, doubt=doubt, why=why, fix=fix, code=code)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What SystemData says we last applied.

    `props` is the property tree as it was sent (references and secrets unresolved); `resolved` holds the owned values
    with references resolved and secrets left as references, which is what write-only fields are compared with.
    `depends_on` stands here because a resource removed from the spec can no longer be asked (DECISIONS 15).
    """

    address: Address
    ref: str
    props: Props
    resolved: Props
    outputs: Mapping[str, Json] = field(default_factory=dict)
    depends_on: tuple[Address, ...] = ()
    instance: str = ""
    protect: bool = False
    label: str = ""
    detail: str = ""
    witness_of: Address | None = None
    intent: str = ""
    where: Where | None = None
