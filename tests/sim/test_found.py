"""What the random histories have found, each as the shortest story that showed it."""

from __future__ import annotations

from tests.sim import play
from tests.sim.conftest import WISH
from tests.sim.hands import HANDS
from tests.sim.land import Land
from tests.sim.life import Doom
from tests.sim.oracle import judge


def dies(land: Land, label: str, kind: str) -> None:
    """An apply that dies before or after its first effect of that name; then its lease runs out."""
    assert land.command(play.apply("acme"), Doom(1, kind, label)).died, f"there was no effect {label}"
    land.pass_time(61.0)


def test_what_a_dead_run_left_open_is_looked_up_although_nothing_is_to_be_changed(land: Land) -> None:
    """The file was put back before the run died, so the next plan is empty: nothing recovered the open intent."""
    HANDS["delete_file"](land, "acme", 1)
    dies(land, "storage POST", "after")
    assert land.command(play.plan("acme")).value.changes == []
    assert not land.command(play.apply("acme")).value.troubles
    assert not [row for row in land.state.intents.values() if row.ending is None]
    assert not judge(land, at_rest=True)


def test_the_old_half_of_a_replace_that_recovery_took_away_is_not_asked_for_again(land: Land) -> None:
    """Reading the deleted version of a file gave the new one: "changed by somebody since this plan was approved"."""
    land.write(WISH.with_base("products", "Catalogue", ("01,Tea,1.50",)))
    dies(land, "storage DELETE", "before")
    again = land.command(play.apply("acme")).value
    assert not again.troubles, again.troubles
    assert land.command(play.plan("acme")).value.steps == []
    assert not judge(land, at_rest=True)
