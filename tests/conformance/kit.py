"""The conformance kit: what every system must do, whatever world it is wired to.

A system's tests subclass `Conformance`, name their samples, and give a factory of fresh worlds:

    class TestTelegramFake(Conformance):
        samples = SAMPLES                       # Sequence[Sample], dependencies first

        @pytest.fixture
        def make_rig(self) -> MakeRig:          # called once per world a check needs
            return telegram_fake_rig

Checks a rig can't play (a fault it doesn't know) are skipped by name, never passed silently.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from temoctl.engine.protocol import Scope, Verb, Verdict
from temoctl.model.errors import Conflict, LeaseLost, Refused, TemoError, UnknownOutcome
from temoctl.model.identity import Identity
from temoctl.model.kind import Kind
from temoctl.model.resource import Doubt, Presence
from temoctl.model.step import FieldChange
from tests.conformance.bench import GONE, INTENT, Bench, Freely, LostAfter
from tests.conformance.rig import Rig, Sample

MakeRig = Callable[[], Awaitable[Rig]]


def texts(*things: object) -> str:
    """Everything a person or a file could get to see of some values."""
    return "\n".join(f"{thing!r} {thing!s}" for thing in things)


class Conformance:
    """Subclass it in tests/systems/<name>; see the module's docstring."""

    pytestmark = pytest.mark.anyio

    samples: Sequence[Sample] = ()
    kinds: Mapping[str, Kind] = {}
    """The plugin's kinds by name, so that watched kinds are known when tests are collected."""

    @classmethod
    def pytest_generate_tests(cls, metafunc: pytest.Metafunc) -> None:
        if "sample" not in metafunc.fixturenames:
            return
        made = metafunc.function.__name__.startswith("test_made_")
        chosen = [one for one in cls.samples if not made or not cls.watched(one)]
        metafunc.parametrize("sample", chosen, ids=[one.address.tail for one in chosen])

    @classmethod
    def watched(cls, sample: Sample) -> bool:
        return cls.kinds[sample.address.kind].watched_only

    @pytest.fixture
    async def bench(self, make_rig: MakeRig, sample: Sample) -> Any:
        rig = await make_rig()
        bench = Bench(rig, {one.address: one for one in self.samples}, sample)
        await bench.make_needs()
        yield bench
        await rig.close()

    @staticmethod
    def wants(bench: Bench, *abilities: str, faults: Sequence[str] = ()) -> None:
        missing = [name for name in abilities if name not in bench.rig.can]
        missing += [f"fault {name}" for name in faults if name not in bench.rig.faults]
        if missing:
            pytest.skip(f"this rig has no {', '.join(missing)}")

    # --- making, changing, deleting

    async def test_made_is_observed_as_asked(self, bench: Bench, sample: Sample) -> None:
        outcome = await bench.create()
        for ref in (outcome.ref, None):
            observed = await bench.observe(ref)
            assert observed.presence is Presence.PRESENT, observed.why
            assert observed.ref == outcome.ref
            bench.assert_same(observed, sample.props)
        assert dict((await bench.system.read(bench.target(ref=outcome.ref))).props) == dict(observed.props)
        assert {key: observed.outputs.get(key) for key in outcome.outputs} == dict(outcome.outputs)

    async def test_made_is_absent_before(self, bench: Bench, sample: Sample) -> None:
        assert (await bench.observe()).presence is Presence.ABSENT
        assert (await bench.system.read(bench.target())).presence is Presence.ABSENT

    async def test_made_carries_our_marker(self, bench: Bench, sample: Sample) -> None:
        outcome = await bench.create()
        observed = await bench.observe(outcome.ref)
        assert observed.marker is not None
        assert observed.marker.same_object(bench.marker(sample.address))
        if bench.kind.identity is Identity.LOOKUP and observed.marker.intent is not None:
            assert observed.marker.intent == INTENT

    async def test_made_is_a_stray_at_no_target(self, bench: Bench, sample: Sample) -> None:
        """What carries our marker but was not asked for must be seen all the same, or named by nobody."""
        outcome = await bench.create()
        snapshot = await bench.system.observe(Scope((), {sample.address.tenant: bench.rig.owner}))
        refs = {one.ref for one in snapshot.strays if one.address == sample.address}
        if bench.kind.calls == 0:
            assert refs == {outcome.ref}

    async def test_made_is_updated(self, bench: Bench, sample: Sample) -> None:
        if sample.changed is None:
            pytest.skip("nothing of this kind can be changed in place")
        outcome = await bench.create()
        before = await bench.observe(outcome.ref)
        wanted, had = bench.tree(sample, sample.changed), bench.tree(sample, sample.props)
        changes = tuple(FieldChange(key, had.get(key), value) for key, value in wanted.items() if had.get(key) != value)
        call = bench.call(Verb.UPDATE, props=sample.changed, ref=outcome.ref, changes=changes, intent="b" * 12)
        updated = await bench.system.execute(call)
        assert updated.ref == outcome.ref
        await bench.until_ready(updated.ref)
        after = await bench.observe(outcome.ref, props=sample.changed)
        bench.assert_same(after, sample.changed)
        if bench.comparable(wanted) != bench.comparable(had):
            assert after.fingerprint != before.fingerprint
        assert after.marker is not None
        assert after.marker.same_object(bench.marker(sample.address))

    async def test_made_is_updated_twice_without_harm(self, bench: Bench, sample: Sample) -> None:
        props = sample.changed or sample.props
        outcome = await bench.create()
        for _ in range(2):
            await bench.system.execute(bench.call(Verb.UPDATE, props=props, ref=outcome.ref))
        bench.assert_same(await bench.observe(outcome.ref, props=props), props)

    async def test_made_is_deleted_for_good(self, bench: Bench, sample: Sample) -> None:
        outcome = await bench.create()
        await bench.delete(outcome.ref)
        assert await bench.until_gone(outcome.ref) in GONE
        if not bench.kind.archive_only:
            assert (await bench.observe()).presence is Presence.ABSENT

    async def test_made_is_deleted_twice_without_harm(self, bench: Bench, sample: Sample) -> None:
        outcome = await bench.create()
        await bench.delete(outcome.ref)
        await bench.until_gone(outcome.ref)
        await bench.delete(outcome.ref)
        assert await bench.until_gone(outcome.ref) in GONE

    async def test_made_is_not_gone_while_it_is_there(self, bench: Bench, sample: Sample) -> None:
        outcome = await bench.create()
        proof = await bench.system.gone(bench.target(ref=outcome.ref))
        assert proof.verdict not in (Verdict.DELETED, Verdict.ARCHIVED)

    async def test_made_twice_is_one_where_the_name_is_ours(self, bench: Bench, sample: Sample) -> None:
        if bench.kind.identity is not Identity.CHOSEN:
            pytest.skip("only kinds whose name we choose may be created again")
        first = await bench.create()
        again = await bench.create(intent="c" * 12)
        assert again.ref == first.ref
        observed = await bench.observe(first.ref)
        assert not observed.twins
        bench.assert_same(observed, sample.props)

    # --- what is ours and what isn't

    async def test_made_by_others_is_not_ours(self, bench: Bench, sample: Sample) -> None:
        self.wants(bench, "foreign", "count")
        await bench.rig.foreign(sample)
        for seen in (await bench.observe(), await bench.system.read(bench.target())):
            assert seen.presence is not Presence.PRESENT
            assert seen.presence is Presence.ABSENT or seen.doubt is Doubt.FOREIGN
        assert not await bench.system.find(bench.target(), INTENT)
        before = bench.rig.writes
        with contextlib.suppress(Refused, Conflict):
            await bench.delete(None)
        assert bench.rig.writes == before, "deleting by name touched an object that isn't ours"

    async def test_made_and_edited_by_hand_shows(self, bench: Bench, sample: Sample) -> None:
        self.wants(bench, "tamper")
        outcome = await bench.create()
        before = await bench.observe(outcome.ref)
        again = await bench.system.read(bench.target(ref=outcome.ref))
        assert before.fingerprint == again.fingerprint != "", "a fingerprint must not change by itself"
        await bench.rig.tamper(sample, before)
        after = await bench.observe(outcome.ref)
        assert after.fingerprint != before.fingerprint
        assert (await bench.system.read(bench.target(ref=outcome.ref))).fingerprint == after.fingerprint

    # --- lost answers

    async def test_made_with_a_lost_answer_is_found_once(self, bench: Bench, sample: Sample, make_rig: MakeRig) -> None:
        self.wants(bench, "faults", "count", faults=["lost"])
        before = bench.rig.writes
        await bench.create()
        writes = bench.rig.writes - before
        for lost in range(writes):
            fresh = Bench(await make_rig(), bench._samples, sample)
            await fresh.make_needs()
            fresh.rig.fault("lost", writes=True, skip=lost)
            with pytest.raises(UnknownOutcome):
                await fresh.create()
            fresh.rig.clear()
            await fresh.rig.clock.sleep(fresh.kind.settle)
            found = await fresh.system.find(fresh.target(), INTENT)
            assert len(found) == 1, f"write {lost + 1} of {writes}"
            assert found[0].presence is Presence.PRESENT
            assert found[0].marker is not None
            assert found[0].marker.same_object(fresh.marker(sample.address))
            await fresh.rig.close()

    async def test_made_and_unsure_of_a_delete_can_be_deleted_again(self, bench: Bench, sample: Sample) -> None:
        self.wants(bench, "faults", faults=["lost"])
        outcome = await bench.create()
        bench.rig.fault("lost", writes=True)
        with pytest.raises(UnknownOutcome):
            await bench.delete(outcome.ref)
        bench.rig.clear()
        await bench.delete(outcome.ref)
        assert await bench.until_gone(outcome.ref) in GONE

    # --- outages, denials, limits

    @pytest.mark.parametrize("fault", ["500-before", "refuse"])
    async def test_an_outage_is_unknown_never_absent(self, bench: Bench, sample: Sample, fault: str) -> None:
        self.wants(bench, "faults", faults=[fault])
        bench.rig.fault(fault, count=-1)
        for seen in (await bench.observe(), await bench.system.read(bench.target())):
            assert seen.presence is Presence.UNKNOWN
            assert seen.doubt is Doubt.OUTAGE
            assert seen.why

    async def test_made_can_not_be_called_gone_in_an_outage(self, bench: Bench, sample: Sample) -> None:
        self.wants(bench, "faults", faults=["500-before"])
        outcome = await bench.create()
        bench.rig.fault("500-before", count=-1)
        try:
            verdict = (await bench.system.gone(bench.target(ref=outcome.ref))).verdict
        except TemoError:
            return
        assert verdict is Verdict.UNVERIFIED

    async def test_a_denial_is_unknown_never_absent(self, bench: Bench, sample: Sample) -> None:
        self.wants(bench, "faults", faults=["denied"])
        bench.rig.fault("denied", count=-1)
        for seen in (await bench.observe(), await bench.system.read(bench.target())):
            assert seen.presence is Presence.UNKNOWN
            assert seen.doubt is Doubt.DENIED
            assert seen.why
            assert seen.fix

    async def test_made_in_spite_of_a_429(self, bench: Bench, sample: Sample) -> None:
        self.wants(bench, "faults", "virtual", faults=["429"])
        started = bench.rig.clock.monotonic()
        bench.rig.fault("429", seconds=7, writes=True, count=2)
        await bench.create()
        assert bench.rig.clock.monotonic() - started >= 14 - 1e-6, "Retry-After must be obeyed"
        assert (await bench.observe()).presence is Presence.PRESENT

    # --- fencing

    @pytest.mark.parametrize("verb", list(Verb))
    async def test_made_only_while_the_lease_is_held(
        self, bench: Bench, sample: Sample, make_rig: MakeRig, verb: Verb
    ) -> None:
        """Losing the lease before the n-th mutating request must leave exactly n - 1 of them done."""
        self.wants(bench, "count")
        total = await self._writes(bench, sample, verb, Freely())
        for allowed in range(total):
            fresh = Bench(await make_rig(), bench._samples, sample)
            await fresh.make_needs()
            assert await self._writes(fresh, sample, verb, LostAfter(allowed)) == allowed
            await fresh.rig.close()

    async def _writes(self, bench: Bench, sample: Sample, verb: Verb, permit: Freely | LostAfter) -> int:
        """How many writes one verb sends under a permit; checks that a lost lease stops it."""
        ref = None if verb is Verb.CREATE else (await bench.create()).ref
        props = sample.changed if verb is Verb.UPDATE and sample.changed is not None else sample.props
        before = bench.rig.writes
        call = bench.call(verb, props=props, ref=ref, permit=permit, intent="d" * 12)
        if isinstance(permit, LostAfter):
            with pytest.raises(LeaseLost):
                await bench.system.execute(call)
        else:
            await bench.system.execute(call)
        return bench.rig.writes - before

    # --- cost

    async def test_observing_is_batched(self, bench: Bench, sample: Sample) -> None:
        """Twenty more targets may cost what the kind declares per object, never a request each beyond it."""
        self.wants(bench, "count")
        one = bench.target()
        more = tuple(
            replace(
                one,
                address=replace(one.address, name=f"{one.address.name}-{n}"),
                marker=replace(one.marker, name=f"{one.marker.name}-{n}"),
            )
            for n in range(20)
        )
        owners = {sample.address.tenant: bench.rig.owner}
        start = bench.rig.reads
        await bench.system.observe(Scope((one,), owners))
        single = bench.rig.reads - start
        start = bench.rig.reads
        snapshot = await bench.system.observe(Scope((one, *more), owners))
        assert bench.rig.reads - start <= single + 20 * bench.kind.calls
        assert snapshot.observed.keys() == {one.address, *(target.address for target in more)}

    async def test_observing_writes_nothing(self, bench: Bench, sample: Sample) -> None:
        self.wants(bench, "count")
        before = bench.rig.writes
        await bench.observe()
        await bench.system.read(bench.target())
        await bench.system.find(bench.target(), INTENT)
        assert bench.rig.writes == before

    # --- secrets

    async def test_made_without_showing_a_secret(self, bench: Bench, sample: Sample) -> None:
        if not sample.secrets:
            pytest.skip("this kind has no secret")
        outcome = await bench.create()
        observed = await bench.observe(outcome.ref)
        read = await bench.system.read(bench.target(ref=outcome.ref))
        proof = await bench.system.gone(bench.target(ref=outcome.ref))
        self._nothing_shown(sample, texts(outcome, observed, read, proof, bench.call(Verb.CREATE)))

    @pytest.mark.parametrize("fault", ["refuse", "lost", "500-before", "denied"])
    async def test_made_or_not_no_error_shows_a_secret(self, bench: Bench, sample: Sample, fault: str) -> None:
        if not sample.secrets:
            pytest.skip("this kind has no secret")
        self.wants(bench, "faults", faults=[fault])
        bench.rig.fault(fault, count=-1, writes=True)
        with pytest.raises(TemoError) as caught:
            await bench.create()
        chain: list[object] = []
        error: BaseException | None = caught.value
        while error is not None:
            chain += [error, error.args, getattr(error, "detail", ""), getattr(error, "fix", "")]
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        bench.rig.clear()
        bench.rig.fault(fault, count=-1)
        chain += [await bench.observe(), await bench.system.read(bench.target())]
        self._nothing_shown(sample, texts(*chain))

    @staticmethod
    def _nothing_shown(sample: Sample, shown: str) -> None:
        for path, secret in sample.secrets.items():
            assert secret.reveal() not in shown, f"the secret {path} can be seen"

    # --- kinds that are only watched

    async def test_watched_is_seen_when_it_is_there(self, bench: Bench, sample: Sample) -> None:
        if not bench.kind.watched_only:
            pytest.skip("this kind is made, not watched")
        assert (await bench.observe()).presence is Presence.ABSENT
        await bench.rig.arrange(sample)
        observed = await bench.observe()
        assert observed.presence is Presence.PRESENT, observed.why
        bench.assert_same(observed, sample.props)
        assert (await bench.system.read(bench.target())).fingerprint == observed.fingerprint
