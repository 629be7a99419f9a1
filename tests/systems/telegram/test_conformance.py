"""Telegram does what every system must do."""

from __future__ import annotations

import pytest

from temoctl.engine.clock import VirtualClock
from temoctl.systems.telegram import plugin
from tests.conformance.kit import Conformance, MakeRig
from tests.systems.telegram.rig import SAMPLES, FakeRig, fake_rig


class TestTelegramFake(Conformance):
    samples = SAMPLES
    kinds = plugin.kinds

    @pytest.fixture
    def make_rig(self) -> MakeRig:
        clock = VirtualClock()  # worlds of one check share their time

        async def make() -> FakeRig:
            return await fake_rig(clock)

        return make
