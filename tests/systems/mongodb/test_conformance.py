"""MongoDB does what every system must do, with and without sockets in between."""

from __future__ import annotations

import pytest

from temoctl.engine.clock import VirtualClock
from temoctl.systems.mongodb import plugin
from tests.conformance.kit import Conformance, MakeRig
from tests.systems.mongodb.rig import PYMONGO_FORGETS, SAMPLES, InProcessRig, socket_rig

pytestmark = PYMONGO_FORGETS


class TestMongodbInProcess(Conformance):
    samples = SAMPLES
    kinds = plugin.kinds

    @pytest.fixture
    def make_rig(self) -> MakeRig:
        clock = VirtualClock()  # worlds of one check share their time

        async def make() -> InProcessRig:
            return InProcessRig(clock)

        return make


class TestMongodbOverASocket(Conformance):
    samples = SAMPLES
    kinds = plugin.kinds

    @pytest.fixture
    def make_rig(self) -> MakeRig:
        return socket_rig
