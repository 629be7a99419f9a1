"""Random lives of an agency: specs change, people meddle, vendors lie, processes die.

The invariants hold after every step, and once the faults stop a few runs come to rest.

`TEMOCTL_SIM_EXAMPLES` plays more histories than the normal suite does, `TEMOCTL_SIM_STEPS` longer ones.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from temoctl.engine.protocol import Verdict
from temoctl.systemdata.memory_state import MemoryState
from temoctl.systems.fake_http import Fault
from tests.sim import play
from tests.sim.hands import HANDS, bots_back
from tests.sim.land import Ended, Land
from tests.sim.life import Doom
from tests.sim.oracle import judge, place_strangers, strangers, things
from tests.sim.specs import Wish

TENANTS = ("acme", "bravo")
BASES = (("products", "Catalogue"), ("products", "Drinks"), ("services", "Catalogue"))
ROWS = (("01,Tea,1.00", "02,Milk,2.00"), ("01,Tea,1.50",), ("007,Cake,3.20", "008,Pie,4.00", "009,Bun,0.80"))
LEASE = 61.0
NOT_YET_HELD = ("store register", "store lease.take")  # who slept before taking a lease takes it now, and rightly
FEW, MANY = 12, 25

tenants = st.sampled_from(TENANTS)
some = st.sampled_from(((), ("acme",), ("bravo",)))
dooms = st.none() | st.builds(Doom, st.integers(1, 60), st.sampled_from(("before", "after", "lost", "freeze")))
faults = st.builds(
    Fault,
    kind=st.sampled_from(("429", "500-before", "500-after", "lost", "late", "latency", "refuse", "stale")),
    count=st.sampled_from((1, 1, 2, -1)),
    seconds=st.sampled_from((1.0, 3.0)),
    retry_after=st.booleans(),
    writes=st.booleans(),
    skip=st.integers(0, 6),
)


class Histories(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="temoctl-sim-"))
        self.land = Land(self.folder)
        self.wishes: dict[str, Wish] = {}
        self.frozen: list[tuple[Ended, int]] = []
        place_strangers(self.land)
        self.theirs = strangers(self.land)

    @initialize()
    def begin(self) -> None:
        for name in TENANTS:
            self._wish(Wish(name, bases={BASES[0]: ROWS[0]}))
        self._run(play.apply())

    def teardown(self) -> None:
        try:
            if self.wishes:
                self.come_to_rest()
                self.leave_nothing()
        finally:
            self.land.close()
            shutil.rmtree(self.folder)

    # --- people at work

    @rule(tenant=tenants, words=st.sampled_from(("brief", "warm", "formal")))
    def change_texts(self, tenant: str, words: str) -> None:
        self._wish(replace(self.wishes[tenant], tone=words, description=f"Ask us, we are {words}."))

    @rule(tenant=tenants, base=st.sampled_from(BASES), rows=st.none() | st.sampled_from(ROWS))
    def change_base(self, tenant: str, base: tuple[str, str], rows: tuple[str, ...] | None) -> None:
        self._wish(self.wishes[tenant].with_base(*base, rows))

    @rule(tenant=tenants, channels=st.sampled_from((("telegram",), ("telegram", "second"), ())))
    def change_channels(self, tenant: str, channels: tuple[str, ...]) -> None:
        self._wish(replace(self.wishes[tenant], channels=channels))

    @rule(tenant=tenants, plan=st.sampled_from(("START", "BUSINESS")))
    def change_plan(self, tenant: str, plan: str) -> None:
        self._wish(replace(self.wishes[tenant], plan=plan))

    @rule(tenant=tenants, hand=st.sampled_from(sorted(HANDS)), pick=st.integers(0, 3))
    def meddle(self, tenant: str, hand: str, pick: int) -> None:
        HANDS[hand](self.land, tenant, pick)
        self.theirs = strangers(self.land)

    # --- the world at work

    @rule(system=st.sampled_from(("n8n", "telegram", "storage")), fault=faults)
    def misbehave(self, system: str, fault: Fault) -> None:
        self.land.fakes[system].faults.append(replace(fault))

    @rule(kinds=st.lists(st.sampled_from(("before", "lost", "late", "")), min_size=1, max_size=4))
    def database_misbehaves(self, kinds: list[str]) -> None:
        self.land.sql_faults.next = list(kinds)

    @rule()
    def heal(self) -> None:
        for fake in self.land.fakes.values():
            fake.faults.clear()
        self.land.sql_faults.next.clear()

    @rule(seconds=st.sampled_from((3.0, LEASE, 3600.0)))
    def time_passes(self, seconds: float) -> None:
        self.land.pass_time(seconds)

    # --- temoctl at work

    @rule(names=some, doom=dooms, wait=st.booleans())
    def apply(self, names: tuple[str, ...], doom: Doom | None, wait: bool) -> None:
        well = not any(fake.faults for fake in self.land.fakes.values()) and not self.land.sql_faults.next
        ended = self._run(play.apply(*names), doom)
        if ended.value is not None and not ended.value.troubles and well and doom is None:
            again = self.land.command(play.plan(*names)).value
            assert not again.changes and not again.troubles, ("plan after apply", again.changes, again.troubles)
        if ended.value is None and wait:
            self.land.pass_time(LEASE)

    @rule(name=tenants, doom=dooms)
    def destroy(self, name: str, doom: Doom | None) -> None:
        ended = self._run(play.destroy(name), doom)
        report = ended.value
        if report is not None and report.applied is not None:
            self._proofs_hold(report)

    @rule(names=some, drift=st.booleans())
    def look(self, names: tuple[str, ...], drift: bool) -> None:
        """Invariant 10: looking changes nothing, at vendors or on record."""
        before, writes = self.land.state.copy(), len(self.land.writes)
        self.land.command(play.drift(*names) if drift else play.plan(*names))
        assert self.land.writes[writes:] == []
        _same(before, self.land.state)

    @precondition(lambda self: self.frozen)
    @rule()
    def thaw(self) -> None:
        """Invariant 7: who slept past the lease changes nothing more, at vendors or on record."""
        self.land.pass_time(LEASE)
        before, writes = self.land.state.copy(), len(self.land.writes)
        held = all(ended.life.trace[count - 1] not in NOT_YET_HELD for ended, count in self.frozen)
        self.land.thaw()
        self.frozen.clear()
        if held:
            assert self.land.writes[writes:] == []
            _same(before, self.land.state)

    # --- what must hold

    @invariant()
    def all_is_well(self) -> None:
        problems = judge(self.land)
        assert not problems, problems
        assert strangers(self.land) == self.theirs, "5: something foreign was touched"

    def come_to_rest(self) -> None:
        """Invariant 13: with the faults gone, a few runs reach an empty plan."""
        self.heal()
        if self.frozen:
            self.thaw()
        self.land.pass_time(LEASE)
        said: list[str] = []
        for _ in range(3):
            for tenant in TENANTS:
                bots_back(self.land, tenant, 0)
                self.land.give_secrets(tenant, *self.wishes[tenant].channels)
            self.land.command(play.apply())
            report = self.land.command(play.plan()).value
            said = [*report.changes, *report.troubles]
            if not said:
                break
        assert not said, ("does not come to rest", said)
        problems = judge(self.land, at_rest=True)
        assert not problems, problems
        last = self.land.command(play.apply()).value
        assert not last.troubles, last.troubles

    def leave_nothing(self) -> None:
        """Invariant 14: nothing of ours is left of destroyed tenants, nor of the platform after them."""
        for names in (TENANTS, ("platform",)):
            report = self.land.command(play.destroy(*names)).value
            assert not report.troubles, report.troubles
        left = [*things(self.land), *self.land.storage.buckets]
        assert not left, left
        ours = [b.username for b in self.land.telegram.bots.values() if b.webhook and "n8n.test" in b.webhook.url]
        assert not ours, f"still sending to n8n: {ours}"

    # --- helpers of the above

    def _wish(self, wish: Wish) -> None:
        self.wishes[wish.id] = wish
        self.land.write(wish)
        self.land.give_secrets(wish.id, *wish.channels)

    def _run(self, work: Any, doom: Doom | None = None) -> Ended:
        ended = self.land.command(work, doom)
        if ended.frozen:
            self.frozen.append((ended, len(ended.life.trace)))
        return ended

    def _proofs_hold(self, report: play.Report) -> None:
        """Invariant 12: a certificate never says "deleted" of what is there."""
        assert report.applied is not None
        there = {one.address for one in things(self.land)}
        for result in report.applied.results:
            said = {address for address, proof in result.certificate if proof.verdict is Verdict.DELETED}
            assert not said & there, said & there


def _same(before: MemoryState, after: MemoryState) -> None:
    """Everything durable but what looking may append (reads, drift history, rate tokens)."""
    for name in MemoryState.__dataclass_fields__:
        if name not in ("reads", "drift", "tokens", "leases"):
            assert getattr(before, name) == getattr(after, name), name


Histories.TestCase.settings = settings(
    max_examples=int(os.environ.get("TEMOCTL_SIM_EXAMPLES", FEW)),
    stateful_step_count=int(os.environ.get("TEMOCTL_SIM_STEPS", MANY)),
    deadline=None,
    derandomize="TEMOCTL_SIM_EXAMPLES" not in os.environ,
    database=None,
    # Making a failing history smaller takes minutes: it is for the person who looks for the reason.
    phases=(Phase.generate, Phase.shrink) if os.environ.get("TEMOCTL_SIM_SHRINK") else (Phase.generate,),
    suppress_health_check=list(HealthCheck),
)
TestHistories = Histories.TestCase
