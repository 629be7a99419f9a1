"""`make crash`: the crash table, then `kill -9` of real applies at random moments. The last line is the counts."""

from __future__ import annotations

import subprocess
import sys

from tests.crash import table

KILLS = "100"


def main() -> int:
    """Print both; the worse one decides."""
    bad = table.main([])
    killed = subprocess.run([sys.executable, "-m", "tests.acceptance.kill", "--kills", KILLS], check=False)
    return bad or killed.returncode


if __name__ == "__main__":
    sys.exit(main())
