"""Whole plans against Stripe's worse moods: nothing leaks, nobody pays twice, and every run comes to rest."""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from temoctl.model.identity import Owner
from temoctl.model.resource import Desired
from tests.crash.faults import Kind
from tests.crash.scenario import Name, Spec
from tests.crash.simulation import MakeStage, Verdict, simulate
from tests.crash.stripe_moods import Failing, Forgetful, Talkative
from tests.crash.stripe_stage import StripeStage
from tests.crash.table import singles


def wrongs(verdict: Verdict) -> Sequence[str]:
    return [*verdict.leaks, *verdict.twins, *verdict.stuck, *verdict.wrong]


@functools.cache
def writes(scenario: Name) -> int:
    """How many calls that change something a scenario makes at Stripe."""
    labels = simulate(scenario, (), stage=StripeStage).labels
    return sum(label.startswith(("POST", "DELETE")) for label in labels)


@pytest.mark.parametrize("done", [False, True], ids=["without effect", "with its effect"])
@pytest.mark.parametrize("scenario", [Name.APPLY, Name.UPDATE])
def test_a_failure_that_stripe_keeps_is_got_over(scenario: Name, done: bool) -> None:
    before = writes(Name.APPLY) if scenario is Name.UPDATE else 0
    chance = random.Random(f"{scenario}{done}")
    for number in chance.sample(range(writes(scenario)), 6):

        def stage(clock: Any, change: Any, number: int = number + before) -> Failing:
            return Failing(clock, change, number, done=done)

        verdict = simulate(scenario, (), stage=stage)
        assert wrongs(verdict) == [], number


@pytest.mark.parametrize("scenario", [Name.APPLY, Name.UPDATE, Name.DESTROY])
def test_a_key_that_stripe_forgot_makes_nothing_twice(scenario: Name) -> None:
    chance = random.Random(scenario.value)
    dying = [one for one in singles(scenario, StripeStage) if one[0][1] in (Kind.DIE_AFTER, Kind.DIE_LATE)]
    for schedule in chance.sample(dying, 8):
        assert wrongs(simulate(scenario, schedule, stage=Forgetful)) == [], schedule


def test_events_that_come_twice_and_too_early_disturb_nobody() -> None:
    made: list[Talkative] = []

    def stage(clock: Any, change: Any) -> Talkative:
        made.append(Talkative(clock, change))
        return made[-1]

    for scenario in (Name.APPLY, Name.UPDATE, Name.DESTROY):
        assert wrongs(simulate(scenario, (), stage=stage)) == [], scenario
    assert all(one.heard for one in made)


@pytest.mark.parametrize("schedule", [(), *[((effect, Kind.DIE_AFTER),) for effect in range(20, 34, 3)]])
def test_another_currency_is_another_subscription_after_the_old_one_ended(schedule: Any) -> None:
    class Moving(StripeStage):
        def wanted(self, spec: Spec, owner: Owner) -> Sequence[Desired]:
            made = super().wanted(spec, owner)
            if spec is not Spec.CHANGED:
                return made
            return [
                replace(one, props={**one.props, "currency": "usd"}) if "currency" in one.props else one for one in made
            ]

    moving: MakeStage = Moving
    assert wrongs(simulate(Name.UPDATE, schedule, stage=moving)) == []


def test_the_stage_notices_what_is_wrong() -> None:
    """A customer who pays twice, and a secret that nobody has."""

    class Careless(StripeStage):
        async def land(self) -> None:
            await super().land()
            for row in self.fake.customers():
                price = next(iter(self.fake.ledger.table("prices")))
                if len(self._living()) == 1:
                    self.fake.subscriptions.create(
                        {"customer": row["id"], "items": [{"price": price}], "trial_period_days": "14"}
                    )
            for row in self.fake.ledger.table("endpoints").values():
                row["_secret"] = "whsec_another"

    careless: MakeStage = Careless
    found = wrongs(simulate(Name.APPLY, (), stage=careless))
    assert any("pays more than once" in one for one in found)
    assert any("the vault doesn't have its secret" in one for one in found)
