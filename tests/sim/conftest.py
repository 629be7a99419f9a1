"""A small agency over a simulated world, for tests that tell one story."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sim import play
from tests.sim.land import Land
from tests.sim.oracle import judge
from tests.sim.specs import Wish

WISH = Wish("acme", bases={("products", "Catalogue"): ("01,Tea,1.00", "02,Milk,2.00")})


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Land]:
    """Specs and secrets, nothing applied yet."""
    land = Land(tmp_path)
    try:
        land.write(WISH)
        land.give_secrets("acme", "telegram")
        yield land
    finally:
        land.close()


@pytest.fixture
def land(empty: Land) -> Land:
    """A tenant that is applied and at rest."""
    applied = empty.command(play.apply()).value
    assert not applied.troubles, applied.troubles
    assert not judge(empty, at_rest=True)
    return empty
