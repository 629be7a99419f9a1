"""`make bench`: a table, with the machine it ran on. `python -m benchmarks --only d` runs one case."""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from benchmarks import cases, cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip())
    parser.add_argument("--only", default="abcdef", help="cases: a, b, c, d; e, f: a, b with Stripe and MongoDB")
    parser.add_argument("--first", type=int, default=100, help="tenants of case a")
    parser.add_argument("--fleet", type=int, default=1000, help="tenants of case b")
    parser.add_argument("--whole", type=int, default=200, help="tenants of case f")
    given = parser.parse_args()
    runs: dict[str, Callable[[], list[cases.Row]]] = {
        "a": lambda: cases.first_apply(given.first),
        "b": lambda: cases.empty_plan(given.fleet),
        "c": cpu.per_step,
        "d": cases.cold_start,
        "e": lambda: cases.first_apply(given.first, core=False),
        "f": lambda: cases.empty_plan(given.whole, core=False),
    }
    table = Table("case", "measured", "held against", title=_machine(), title_justify="left")
    for name in given.only:
        for what, figure, against in runs[name]():
            table.add_row(f"({name}) {what}", figure, against)
        table.add_section()
    Console(width=120).print(table)


def _machine() -> str:
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, load {load:.1f} at the end"
    )


if __name__ == "__main__":
    main()
