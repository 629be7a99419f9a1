"""One sample on one rig: builds targets and calls the way the engine does. Must not know any vendor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from temoctl.engine.protocol import Call, Outcome, Readiness, Scope, Target, Verb, Verdict, Waits
from temoctl.model.address import Address
from temoctl.model.errors import LeaseLost
from temoctl.model.identity import Marker
from temoctl.model.kind import Kind
from temoctl.model.resource import Observed
from temoctl.model.secret import Secret
from temoctl.model.step import FieldChange
from temoctl.model.value import Json, Props, substitute
from tests.conformance.rig import Rig, Sample

INTENT = "0123456789ab"
GONE = (Verdict.DELETED, Verdict.ARCHIVED, Verdict.RETAINED)


class Freely:
    """A permit that is always held; counts how often it was asked."""

    def __init__(self) -> None:
        self.checks = 0

    def check(self) -> None:
        self.checks += 1


class LostAfter:
    """A permit that is lost after some checks: each mutating request must ask for itself."""

    def __init__(self, allowed: int) -> None:
        self.left = allowed

    def check(self) -> None:
        if self.left <= 0:
            raise LeaseLost("TEMO601", "the lease was lost")
        self.left -= 1


class Bench:
    """One sample on one rig, with its dependencies made: builds targets and calls the way the engine does."""

    def __init__(self, rig: Rig, samples: Mapping[Address, Sample], sample: Sample) -> None:
        self.rig, self.system, self._samples, self.sample = rig, rig.system, samples, sample
        self.kind: Kind = rig.system.kinds[sample.address.kind]
        self._outputs: dict[Address, Mapping[str, Json]] = {}

    def needs(self, sample: Sample) -> list[Sample]:
        """Samples of this system that must be there first; references to other systems are the rig's to satisfy."""
        wanted: set[Address] = set(sample.after)

        def note(address: Address, _output: str) -> Json:
            wanted.add(address)
            return ""

        substitute(sample.props, of_ref=note)
        return [other for address, other in self._samples.items() if address in wanted]

    def output(self, address: Address, output: str) -> Json:
        return self._outputs[address][output]

    def knows(self, address: Address, outputs: Mapping[str, Json]) -> None:
        self._outputs[address] = outputs

    def tree(self, sample: Sample, props: Props) -> dict[str, Any]:
        """Props as a target carries them: references resolved, secrets left as leaves."""
        done: dict[str, Any] = substitute(dict(props), of_ref=self.output)
        return done

    def full(self, sample: Sample, props: Props) -> dict[str, Any]:
        """Props as a call carries them: secrets as values."""
        secrets = sample.secrets
        done: dict[str, Any] = substitute(self.tree(sample, props), of_secret=lambda ref: secrets[ref.path])
        return done

    def marker(self, address: Address, intent: str | None = None) -> Marker:
        return Marker(self.rig.owner, address.kind, address.name, intent)

    def target(self, sample: Sample | None = None, *, props: Props | None = None, ref: str | None = None) -> Target:
        sample = sample or self.sample
        kind = self.system.kinds[sample.address.kind]
        tree = self.tree(sample, sample.props if props is None else props)
        secrets: dict[str, Secret] = {}
        for field in kind.observe_secrets & tree.keys():
            secrets[field] = sample.secrets[tree[field]["$secret"]]
        return Target(sample.address, self.marker(sample.address), ref, tree, secrets)

    def call(
        self,
        verb: Verb,
        sample: Sample | None = None,
        *,
        props: Props | None = None,
        ref: str | None = None,
        permit: Any = None,
        intent: str = INTENT,
        changes: tuple[FieldChange, ...] = (),
    ) -> Call:
        sample = sample or self.sample
        wanted = sample.props if props is None else props
        return Call(
            verb,
            self.target(sample, props=wanted, ref=ref),
            self.full(sample, wanted),
            intent,
            self.marker(sample.address, intent),
            permit or Freely(),
            changes,
            root=self.rig.root,
        )

    async def make_needs(self) -> None:
        for other in self.needs(self.sample):
            below = Bench(self.rig, self._samples, other)
            below._outputs = self._outputs
            await below.make_needs()
            if other.address not in self._outputs:
                await below.create()

    async def create(self, **extra: Any) -> Outcome:
        outcome = await self.system.execute(self.call(Verb.CREATE, **extra))
        self._outputs[self.sample.address] = outcome.outputs
        await self.until_ready(outcome.ref)
        return outcome

    async def until_ready(self, ref: str) -> None:
        if not isinstance(self.system, Waits):
            return
        deadline = self.rig.clock.monotonic() + self.kind.ready
        while (ready := await self.system.ready(self.target(ref=ref))).state is Readiness.PENDING:
            assert self.rig.clock.monotonic() < deadline, ready.why
            await self.rig.clock.sleep(0.2)

    async def observe(self, ref: str | None = None, *, props: Props | None = None) -> Observed:
        scope = Scope((self.target(ref=ref, props=props),), {self.sample.address.tenant: self.rig.owner})
        snapshot = await self.system.observe(scope)
        return snapshot.observed[self.sample.address]

    async def delete(self, ref: str | None) -> None:
        await self.system.execute(self.call(Verb.DELETE, ref=ref))

    async def until_gone(self, ref: str | None) -> Verdict:
        deadline = self.rig.clock.monotonic() + self.kind.settle
        while True:
            proof = await self.system.gone(self.target(ref=ref))
            if proof.verdict in GONE or self.rig.clock.monotonic() >= deadline:
                assert proof.evidence
                return proof.verdict
            await self.rig.clock.sleep(0.2)

    def comparable(self, props: Mapping[str, Any]) -> dict[str, Any]:
        """Normalised props without what the system never gives back."""
        normal = dict(self.kind.normalise(dict(props)))
        return {key: value for key, value in normal.items() if key not in self.kind.write_only}

    def assert_same(self, observed: Observed, props: Props) -> None:
        wanted = self.comparable(self.tree(self.sample, props))
        seen = self.comparable(observed.props)
        for field, value in wanted.items():
            if field in self.kind.partial and isinstance(value, Mapping):
                assert {key: seen[field].get(key) for key in value} == dict(value), field
            else:
                assert seen.get(field) == value, field
