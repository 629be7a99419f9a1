"""`kill -9` of a real `temoctl apply` at random moments: `python -m tests.acceptance.kill --kills 100 --seed 1`.

Each round changes the project (texts, price lists, channels, a destroy now and then), kills the apply once or several
times somewhere on its way, lets it run to rest, and judges the world: one of each object, none untracked, an empty
plan. The last line is the counts.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from temoctl.model.identity import Marker
from tests.acceptance.command import Desk

TENANTS = ("aurora", "nordwind")


class Rounds:
    """Rounds of trouble over one world, and what they came to."""

    def __init__(self, desk: Desk, rng: random.Random) -> None:
        self.desk, self.rng = desk, rng
        self.kills, self.rounds = 0, 0
        self.found: Counter[str] = Counter()
        self.full = 3.0

    def prepare(self) -> None:
        self.desk.copy_examples()
        spec = self.desk.project / "tenant_specs" / "aurora.yaml"
        spec.write_text(spec.read_text().replace("plan: START", "plan: BUSINESS"))  # room for a second price list
        self.desk.must("sandbox", "start")
        started = time.monotonic()
        self.desk.must("apply", "--all", "--yes")
        self.full = time.monotonic() - started

    def play(self) -> None:
        """One round: change, kill, finish, judge."""
        self.rounds += 1
        words = self._change()
        for _ in range(self.rng.choice((1, 1, 1, 2, 3))):
            self._kill(words)
        self._rest(words)
        if words[0] == "destroy":
            self.desk.must("sandbox", "seed")  # a tenant's secrets go with it
            self._rest(("apply", "--all", "--yes"))
        self._judge()

    def _change(self) -> tuple[str, ...]:
        kind = self.rng.choice(("text", "rows", "rows", "base", "destroy"))
        tenant = self.rng.choice(TENANTS)
        if kind == "destroy":
            planned = self.desk.ask("plan", tenant, "--destroy", codes=(0, 2))
            return ("destroy", tenant, "--yes", *(f"--allow={name}" for name in planned["allowances"]))
        specs = self.desk.project / "tenant_specs"
        menu = specs / "kb" / "aurora" / "menu.csv"
        spec = specs / "aurora.yaml"
        if kind == "rows":
            menu.write_text(menu.read_text() + f"{self.rounds:06d},Special {self.rounds},coffee,1.00,true,new\n")
        elif kind == "text":
            text = spec.read_text()
            head, _, tail = text.partition("name: Café Aurora")
            spec.write_text(f"{head}name: Café Aurora{tail.replace('warm and brief', f'warm {self.rounds} and brief')}")
        else:
            extra = f"    - {{name: Extra {self.rounds}, file: kb/aurora/menu.csv}}\n"
            text = "".join(line for line in spec.read_text().splitlines(True) if "name: Extra" not in line)
            spec.write_text(text.replace("  products:\n", f"  products:\n{extra}", 1))
        return ("apply", "--all", "--yes", "--allow=delete:supabase.table")

    def _kill(self, words: tuple[str, ...]) -> None:
        child = self.desk.spawn(*words)
        time.sleep(self.rng.uniform(0.1, self.full * 1.1))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        if child.wait() == -signal.SIGKILL:
            self.kills += 1

    def _rest(self, words: tuple[str, ...]) -> None:
        said = ""
        for _ in range(4):
            done = self.desk.run(*words)
            said = f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
            if done.returncode == 0:
                return
        self.found["stuck"] += 1
        print(f"round {self.rounds}: {' '.join(words)} does not come to rest: {said}", file=sys.stderr)

    def _judge(self) -> None:
        left = self.desk.run("plan", "--all", "--detailed-exitcode")
        if left.returncode != 0:
            self.found["not empty"] += 1
            print(f"round {self.rounds}: the plan is not empty\n{left.stdout}{left.stderr}", file=sys.stderr)
        recorded = {row["address"] for row in self.desk.ask("state", "list")["resources"]}
        seen: Counter[tuple[str, str]] = Counter()  # a role may carry the marker of the schema it reads
        for thing in self.desk.ask("sandbox", "remains")["marked"]:
            seen[_address(thing), thing["what"]] += 1
        for (address, what), count in seen.items():
            if count > 1:
                self.found["twins"] += 1
                print(f"round {self.rounds}: {count} {what}s of {address}", file=sys.stderr)
            if address not in recorded:
                self.found["leaks"] += 1
                print(f"round {self.rounds}: {address} is not on record", file=sys.stderr)


def _address(thing: dict[str, Any]) -> str:
    marker = Marker.search(thing["marker"])
    assert marker is not None, thing
    return f"{thing['tenant']}/{thing['system']}.{marker.tail}"


def main(arguments: Sequence[str] | None = None) -> tuple[bool, str]:
    """Play and print; returns whether something was wrong, and the counts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="temoctl-kill-") as folder:
        rounds = Rounds(Desk(Path(folder)), random.Random(given.seed))
        try:
            rounds.prepare()
            while rounds.kills < given.kills:
                rounds.play()
        finally:
            rounds.desk.run("sandbox", "stop")
    counts = ", ".join(f"{rounds.found[name]} {name}" for name in ("leaks", "twins", "stuck", "not empty"))
    said = f"{rounds.kills} kills in {rounds.rounds} rounds: {counts}"
    print(f"kill -9, seed {given.seed}: {said}", flush=True)
    return bool(sum(rounds.found.values())), said


if __name__ == "__main__":
    sys.exit(main()[0])
