"""The oracle sees what it is there to see: each invariant is broken on purpose once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from temoctl.model.identity import Marker
from temoctl.systemdata.ports import AuditRow
from tests.sim.land import LLM_KEY, Land
from tests.sim.oracle import judge


def unannounced(land: Land) -> None:
    land.note("n8n", "POST without a word before")


def untracked(land: Land) -> None:
    (uid, address), _ = next(one for one in land.state.resources.items() if one[0][1].kind == "workflow")
    del land.state.resources[uid, address]


def twin(land: Land) -> None:
    ref, row = next(one for one in land.n8n.workflows.items() if Marker.search(one[1]["name"]))
    land.n8n.workflows[f"{ref}2"] = {**row, "id": f"{ref}2"}


def never_there(land: Land) -> None:
    key, record = next(one for one in land.state.resources.items() if one[0][1].kind == "credential")
    land.state.resources[key] = replace(record, ref="made-up")


def secret(land: Land) -> None:
    land.state.audit.append(("", AuditRow(0.0, "sim", "acme", "note", f"the key is {LLM_KEY}")))


def dangling(land: Land) -> None:
    key, record = next(one for one in land.state.resources.items() if one[1].depends_on)
    land.state.resources[key] = replace(record, instance="")


@pytest.mark.parametrize(
    ("spoil", "number"),
    [(unannounced, "1"), (untracked, "2"), (twin, "3"), (never_there, "4"), (secret, "8"), (dangling, "9")],
)
def test_a_broken_invariant_is_seen(land: Land, spoil: Callable[[Land], None], number: str) -> None:
    spoil(land)
    assert any(problem.startswith(f"{number}: ") for problem in judge(land)), judge(land)
