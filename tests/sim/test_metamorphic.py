"""What must come out the same: twice as once, keys in any order, one at a time or sixteen, the same seed again."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.sim import play
from tests.sim.conftest import WISH
from tests.sim.land import Land
from tests.sim.life import Doom
from tests.sim.oracle import judge, things
from tests.sim.specs import Wish

OTHER = Wish("bravo", channels=("telegram", "second"), bases={("services", "Catalogue"): ("007,Cake,3.20",)})


def both(root: Path, *, backwards: bool = False) -> Land:
    """Two tenants' specs and secrets in a fresh world."""
    land = Land(root)
    for wish in (WISH, OTHER):
        land.write(wish, backwards=backwards)
        land.give_secrets(wish.id, *wish.channels)
    return land


def shape(land: Land) -> list[str]:
    """The vendors' world without the ids that depend on who was first."""
    return sorted(f"{one.address} {one.what}" for one in things(land))


def steps(encoded: str) -> Any:
    """An encoded plan without its times, its seal, and the digests and places that name the file as it is written."""
    tree = json.loads(encoded)
    text = json.dumps(tree.get("plan", tree), sort_keys=True)
    text = re.sub(r'"(line|column|length|created_at|expires_at)": [0-9.]+', "", text)
    return re.sub(r'"spec": "[0-9a-f]{64}"', "", text)


def test_twice_is_once(land: Land) -> None:
    before, writes = shape(land), len(land.writes)
    again = land.command(play.apply()).value
    assert again.steps == [] and not again.troubles
    assert land.writes[writes:] == [] and shape(land) == before


def test_the_order_of_keys_in_a_spec_does_not_matter(tmp_path: Path) -> None:
    encoded = []
    for name, backwards in (("forth", False), ("back", True)):
        land = both(tmp_path / name, backwards=backwards)
        encoded.append(steps(land.command(play.plan()).value.encoded))
        land.close()
    assert encoded[0] == encoded[1]


def test_one_at_a_time_or_sixteen_end_alike(tmp_path: Path) -> None:
    ends = []
    for parallelism in (1, 16):
        land = both(tmp_path / str(parallelism))
        applied = land.command(play.apply(parallelism=parallelism)).value
        assert not applied.troubles and not judge(land, at_rest=True)
        ends.append((shape(land), sorted(str(address) for _, address in land.state.resources)))
        land.close()
    assert ends[0] == ends[1]


def test_two_roads_lead_to_one_world(tmp_path: Path) -> None:
    """Applying a first wish and then a second ends as applying the second at once."""
    ends = []
    for first in (replace(WISH, tone="brief", channels=("telegram", "second")), None):
        land = Land(tmp_path / str(first is None))
        for wish in filter(None, (first, WISH)):
            land.write(wish)
            land.give_secrets(wish.id, *wish.channels)
            assert not land.command(play.apply()).value.troubles
        ends.append(shape(land))
        land.close()
    assert ends[0] == ends[1]


def test_the_same_seed_plays_the_same_trace(tmp_path: Path) -> None:
    traces = []
    for name in ("one", "two"):
        land = both(tmp_path / name)
        died = land.command(play.apply(), Doom(33, "after"))
        land.pass_time(61.0)
        traces.append((died.life.trace, land.command(play.apply()).life.trace, land.clock.now()))
        land.close()
    assert traces[0] == traces[1]


@pytest.mark.parametrize("at", [2, 9, 14])
def test_who_sleeps_past_the_lease_changes_nothing_more(empty: Land, at: int) -> None:
    """Fencing in virtual time: frozen before a durable write, overtaken by another run, and woken up."""
    sleeper = empty.command(play.apply(), Doom(at, "freeze", "store"))
    assert sleeper.frozen
    empty.pass_time(61.0)
    assert not empty.command(play.apply()).value.troubles
    writes, kept = len(empty.writes), empty.state.copy()
    (woken,) = empty.thaw()
    assert empty.writes[writes:] == []
    assert empty.state.resources == kept.resources and empty.state.intents == kept.intents
    assert woken.value is None or woken.value.troubles
    assert not judge(empty, at_rest=True)
