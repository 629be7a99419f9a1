"""What the random histories have found, each as the shortest story that showed it."""

from __future__ import annotations

from tests.sim import play
from tests.sim.hands import HANDS
from tests.sim.land import Land
from tests.sim.life import Doom
from tests.sim.oracle import judge


def test_what_a_dead_run_left_open_is_looked_up_although_nothing_is_to_be_changed(land: Land) -> None:
    """The file was put back before the run died, so the next plan is empty: nothing recovered the open intent."""
    HANDS["delete_file"](land, "acme", 1)
    traced = _trace_of_apply(land)
    number = next(n for n, label in enumerate(traced, 1) if label.startswith("storage POST"))
    ended = land.command(play.apply("acme"), Doom(number, "after"))
    assert ended.died
    land.pass_time(61.0)
    assert land.command(play.plan("acme")).value.changes == []
    assert not land.command(play.apply("acme")).value.troubles
    assert not [row for row in land.state.intents.values() if row.ending is None]
    assert not judge(land, at_rest=True)


def _trace_of_apply(land: Land) -> list[str]:
    """What an apply would do now: played on this world, and then undone by hand."""
    traced = land.command(play.apply("acme")).life.trace
    HANDS["delete_file"](land, "acme", 1)
    return traced
