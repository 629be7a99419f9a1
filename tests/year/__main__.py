"""`python -m tests.year`: the simulated year as a table."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests.year.story import Row, told
from tests.year.world import play

_HEADINGS = ("date", "tenant", "what happens", "subscription", "chat", "plan says", "calls")


def table(rows: list[Row]) -> str:
    """Plain columns, as wide as they need to be."""
    cells = [_HEADINGS, *((r.day, r.tenant, r.what, r.status, r.standing, r.answer, str(r.calls)) for r in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(_HEADINGS))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def main() -> int:
    began = time.monotonic()
    rows, story = told()
    with tempfile.TemporaryDirectory() as folder:
        year = play(story, Path(folder))
    print(table(rows))
    once = len({one.event for one in year.heard if one.event})
    print(
        f"\n{year.calls()} calls to Stripe in the year. {len(year.heard)} deliveries of {once} events to two processes."
    )
    print(f"Played in {time.monotonic() - began:.1f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
