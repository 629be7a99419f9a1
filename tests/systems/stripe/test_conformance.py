"""Stripe does what every system must do."""

from __future__ import annotations

import pytest

from temoctl.engine.clock import VirtualClock
from temoctl.systems.stripe import plugin
from tests.conformance.kit import Conformance, MakeRig
from tests.conformance.rig import Rig
from tests.systems.stripe.rig import SAMPLES, fake_rig


class TestStripeFake(Conformance):
    samples = SAMPLES
    kinds = plugin.kinds

    @pytest.fixture
    def make_rig(self) -> MakeRig:
        clock = VirtualClock()  # worlds of one check share their time

        async def make() -> Rig:
            return await fake_rig(clock)

        return make
