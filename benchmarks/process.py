"""Runs a command to its end and says what it cost, from the operating system's own accounting."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds and MiB of one finished process; `peak` is its largest resident size."""

    code: int
    wall: float
    cpu: float
    peak: float
    output: str
    errors: str


def measure(command: Sequence[str], *, env: Mapping[str, str], cwd: str) -> Cost:
    """Run `command` and wait for it. Output goes through files, so that a full pipe never slows it."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        started = time.monotonic()
        child = subprocess.Popen(command, env=dict(env), cwd=cwd, stdout=out, stderr=err)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.monotonic() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        return Cost(
            child.returncode, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, out.read(), err.read()
        )
