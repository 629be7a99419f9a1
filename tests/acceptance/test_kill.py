"""A few kills of the long run (`python -m tests.acceptance.kill`), so that it can't rot between long runs."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.acceptance.command import Desk
from tests.acceptance.kill import Rounds

pytestmark = [pytest.mark.postgres, pytest.mark.slow]


def test_killed_applies_leave_one_of_each_and_nothing_else(tmp_path: Path) -> None:
    rounds = Rounds(Desk(tmp_path), random.Random(5))
    try:
        rounds.prepare()
        while rounds.kills < 5:
            rounds.play()
    finally:
        rounds.desk.run("sandbox", "stop")
    assert not rounds.found, rounds.found
