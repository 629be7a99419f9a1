"""What the platform file says reaches those who act on it."""

from __future__ import annotations

from temoctl.app.world import World
from tests.sim.land import Land
from tests.sim.specs import PLATFORM


def test_the_settle_seconds_of_a_system_are_those_of_its_kinds(empty: Land) -> None:
    """They were read and then forgotten: every recovery doubted an absence for half a minute."""

    async def settle(world: World) -> dict[str, float]:
        return {kind.system: kind.settle for kind in world.kinds.values() if kind.system in PLATFORM["systems"]}

    written = {name: section["settle"] for name, section in PLATFORM["systems"].items()}
    assert empty.command(settle).value == written
