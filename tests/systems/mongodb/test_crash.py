"""No death, no lost answer and no late effect leaves anything of a history behind, twice, or without its login."""

from __future__ import annotations

import random

import pytest

from tests.crash.mongodb_stage import MongodbStage
from tests.crash.scenario import Name
from tests.crash.simulation import simulate
from tests.crash.table import second_faults, singles

PAIRS = 12


@pytest.mark.parametrize("scenario", list(Name))
def test_no_single_fault_leaves_a_leak_a_twin_or_a_dead_end(scenario: Name) -> None:
    for schedule in [(), *singles(scenario, MongodbStage)]:
        verdict = simulate(scenario, schedule, stage=MongodbStage)
        assert verdict.ok, (schedule, verdict)


@pytest.mark.parametrize("scenario", list(Name))
def test_nor_do_pairs(scenario: Name) -> None:
    chance = random.Random(scenario.value)
    firsts = list(singles(scenario, MongodbStage))
    for first in chance.sample(firsts, min(len(firsts), PAIRS)):
        followers = list(second_faults(scenario, first, MongodbStage))
        for schedule in chance.sample(followers, min(len(followers), 1)):
            verdict = simulate(scenario, schedule, stage=MongodbStage)
            assert verdict.ok, (schedule, verdict)
