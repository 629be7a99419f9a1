"""One tenant's objects on the stand-in, made and changed the way the engine does. For tests only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from temoctl.engine.protocol import Call, Outcome, ProbeResult, Readiness, Ready, Target, Verb
from temoctl.model.address import Address
from temoctl.model.identity import Marker
from temoctl.model.resource import Observed
from temoctl.model.step import FieldChange
from temoctl.model.value import substitute
from tests.conformance.bench import Freely
from tests.conformance.rig import Sample
from tests.systems.n8n.rig import FakeRig, fake_rig
from tests.systems.n8n.samples import INGRESS, OWNER, TELEGRAM, TOKEN

INTENT = "0123456789ab"


@dataclass
class Stage:
    rig: FakeRig
    made: dict[Address, Outcome] = field(default_factory=dict)
    telegram: Sample = TELEGRAM

    def _props(self, sample: Sample, props: Any, token: str) -> dict[str, Any]:
        tree = substitute(dict(props), of_ref=lambda address, output: self.made[address].outputs[output])
        return substitute(tree, of_secret=lambda ref: token if ref.path == "telegram/token" else "x")

    def target(self, sample: Sample, props: Any = None) -> Target:
        tree = substitute(
            dict(props or sample.props), of_ref=lambda address, output: self.made[address].outputs[output]
        )
        made = self.made.get(sample.address)
        marker = Marker(OWNER, sample.address.kind, sample.address.name)
        return Target(sample.address, marker, made.ref if made else None, tree)

    async def do(self, verb: Verb, sample: Sample, props: Any = None, **more: Any) -> Outcome:
        wanted = props or sample.props
        token = more.pop("token", TOKEN)
        intent = more.pop("intent", INTENT)
        marker = Marker(OWNER, sample.address.kind, sample.address.name, intent)
        full = self._props(sample, wanted, token)
        call = Call(verb, self.target(sample, wanted), full, intent, marker, Freely(), **more)
        outcome = await self.rig.system.execute(call)
        if verb is not Verb.DELETE:
            self.made[sample.address] = outcome
        return outcome

    async def create(self, *samples: Sample, token: str = TOKEN) -> None:
        for sample in samples:
            await self.do(Verb.CREATE, sample, token=token)

    async def new_token(self, token: str) -> None:
        changes = (FieldChange("data.accessToken", "version 1", "version 2", secret=True),)
        await self.do(Verb.UPDATE, self.telegram, token=token, intent="b" * 12, changes=changes)

    def tests(self, sample: Sample) -> int:
        """How often n8n was asked to test a credential."""
        path = f"/api/v1/credentials/{self.made[sample.address].ref}/test"
        return int(self.rig.fake.requests.count(("POST", path)))

    async def ready(self, sample: Sample, *, within: float = 60.0) -> Ready:
        clock = self.rig.clock
        deadline = clock.monotonic() + within
        while True:
            ready: Ready = await self.rig.system.ready(self.target(sample))  # type: ignore[attr-defined]
            if ready.state is not Readiness.PENDING or clock.monotonic() > deadline:
                return ready
            await clock.sleep(0.2)

    async def seen(self, sample: Sample, props: Any = None) -> Observed:
        return await self.rig.system.read(self.target(sample, props))

    async def probe(self, sample: Sample) -> list[ProbeResult]:
        return list(await self.rig.system.probe(self.target(sample), []))  # type: ignore[attr-defined]

    def row(self, sample: Sample) -> dict[str, Any]:
        table = self.rig.fake.workflows if sample.address.kind == "workflow" else self.rig.fake.credentials
        return table[self.made[sample.address].ref]

    def bot_calls(self) -> list[tuple[str, str]]:
        """Calls to the Bot API since the last look, without the tests of credentials."""
        calls = [one for one in self.rig.bots.calls if one[1] != "getMe"]
        self.rig.bots.calls.clear()
        return calls


async def stage(*samples: Sample, token: str = TOKEN, **options: Any) -> Stage:
    made = Stage(await fake_rig(**options))
    await made.create(*samples, token=token)
    return made


async def answering(**options: Any) -> Stage:
    """A tenant whose ingress is registered at Telegram."""
    made = await stage(TELEGRAM, INGRESS, **options)
    assert (await made.ready(INGRESS)).state is Readiness.READY
    made.bot_calls()
    return made
