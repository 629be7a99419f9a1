"""The crash table: `python -m tests.crash.table` plays every schedule and prints what came of them.

Every effect boundary × every way to misbehave, alone and in all pairs, in every scenario; then deliberately broken
variants, each of which must be caught. Its last line is the counts; it exits 1 when a promise was broken, or when a
broken variant went unnoticed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tests.crash.faults import Fault, Kind
from tests.crash.scenario import Name
from tests.crash.simulation import Verdict, simulate
from tests.crash.variants import BROKEN, RIGHT, Variant

WRONGS = ("leaks", "twins", "stuck", "wrong")
Job = tuple[Name, tuple[Fault, ...], int]


@dataclass
class Tally:
    """What came of some schedules."""

    schedules: int = 0
    bad: Counter[str] = field(default_factory=Counter)
    caught: int = 0
    worst_runs: int = 0
    examples: list[tuple[Name, Verdict]] = field(default_factory=list)

    def add(self, scenario: Name, verdict: Verdict) -> None:
        self.schedules += 1
        self.worst_runs = max(self.worst_runs, verdict.runs)
        if verdict.ok:
            return
        self.caught += 1
        self.bad.update(verdict.counts())
        if len(self.examples) < 3:
            self.examples.append((scenario, verdict))

    def join(self, other: Tally) -> None:
        self.schedules += other.schedules
        self.bad.update(other.bad)
        self.caught += other.caught
        self.worst_runs = max(self.worst_runs, other.worst_runs)
        self.examples = (self.examples + other.examples)[:3]


def singles(scenario: Name) -> Iterator[tuple[Fault, ...]]:
    """Every effect of an undisturbed run × every way to misbehave."""
    for effect in range(simulate(scenario, ()).effects):
        for kind in Kind:
            yield ((effect, kind),)


def second_faults(scenario: Name, first: tuple[Fault, ...]) -> Iterator[tuple[Fault, ...]]:
    """Every effect that still follows after the first fault, recovery's included × every way to misbehave."""
    for effect in range(first[0][0] + 1, simulate(scenario, first).effects):
        for kind in Kind:
            yield (*first, (effect, kind))


def play(job: Job) -> tuple[Name, int, Tally]:
    """One single and, unless the variant is a broken one, all pairs that begin with it."""
    scenario, first, number = job
    tally = Tally()
    variant = VARIANTS[number]
    tally.add(scenario, simulate(scenario, first, variant))
    if variant is RIGHT and first:
        for schedule in second_faults(scenario, first):
            tally.add(scenario, simulate(scenario, schedule))
    return scenario, number, tally


VARIANTS: Sequence[Variant] = (RIGHT, *BROKEN)


def jobs() -> Iterator[Job]:
    for scenario in Name:
        yield scenario, (), 0
        for first in singles(scenario):
            for number in range(len(VARIANTS)):
                yield scenario, first, number


def gather(done: Iterable[tuple[Name, int, Tally]], total: int) -> dict[tuple[int, Name], Tally]:
    tallies: dict[tuple[int, Name], Tally] = {}
    for count, (scenario, number, tally) in enumerate(done, start=1):
        tallies.setdefault((number, scenario), Tally()).join(tally)
        if count % 100 == 0 and sys.stderr.isatty():
            print(f"\r{count} of {total}", end="", file=sys.stderr)
    return tallies


def row(name: str, scenario: str, tally: Tally) -> str:
    numbers = "".join(f"{tally.bad[wrong]:>8}" for wrong in WRONGS)
    return f"{name:<36}{scenario:<22}{tally.schedules:>10}{numbers}{tally.worst_runs:>8}"


def show(tallies: dict[tuple[int, Name], Tally]) -> tuple[Tally, list[str]]:
    """Print the table; return the engine's own total and the names of variants that went unnoticed."""
    head = "".join(f"{wrong:>8}" for wrong in WRONGS)
    print(f"{'variant':<36}{'scenario':<22}{'schedules':>10}{head}{'runs':>8}")
    own, unnoticed = Tally(), []
    for number, variant in enumerate(VARIANTS):
        total = Tally()
        for scenario in Name:
            tally = tallies[number, scenario]
            total.join(tally)
            if variant is RIGHT:
                print(row(variant.name, scenario.value, tally))
        if variant is RIGHT:
            own = total
        else:
            print(row(variant.name, "all, singles", total))
            if not total.caught:
                unnoticed.append(variant.name)
    return own, unnoticed


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    workers = parser.parse_args(arguments).workers
    begun, everything = time.monotonic(), list(jobs())
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        tallies = gather(pool.imap_unordered(play, everything, chunksize=4), len(everything))
    own, unnoticed = show(tallies)
    for scenario, verdict in own.examples:
        print(
            f"{scenario.value} {verdict.schedule}: {[*verdict.leaks, *verdict.twins, *verdict.stuck, *verdict.wrong]}"
        )
    for name in unnoticed:
        print(f"NOT CAUGHT: {name}")
    counts = ", ".join(f"{own.bad[wrong]} {wrong}" for wrong in WRONGS)
    caught = len(BROKEN) - len(unnoticed)
    print(
        f"crash table: {own.schedules} schedules in {time.monotonic() - begun:.0f} s: {counts}; "
        f"{caught} of {len(BROKEN)} broken variants caught"
    )
    return 1 if own.caught or unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())
