"""n8n does what every system must do."""

from __future__ import annotations

import pytest

from temoctl.engine.clock import VirtualClock
from temoctl.systems.n8n import plugin
from tests.conformance.kit import Conformance, MakeRig
from tests.systems.n8n.rig import FakeRig, fake_rig
from tests.systems.n8n.samples import SAMPLES


class TestN8nFake(Conformance):
    samples = SAMPLES
    kinds = plugin.kinds

    @pytest.fixture
    def make_rig(self) -> MakeRig:
        clock = VirtualClock()  # worlds of one check share their time

        async def make() -> FakeRig:
            return await fake_rig(clock)

        return make
