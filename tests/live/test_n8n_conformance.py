"""The conformance kit on the real n8n; with `--record` it leaves the cassettes that the ordinary suite plays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from temoctl.engine.clock import SystemClock
from temoctl.engine.protocol import Verb
from temoctl.sandbox.real_n8n import Running
from temoctl.systems.n8n import plugin
from tests.conformance.bench import Bench
from tests.conformance.kit import Conformance, MakeRig
from tests.conformance.rig import Sample
from tests.live.conftest import Api, Served
from tests.systems.n8n.samples import BOT_API, N8N, SAMPLES, at
from tests.systems.n8n.wire import WireRig, cassette_path, recorder, wire_rig

pytestmark = [pytest.mark.anyio, pytest.mark.live]


class TestN8nLive(Conformance):
    pytestmark = pytestmark
    samples = SAMPLES
    kinds = plugin.kinds

    @pytest.fixture
    def tape(self, request: pytest.FixtureRequest, recording: bool, live_n8n: Running, bots: Served) -> Iterator[None]:
        if not recording:
            yield
            return
        path = cassette_path(request.node.name)
        path.unlink(missing_ok=True)
        places = {live_n8n.url: N8N, bots.url: BOT_API}
        with recorder(places, lambda one: "X-Stage" not in one.headers).use_cassette(str(path), record_mode="all"):
            yield
        if getattr(request.node, "skipped", False):
            path.unlink(missing_ok=True)

    @pytest.fixture
    def make_rig(self, api: Api, live_n8n: Running, bots: Served, tape: None) -> MakeRig:
        self.samples = at(bots.url)

        async def make() -> Any:
            await api.clear()
            rig: WireRig = await wire_rig(live_n8n.url, live_n8n.api_key.reveal(), SystemClock(), api)
            return rig

        return make

    @pytest.mark.parametrize("verb", [Verb.CREATE, Verb.UPDATE])
    async def test_made_only_while_the_lease_is_held(
        self, bench: Bench, sample: Sample, make_rig: MakeRig, verb: Verb
    ) -> None:
        """Not for deletions: how often a real n8n must be asked until it believes a workflow is off, is its affair."""
        await super().test_made_only_while_the_lease_is_held(bench, sample, make_rig, verb)
