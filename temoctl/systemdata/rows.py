"""Between the model's values and the columns they are kept in. Reading is lenient: a row that was tampered with
gives the best value it can, or is left to `state check`. Must not do I/O.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from temoctl.engine.ports import Intent
from temoctl.model.address import Address
from temoctl.model.diagnostic import Where
from temoctl.model.identity import Marker
from temoctl.model.resource import Recorded
from temoctl.systemdata.integrity import parsed
from temoctl.systemdata.ports import LeaseState, RunRow

Row = Mapping[str, Any]


def record_tree(record: Recorded) -> dict[str, Any]:
    """A record as one JSON object whose keys are the columns of `temoctl.resources`."""
    return {
        "address": str(record.address),
        "ref": record.ref,
        "props": dict(record.props),
        "resolved": dict(record.resolved),
        "outputs": dict(record.outputs),
        "depends_on": [str(one) for one in record.depends_on],
        "instance": record.instance,
        "protect": record.protect,
        "label": record.label,
        "detail": record.detail,
        "witness_of": str(record.witness_of) if record.witness_of else None,
        "intent": record.intent,
        "place": _place_tree(record.where),
    }


def record(row: Row) -> Recorded | None:
    """The record of a row, or None when not even its address can be read."""
    address = parsed(str(row["address"]))
    if address is None:
        return None
    props = _object(row["props"])
    return Recorded(
        address=address,
        ref=str(row["ref"] or ""),
        props=props,
        resolved=_shared(_object(row["resolved"]), props),
        outputs=_object(row["outputs"]),
        depends_on=addresses(row["depends_on"]),
        instance=str(row["instance"] or ""),
        protect=bool(row["protect"]),
        label=str(row["label"] or ""),
        detail=str(row["detail"] or ""),
        witness_of=parsed(row["witness_of"]) if row["witness_of"] else None,
        intent=str(row["intent"] or ""),
        where=_place(row["place"]),
    )


def intent_tree(intent: Intent) -> dict[str, Any]:
    """An intent as one JSON object whose keys are the columns of `temoctl.intents`."""
    return {
        "intent": intent.id,
        "address": str(intent.address),
        "verb": intent.verb,
        "marker": intent.marker.text,
        "props": dict(intent.props),
        "at": intent.at,
        "ref": intent.ref,
        "run": intent.run,
        "plan": intent.plan,
        "step": intent.step,
        "depends_on": [str(one) for one in intent.depends_on],
        "label": intent.label,
    }


def intent(row: Row) -> Intent | None:
    """The intent of a row, or None when it can't be read."""
    address, marker = parsed(str(row["address"])), Marker.search(str(row["marker"]))
    if address is None or marker is None:
        return None
    return Intent(
        id=str(row["intent"]),
        address=address,
        verb=str(row["verb"]),
        marker=marker,
        props=_object(row["props"]),
        at=float(row["at"]),
        ref=row["ref"],
        run=str(row["run"]),
        plan=str(row["plan"]),
        step=str(row["step"]),
        depends_on=addresses(row["depends_on"]),
        label=str(row["label"]),
    )


def lease(row: Row) -> LeaseState:
    return LeaseState(
        uid=str(row["tenant_uid"]),
        tenant=str(row["tenant"]),
        epoch=int(row["epoch"]),
        holder=str(row["holder"]),
        operation=str(row["operation"]),
        taken_at=float(row["taken_at"]),
        heartbeat_at=float(row["heartbeat_at"]),
        expires_at=float(row["expires_at"]),
    )


def run(row: Row) -> RunRow:
    return RunRow(
        run=str(row["run"]),
        tenant=str(row["tenant"]),
        mode=str(row["mode"]),
        plan=str(row["plan"]),
        by=str(row["by_name"]),
        started_at=float(row["started_at"]),
        finished_at=None if row["finished_at"] is None else float(row["finished_at"]),
        status=str(row["status"]),
        summary=_object(row["summary"]),
    )


def addresses(texts: Sequence[Any] | None) -> tuple[Address, ...]:
    """The addresses among the texts; what is none is left out (and found by `state check`)."""
    return tuple(one for one in (parsed(str(text)) for text in texts or ()) if one is not None)


def _shared(tree: Any, other: Any) -> Any:
    """`tree` built from the parts of `other` that are equal: what was asked for and what was sent differ in few leaves.

    A fleet's records are most of what a plan keeps in memory. Nobody changes a record's trees.
    """
    if tree == other:
        return other
    if isinstance(tree, dict) and isinstance(other, dict):
        return {name: _shared(node, other.get(name)) for name, node in tree.items()}
    if isinstance(tree, list) and isinstance(other, list) and len(tree) == len(other):
        return [_shared(node, its) for node, its in zip(tree, other, strict=True)]
    return tree


def _object(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _place_tree(where: Where | None) -> dict[str, Any] | None:
    if where is None:
        return None
    return {name: getattr(where, name) for name in Where.__slots__}


def _place(tree: Any) -> Where | None:
    if not isinstance(tree, Mapping) or not tree.get("file"):
        return None
    try:
        return Where(
            file=str(tree["file"]),
            line=int(tree.get("line") or 0),
            column=int(tree.get("column") or 0),
            length=int(tree.get("length") or 1),
            sheet=str(tree.get("sheet") or ""),
            column_name=str(tree.get("column_name") or ""),
        )
    except (TypeError, ValueError):
        return None
