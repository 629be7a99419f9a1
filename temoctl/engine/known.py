"""What a run knows about one tenant while it works: records, outputs, owner; and what follows from them.

Resolves references and builds the targets and records that systems and the journal get. Pure: no I/O, no vendor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from temoctl.engine.ports import Intent
from temoctl.engine.protocol import Target
from temoctl.model.address import Address
from temoctl.model.errors import Refused
from temoctl.model.identity import Marker, Owner
from temoctl.model.kind import Kind
from temoctl.model.resource import Desired, Recorded
from temoctl.model.secret import Secret
from temoctl.model.value import Json, Props, is_ref, is_secret, leaves, substitute

Outputs = Mapping[Address, Mapping[str, Json]]


@dataclass(slots=True)
class Known:
    """`records` changes as steps finish. `platform` holds the outputs of what tenants share."""

    tenant: str
    owner: Owner
    records: dict[Address, Recorded]
    platform: Outputs
    instances: Mapping[str, str]

    def output(self, address: Address, name: str) -> Json:
        """An output of a resource that is there. Raises Refused (TEMO505) when it isn't known."""
        record = self.records.get(address)
        outputs = record.outputs if record is not None else self.platform.get(address, {})
        if name not in outputs:
            raise Refused(
                "TEMO505",
                f"{address} is needed here but has no known {name!r}",
                detail="The resource it belongs to has not been made, or was made by an older version.",
                fix=f"apply {address.tenant} first, then run the same command again",
            )
        return outputs[name]

    def resolve(self, props: Props) -> dict[str, Any]:
        """The tree with references replaced and secrets left as leaves."""
        done: dict[str, Any] = substitute(dict(props), of_ref=self.output)
        return done

    def resolve_gladly(self, props: Props) -> dict[str, Any]:
        """As `resolve`, but what isn't known any more stays a reference: for deleting, and for records."""

        def or_leaf(address: Address, name: str) -> Json:
            try:
                return self.output(address, name)
            except Refused:
                return {"$ref": str(address), "output": name}

        done: dict[str, Any] = substitute(dict(props), of_ref=or_leaf)
        return done

    def marker(self, address: Address, intent: str | None = None) -> Marker:
        return Marker(self.owner, address.kind, address.name, intent)

    def target(self, address: Address, resolved: Props, secrets: Mapping[str, Secret], ref: str | None) -> Target:
        return Target(address, self.marker(address), ref, resolved, secrets)

    def ref_is_used(self, ref: str, by_others_than: Address) -> bool:
        """True while some record of this tenant still points at that vendor id."""
        return any(
            ref in leaves(dict(record.resolved))
            for address, record in self.records.items()
            if address != by_others_than
        )


def record_of(
    desired: Desired, *, resolved: Props, ref: str, outputs: Mapping[str, Json], instance: str, intent: str
) -> Recorded:
    """What SystemData keeps of a resource that was just made as desired."""
    return Recorded(
        desired.address,
        ref,
        desired.props,
        resolved,
        outputs,
        depends_on=tuple(sorted(desired.depends_on)),
        instance=instance,
        protect=desired.protect,
        label=desired.label,
        detail=desired.detail,
        witness_of=desired.witness_of,
        intent=intent,
        where=desired.where,
    )


def record_from_intent(
    intent: Intent, known: Known, *, ref: str, outputs: Mapping[str, Json], before: Recorded | None
) -> Recorded:
    """The record of what a dead run's intent left behind. What only the plan knew is kept from the record before."""
    base = before or Recorded(intent.address, ref, intent.props, {}, label=intent.label)
    return replace(
        base,
        ref=ref,
        props=intent.props,
        resolved=known.resolve_gladly(intent.props),
        outputs=outputs,
        depends_on=intent.depends_on or base.depends_on,
        instance=known.instances.get(intent.address.system, base.instance),
        intent=intent.id,
    )


def doubted(record: Recorded, kind: Kind) -> Recorded:
    """The record without what can't be read back: the next plan sets those fields again."""
    if not kind.write_only:
        return record
    kept = {key: value for key, value in record.resolved.items() if key not in kind.write_only}
    return replace(record, resolved=kept)


def agrees(kind: Kind, wanted: Props, observed: Props) -> bool:
    """True when every owned field that can be compared is as wanted."""
    want, seen = dict(kind.normalise(dict(wanted))), dict(kind.normalise(dict(observed)))
    for field, value in want.items():
        if field in kind.write_only or any(is_secret(leaf) or is_ref(leaf) for leaf in leaves(value)):
            continue
        other = seen.get(field)
        if field in kind.partial and isinstance(value, Mapping) and isinstance(other, Mapping):
            other = {key: other.get(key) for key in value}
        if other != value:
            return False
    return True


def sets_unreadable(kind: Kind, wanted: Props) -> bool:
    """True when the wanted props hold a field that can't be read back, so that agreement proves too little."""
    return any(field in kind.write_only for field in wanted)
