"""`make crash`: the crash table, then `kill -9` of real applies at random moments. The last line is the counts."""

from __future__ import annotations

import sys

from tests.acceptance import kill
from tests.crash import table


def main() -> int:
    """Print both; the worse one decides."""
    wrong, played = table.main([])
    wrong_too, killed = kill.main([])
    print(f"crash table: {played} | kill -9: {killed}")
    return int(wrong or wrong_too)


if __name__ == "__main__":
    sys.exit(main())
