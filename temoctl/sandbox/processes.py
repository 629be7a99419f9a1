"""Processes of a world, known by number and start time, so that a reused number is never ended by mistake.

Uses psutil (it comes with the embedded PostgreSQL): start times and command lines the same way on every platform.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

_SAME_START = 0.5  # seconds that two readings of one start time may differ


@dataclass(frozen=True, slots=True)
class Known:
    """A process as it was noted down. `word` stands in its command line."""

    pid: int
    started: float
    word: str

    def tree(self) -> dict[str, Any]:
        return {"pid": self.pid, "started": self.started, "word": self.word}

    @classmethod
    def read(cls, tree: Mapping[str, Any]) -> Known | None:
        try:
            return cls(int(tree["pid"]), float(tree["started"]), str(tree["word"]))
        except (KeyError, TypeError, ValueError):
            return None

    @classmethod
    def myself(cls, word: str) -> Known:
        return cls(os.getpid(), psutil.Process().create_time(), word)

    def alive(self) -> psutil.Process | None:
        """The process, if it is still the same one."""
        try:
            process = psutil.Process(self.pid)
            if process.status() == psutil.STATUS_ZOMBIE or abs(process.create_time() - self.started) > _SAME_START:
                return None
            return process if any(self.word in part for part in process.cmdline()) else None
        except psutil.Error:
            return None


def end(known: Known | None, *, patience: float = 8.0) -> bool:
    """Ask a process to end, make it end where it doesn't, and its children with it. True if there was one."""
    process = known.alive() if known else None
    if process is None:
        return False
    try:
        family = [process, *process.children(recursive=True)]
        process.terminate()
    except psutil.NoSuchProcess:
        return True
    _, left = psutil.wait_procs(family, timeout=patience)
    for one in left:
        try:
            one.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(left, timeout=patience)
    return True


def python(module: str, arguments: Sequence[str], told: str, *, log: Path, cwd: Path, patience: float) -> str:
    """Start one of our own modules in the background, tell it something, and return the one line it answers.

    "" when it answered nothing in time: then it has been ended. The process has a session of its own, because Ctrl-C
    in the terminal isn't meant for it.
    """
    with log.open("a") as errors:
        log.chmod(0o600)
        child = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=cwd,
            start_new_session=True,
        )
    with child.stdin as question, child.stdout as reply:  # type: ignore[union-attr]
        with contextlib.suppress(BrokenPipeError):
            question.write(told)
            question.close()
        ready, _, _ = select.select([reply], [], [], patience)
        line = reply.readline() if ready else ""
    if not line:
        child.kill()
        child.wait()
    else:
        # Nobody waits for it: it lives longer than we do.
        child.returncode = 0
    return line
