"""The crash table within the normal suite: all singles, some hundred pairs, and every broken variant caught.

All pairs: `make crash`.
"""

from __future__ import annotations

import random

import pytest

from tests.crash.faults import Kind
from tests.crash.real_stage import RealStage
from tests.crash.scenario import Name
from tests.crash.simulation import MakeStage, simulate, toys
from tests.crash.stripe_stage import StripeStage
from tests.crash.table import second_faults, singles
from tests.crash.variants import BROKEN, Variant

PAIRS_PER_SCENARIO = 30
STAND_IN_SINGLES = 6


def wrongs(
    scenario: Name,
    schedule: tuple[tuple[int, Kind], ...],
    variant: Variant | None = None,
    stage: MakeStage = toys,
) -> list[str]:
    verdict = simulate(scenario, schedule, variant, stage)
    return [*verdict.leaks, *verdict.twins, *verdict.stuck, *verdict.wrong]


@pytest.mark.parametrize("scenario", list(Name))
def test_no_single_fault_leaves_a_leak_a_twin_or_a_dead_end(scenario: Name) -> None:
    assert wrongs(scenario, ()) == []
    for schedule in singles(scenario):
        assert wrongs(scenario, schedule) == [], schedule


@pytest.mark.parametrize("scenario", list(Name))
def test_nor_do_pairs(scenario: Name) -> None:
    chance = random.Random(scenario.value)
    firsts = list(singles(scenario))
    for first in chance.sample(firsts, min(len(firsts), 15)):
        followers = list(second_faults(scenario, first))
        for schedule in chance.sample(followers, min(len(followers), PAIRS_PER_SCENARIO // 15)):
            assert wrongs(scenario, schedule) == [], schedule


@pytest.mark.parametrize("stage", [RealStage, StripeStage])
@pytest.mark.parametrize("scenario", list(Name))
def test_nor_do_faults_under_the_real_systems(scenario: Name, stage: MakeStage) -> None:
    chance = random.Random(scenario.value)
    for schedule in [(), *chance.sample(list(singles(scenario, stage)), STAND_IN_SINGLES)]:
        assert wrongs(scenario, schedule, stage=stage) == [], schedule


@pytest.mark.parametrize("variant", BROKEN, ids=[one.name for one in BROKEN])
def test_a_broken_variant_is_caught(variant: Variant) -> None:
    assert any(wrongs(scenario, schedule, variant) for scenario in Name for schedule in singles(scenario))


def test_the_same_schedule_plays_the_same_way() -> None:
    schedule = ((5, Kind.DIE_AFTER), (9, Kind.LATE))
    one, other = simulate(Name.UPDATE, schedule), simulate(Name.UPDATE, schedule)
    assert (one.labels, one.runs) == (other.labels, other.runs)


def test_a_schedule_really_disturbs() -> None:
    calm, disturbed = simulate(Name.APPLY, ()), simulate(Name.APPLY, ((1, Kind.DIE_AFTER),))
    assert disturbed.runs > calm.runs
    assert disturbed.effects > calm.effects - 1
