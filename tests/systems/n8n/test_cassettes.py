"""The conformance kit against what a real n8n answered (recorded by `make test-live PYTEST_ARGS=--record`)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from temoctl.engine.clock import VirtualClock
from temoctl.systems.n8n import plugin
from tests.conformance.kit import Conformance, MakeRig
from tests.systems.n8n.samples import API_KEY, KNOWLEDGE, N8N, NEW_TOKEN, SAMPLES, TOKEN
from tests.systems.n8n.wire import CASSETTES, WireRig, playback, wire_rig


class TestN8nCassettes(Conformance):
    samples = SAMPLES
    kinds = plugin.kinds

    @pytest.fixture
    def tape(self, request: pytest.FixtureRequest) -> Iterator[None]:
        try:
            played = playback(request.node.name)
        except FileNotFoundError:
            pytest.skip("nothing was recorded: a real n8n can't play this check")
        with played:
            yield

    @pytest.fixture
    def make_rig(self, tape: None) -> MakeRig:
        clock = VirtualClock()

        async def make() -> WireRig:
            return await wire_rig(N8N, API_KEY, clock, None)

        return make


def test_there_are_cassettes() -> None:
    assert len(list(CASSETTES.glob("*.yaml"))) >= 40


def test_cassettes_hold_no_secret_and_nothing_of_the_machine() -> None:
    secrets = [TOKEN, NEW_TOKEN, API_KEY, *(one.reveal() for one in KNOWLEDGE.secrets.values())]
    foreign = re.compile(
        r"/root/|/home/|/tmp/|/Users/|127\.0\.0\.1:\d|localhost|X-N8N-API-KEY|eyJ[A-Za-z0-9_-]{10}\.", re.I
    )
    for path in CASSETTES.glob("*.yaml"):
        text = path.read_text()
        assert not [one for one in secrets if one in text], path.name
        assert not foreign.search(text), (path.name, foreign.search(text))
