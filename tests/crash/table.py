"""The crash table: `python -m tests.crash.table` plays every schedule and prints what came of them.

    toys on memory        every effect × every way to misbehave, alone and in all pairs; and variants of the engine
                          that are broken on purpose: each must be caught
    stand-ins on memory   the real systems (n8n, Telegram, Supabase): all singles, and some pairs after each
    Stripe on memory      the catalogue, events, and what a tenant pays, through the real SDK: all singles, and some
                          pairs after every fourth
    MongoDB on memory     the same for the history of conversations, on the sandbox's own server
    toys on PostgreSQL    SystemData on a real server: all singles

The last line is the counts. It exits 1 when a promise was broken or a broken variant went unnoticed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import multiprocessing
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import psycopg

from temoctl.model.secret import Secret
from temoctl.systemdata.embedded import EmbeddedPostgres
from tests.crash.books import Books, PostgresBooks
from tests.crash.faults import Fault, Kind
from tests.crash.mongodb_stage import MongodbStage
from tests.crash.real_stage import RealStage
from tests.crash.scenario import Name
from tests.crash.simulation import MakeStage, Verdict, simulate, toys
from tests.crash.stripe_stage import StripeStage
from tests.crash.variants import BROKEN, RIGHT, Variant

WRONGS = ("leaks", "twins", "stuck", "wrong")
SAMPLED_PAIRS = 2
PAIRED_AT_STRIPE = 0.25
"""The share of singles that pairs begin with there: the SDK takes its time."""
VARIANTS: Sequence[Variant] = (RIGHT, *BROKEN)


class Part(StrEnum):
    TOYS = "toys on memory"
    STAND_INS = "stand-ins on memory"
    STRIPE = "Stripe on memory"
    MONGODB = "MongoDB on memory"
    POSTGRES = "toys on PostgreSQL"


STAGES: dict[Part, MakeStage] = {
    Part.TOYS: toys,
    Part.STAND_INS: RealStage,
    Part.STRIPE: StripeStage,
    Part.MONGODB: MongodbStage,
    Part.POSTGRES: toys,
}


@dataclass(frozen=True)
class Job:
    """One single, with the pairs that begin with it where the part plays pairs."""

    part: Part
    scenario: Name
    first: tuple[Fault, ...]
    variant: int = 0


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


Tallies = dict[tuple[Part, int, Name], Tally]


def singles(scenario: Name, stage: MakeStage = toys) -> Iterator[tuple[Fault, ...]]:
    """Every effect of an undisturbed run × every way to misbehave."""
    for effect in range(simulate(scenario, (), stage=stage).effects):
        for kind in Kind:
            yield ((effect, kind),)


def second_faults(scenario: Name, first: tuple[Fault, ...], stage: MakeStage = toys) -> Iterator[tuple[Fault, ...]]:
    """Every effect that still follows after the first fault, recovery's included × every way to misbehave."""
    for effect in range(first[0][0] + 1, simulate(scenario, first, stage=stage).effects):
        for kind in Kind:
            yield (*first, (effect, kind))


def followers(job: Job) -> Iterable[tuple[Fault, ...]]:
    """The pairs a job plays after its single."""
    if job.variant or not job.first or job.part is Part.POSTGRES:
        return ()
    pairs = second_faults(job.scenario, job.first, STAGES[job.part])
    if job.part is Part.TOYS:
        return pairs
    if job.part is Part.STRIPE and random.Random(repr(job)).random() > PAIRED_AT_STRIPE:
        return ()
    everyone = list(pairs)
    return random.Random(repr(job)).sample(everyone, min(SAMPLED_PAIRS, len(everyone)))


def jobs(parts: Sequence[Part]) -> Iterator[Job]:
    for part in parts:
        for scenario in Name:
            yield Job(part, scenario, ())
            for first in singles(scenario, STAGES[part]):
                yield Job(part, scenario, first)
                if part is Part.TOYS:
                    yield from (Job(part, scenario, first, number) for number in range(1, len(VARIANTS)))


_books: Books | None = None


def prepare_worker(dsns: Any) -> None:
    """Each worker takes a database of its own; "" where there is none to take."""
    global _books  # noqa: PLW0603 - what a worker process works with, set once when it starts
    dsn = dsns.get()
    _books = PostgresBooks(Secret(dsn)) if dsn else None


def play(job: Job) -> tuple[Job, Tally]:
    stage, variant = STAGES[job.part], VARIANTS[job.variant]
    books = _books if job.part is Part.POSTGRES else None
    tally = Tally()
    for schedule in (job.first, *followers(job)):
        tally.add(job.scenario, simulate(job.scenario, schedule, variant, stage, books))
    return job, tally


@contextlib.contextmanager
def databases(number: int, *, wanted: bool) -> Iterator[list[str]]:
    """Fresh databases on a server of this run's own; empty texts when none are wanted."""
    if not wanted:
        yield [""] * number
        return
    with tempfile.TemporaryDirectory(prefix="temoctl-crash-") as folder:
        postgres = EmbeddedPostgres(Path(folder) / "postgres", durable=False)
        server = asyncio.run(postgres.start())
        try:
            names = [f"crash_{one}" for one in range(number)]
            with psycopg.connect(server.dsn("postgres").reveal(), autocommit=True) as owner:
                for name in names:
                    owner.execute(f"CREATE DATABASE {name}".encode())
            yield [server.dsn(name).reveal() for name in names]
        finally:
            asyncio.run(postgres.stop())


def run(parts: Sequence[Part], workers: int) -> Tallies:
    """Play everything on several processes."""
    everything = list(jobs(parts))
    spawn = multiprocessing.get_context("spawn")
    dsns = spawn.Queue()
    tallies: Tallies = {}
    with databases(workers, wanted=Part.POSTGRES in parts) as given:
        for dsn in given:
            dsns.put(dsn)
        with spawn.Pool(workers, prepare_worker, (dsns,)) as pool:
            for count, (job, tally) in enumerate(pool.imap_unordered(play, everything, chunksize=4), start=1):
                tallies.setdefault((job.part, job.variant, job.scenario), Tally()).join(tally)
                if count % 50 == 0 and sys.stderr.isatty():
                    print(f"\r{count} of {len(everything)} ", end="", file=sys.stderr, flush=True)
    return tallies


def row(name: str, scenario: str, tally: Tally) -> str:
    numbers = "".join(f"{tally.bad[wrong]:>7}" for wrong in WRONGS)
    return f"{name:<41}{scenario:<21}{tally.schedules:>10}{numbers}{tally.worst_runs:>6}"


def show(tallies: Tallies, parts: Sequence[Part]) -> tuple[Tally, list[str]]:
    """Print the table; return the engine's own total and the names of variants that went unnoticed."""
    head = "".join(f"{wrong:>7}" for wrong in WRONGS)
    print(f"{'':<41}{'scenario':<21}{'schedules':>10}{head}{'runs':>6}")
    own, unnoticed = Tally(), []
    for part in parts:
        for scenario in Name:
            tally = tallies[part, 0, scenario]
            own.join(tally)
            print(row(part.value, scenario.value, tally))
    for number, variant in enumerate(VARIANTS[1:] if Part.TOYS in parts else (), start=1):
        total = Tally()
        for scenario in Name:
            total.join(tallies[Part.TOYS, number, scenario])
        print(row(f"broken: {variant.name}", "all, singles", total))
        if not total.caught:
            unnoticed.append(variant.name)
    for scenario, verdict in own.examples:
        found = [*verdict.leaks, *verdict.twins, *verdict.stuck, *verdict.wrong]
        print(f"{scenario.value} {verdict.schedule}: {found}")
    for name in unnoticed:
        print(f"NOT CAUGHT: {name}")
    return own, unnoticed


def main(arguments: Sequence[str] | None = None) -> tuple[bool, str]:
    """Play and print; returns whether something was wrong, and the counts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--part", choices=[part.name.lower() for part in Part], action="append")
    given = parser.parse_args(arguments)
    parts = [part for part in Part if not given.part or part.name.lower() in given.part]
    begun = time.monotonic()
    own, unnoticed = show(run(parts, given.workers), parts)
    counts = ", ".join(f"{own.bad[wrong]} {wrong}" for wrong in WRONGS)
    caught = f"; {len(BROKEN) - len(unnoticed)} of {len(BROKEN)} broken variants caught" if Part.TOYS in parts else ""
    said = f"{own.schedules} schedules: {counts}{caught}"
    print(f"crash table, {time.monotonic() - begun:.0f} s: {said}", flush=True)
    return bool(own.caught or unnoticed), said


if __name__ == "__main__":
    sys.exit(main()[0])
