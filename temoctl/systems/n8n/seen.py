"""n8n's objects as observed resources: which are ours, which are twins, which are strays. Does no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from temoctl.engine.protocol import Scope, Snapshot, Target
from temoctl.model.address import Address
from temoctl.model.errors import Refused, TemoError
from temoctl.model.identity import Marker
from temoctl.model.resource import Doubt, Observed, Presence
from temoctl.model.value import Json, digest
from temoctl.systems.n8n.client import BAD_KEY, NO_RIGHT
from temoctl.systems.n8n.names import readable_name, split_name
from temoctl.systems.n8n.workflows import as_wanted, credential_ids, has_draft, is_published, mentions, published_nodes

FOREIGN = "TEMO708"

Vendor = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Listing:
    """One kind's list, or why it couldn't be read."""

    kind: str
    rows: Sequence[Vendor] = ()
    failed: TemoError | None = None
    by_id: Mapping[str, Vendor] = field(default_factory=dict)
    by_mark: Mapping[str, Sequence[Vendor]] = field(default_factory=dict)

    @classmethod
    def of(cls, kind: str, rows: Sequence[Vendor]) -> Listing:
        marked: dict[str, list[Vendor]] = {}
        for row in rows:
            marker = marker_of(row, kind)
            if marker is not None:
                marked.setdefault(replace(marker, intent=None).text, []).append(row)
        return cls(kind, rows, None, {str(row["id"]): row for row in rows}, marked)


def marker_of(row: Vendor, kind: str) -> Marker | None:
    """Our marker on an object; a credential that carries a workflow's marker isn't ours."""
    marker = split_name(str(row.get("name", "")))[1]
    return marker if marker is not None and marker.kind == kind else None


def unknown(target: Target, error: TemoError) -> Observed:
    """What a failed read says about one object: never that it is absent."""
    doubt = Doubt.OUTAGE
    if isinstance(error, Refused):
        doubt = Doubt.DENIED if error.code in (BAD_KEY, NO_RIGHT) else Doubt.AMBIGUOUS
    why = f"{error.summary}: {error.detail}" if error.detail else error.summary
    return Observed.unknown(target.address, doubt, why, fix=error.fix, code=error.code)


def observed(target: Target, row: Vendor, *, twins: tuple[Observed, ...] = ()) -> Observed:
    """One object as the target's address sees it."""
    marker = marker_of(row, target.address.kind)
    if marker is not None and not marker.same_object(target.marker):
        return Observed.unknown(
            target.address,
            Doubt.FOREIGN,
            f"the object on record ({row['id']}) now carries another owner's mark",
            fix="somebody renamed objects in n8n: give both their old names back, or show this to an engineer",
            code=FOREIGN,
        )
    props, outputs = _props(target, row), {"id": str(row["id"]), "name": str(row["name"])}
    return Observed(
        target.address,
        Presence.PRESENT,
        ref=str(row["id"]),
        props=props,
        outputs=outputs,
        fingerprint=_fingerprint(target.address.kind, row),
        marker=marker,
        twins=twins,
        active=is_published(row) if target.address.kind == "workflow" else None,
        note=_saved(row),
    )


def _props(target: Target, row: Vendor) -> dict[str, Json]:
    wanted = target.props.get("name")
    name = readable_name(str(row["name"]), wanted if isinstance(wanted, str) else None)
    if target.address.kind == "credential":
        return {"name": name, "type": row["type"]}
    asked = target.props.get("nodes")
    nodes = list(as_wanted(row.get("nodes") or (), asked if isinstance(asked, Sequence) else ()))
    connections = row.get("connections") or {}
    if has_draft(row):
        nodes, connections = _with_published(target, row, nodes)
    return {
        "name": name,
        "nodes": nodes,
        "connections": connections,
        "settings": row.get("settings") or {},
        "active": is_published(row),
    }


def _with_published(target: Target, row: Vendor, nodes: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], Json]:
    """The saved nodes, or the published ones where those are what differs from what was asked."""
    if digest(nodes) != digest(list(target.props.get("nodes") or ())):
        return nodes, row.get("connections") or {}
    live = list(as_wanted(published_nodes(row), target.props.get("nodes") or ()))
    return live, (row.get("activeVersion") or {}).get("connections") or {}


def _fingerprint(kind: str, row: Vendor) -> str:
    """Everything that an update could overwrite. Times of use aren't in it, so idling changes nothing."""
    if kind == "credential":  # what is inside can't be read: that it was saved again is all n8n tells
        return digest([row["name"], row["type"], row.get("updatedAt")])
    fields = ("name", "nodes", "connections", "settings", "active", "isArchived", "versionId", "activeVersionId")
    return digest([row.get(one) for one in fields])


def _saved(row: Vendor) -> str:
    try:
        at = datetime.fromisoformat(str(row["updatedAt"]))
    except (KeyError, ValueError):
        return ""
    return f"last saved on {at.day} {at:%b %Y %H:%M} UTC"


def matched(target: Target, listing: Listing) -> Observed:
    """What a list says about one target: the object on record, else the one with its marker; the others are twins."""
    if listing.failed is not None:
        return unknown(target, listing.failed)
    rows = listing.by_mark.get(target.marker.text, ())
    on_record = listing.by_id.get(target.ref or "")
    if on_record is not None and on_record not in rows:
        rows = (on_record, *rows)
    if not rows:
        return Observed.absent(target.address)
    first, *others = sorted(rows, key=lambda row: _order(row, target.ref))
    return observed(target, first, twins=tuple(_spare(target, row) for row in others))


def _order(row: Vendor, ref: str | None) -> tuple[bool, bool, str, str]:
    return str(row["id"]) != ref, not row.get("active"), str(row.get("createdAt")), str(row["id"])


def _spare(target: Target, row: Vendor) -> Observed:
    return observed(replace(target, ref=str(row["id"])), row)


def snapshot(scope: Scope, listings: Mapping[str, Listing]) -> Snapshot:
    """All targets and strays; twins and strays know whether any workflow still uses them."""
    found = {target.address: matched(target, listings[target.address.kind]) for target in scope.targets}
    workflows = listings["workflow"]
    for address, one in found.items():
        if one.twins:
            found[address] = replace(one, twins=tuple(_with_use(twin, workflows) for twin in one.twins))
    asked = {replace(target.marker, intent=None).text for target in scope.targets}
    strays = [stray for listing in listings.values() for stray in _strays(scope, listing, asked)]
    return Snapshot(found, tuple(_with_use(one, workflows) for one in strays))


def _strays(scope: Scope, listing: Listing, asked: set[str]) -> Iterable[Observed]:
    tenants = {owner: tenant for tenant, owner in scope.owners.items()}
    for mark, rows in listing.by_mark.items():
        marker = Marker.search(mark)
        if marker is None or marker.owner not in tenants or mark in asked:
            continue
        address = Address(tenants[marker.owner], "n8n", marker.kind, marker.name)
        for row in rows:
            yield observed(Target(address, marker, str(row["id"])), row)


def _with_use(one: Observed, workflows: Listing) -> Observed:
    """Whether another workflow uses the object; where the list of workflows failed, it is taken as used."""
    if workflows.failed is not None:
        return replace(one, referenced=True)
    ref = str(one.ref)
    if one.address.kind == "credential":
        uses = any(ref in credential_ids([*(row.get("nodes") or ()), *published_nodes(row)]) for row in workflows.rows)
    else:
        uses = any(str(row["id"]) != ref and mentions(row, ref) for row in workflows.rows)
    return replace(one, referenced=uses)
