"""What the random histories have found, each as the shortest story that showed it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from temoctl.systems.fake_http import Fault
from tests.sim import play
from tests.sim.conftest import WISH
from tests.sim.hands import HANDS
from tests.sim.land import Land
from tests.sim.life import Doom
from tests.sim.oracle import judge, things


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


def test_a_stray_ingress_lets_go_of_its_bot_before_its_login_is_deleted(land: Land) -> None:
    """Nothing on record said that the ingress needs the credential, and n8n could not take the webhook back."""
    land.write(replace(WISH, channels=("telegram", "second")))
    land.give_secrets("acme", "second")
    ended = land.command(play.apply("acme"), Doom(2, "after", "n8n POST /api/v1/workflows"))
    assert ended.died and ended.life.trace[-1].endswith("/activate"), "not right after the ingress was switched on"
    land.pass_time(61.0)
    gone = land.command(play.destroy("acme")).value
    assert not gone.troubles, gone.troubles
    land.pass_time(5.0)
    assert [bot.username for bot in land.telegram.bots.values() if bot.webhook is not None] == []


def test_a_bot_whose_login_was_deleted_by_hand_sends_nothing_to_n8n_any_more(land: Land) -> None:
    """n8n could not take the webhook back, the record of it was dropped, and customers wrote to a dead address."""
    HANDS["delete_credential"](land, "acme", 2)
    HANDS["delete_credential"](land, "acme", 0)
    HANDS["delete_credential"](land, "acme", 0)
    gone = land.command(play.destroy("acme")).value
    assert not gone.troubles, gone.troubles
    land.pass_time(5.0)
    assert [bot.username for bot in land.telegram.bots.values() if bot.webhook is not None] == []


@pytest.mark.parametrize("system", ["n8n", "storage"])
def test_an_old_list_is_no_reason_to_forget_what_is_there(empty: Land, system: str) -> None:
    """Right after the first apply the lists were a moment old: a destroy forgot everything and closed the tenant."""
    assert not empty.command(play.apply()).value.troubles
    empty.fakes[system].faults.append(Fault("stale", count=-1, seconds=30.0))
    empty.command(play.destroy("acme"))
    assert not judge(empty)
    empty.fakes[system].faults.clear()
    empty.pass_time(61.0)
    again = empty.command(play.destroy("acme")).value
    assert not again.troubles, again.troubles
    assert not [one for one in things(empty) if one.address.tenant == "acme"]


def test_a_leftover_that_recovery_takes_into_use_is_no_failure(land: Land) -> None:
    """The plan was older than recovery and wanted the new file gone: the first run after a crash ended with 4."""
    land.write(WISH.with_base("products", "Catalogue", ("01,Tea,1.50",)))
    dies(land, "storage POST", "after")
    again = land.command(play.apply("acme")).value
    assert not again.troubles, again.troubles
    assert land.command(play.plan("acme")).value.steps == []
    assert not judge(land, at_rest=True)


def test_a_bot_that_a_dead_run_made_and_nobody_wants_any_more_can_be_looked_at(land: Land) -> None:
    """After recovery its token stood on record only as it was sent, so it was never read again: stuck for good."""
    land.write(replace(WISH, channels=("telegram", "second")))
    land.give_secrets("acme", "second")
    dies(land, "telegram POST", "after")
    land.write(WISH)
    assert not land.command(play.apply("acme")).value.troubles
    left = land.command(play.apply("acme")).value
    assert not left.troubles, left.troubles
    assert land.command(play.plan("acme")).value.steps == []
    assert not judge(land, at_rest=True)


def test_a_lost_request_that_may_still_land_is_waited_for_although_an_earlier_one_did(land: Land) -> None:
    """Two answers were lost, the second request came late: it made schema and role anew after they were destroyed."""
    assert not land.command(play.destroy("acme")).value.troubles
    land.give_secrets("acme", "telegram")
    land.sql_faults.next = ["lost", "late"]
    assert not land.command(play.apply("acme")).value.troubles
    assert not land.command(play.destroy("acme")).value.troubles
    land.pass_time(60.0)
    assert not [one for one in things(land) if one.address.tenant == "acme"]
