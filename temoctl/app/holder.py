"""Who holds a lease, as a text that people can read and that this computer can recognise its dead by.

`anna@laptop:4242 [3f9c21d07a.1763821.52.k7q2]`: person, computer and process; in brackets the place (this boot of this
computer, and its process namespace), the process' start time, and a part that no other hold of it has. Must not know
leases: it only says whose word a text is, and whether that process still lives.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

_SHAPE = re.compile(
    r"(?P<who>.*)@(?P<host>[^@\s]*):(?P<pid>[0-9]+) "
    r"\[(?P<place>[0-9a-f]{10})\.(?P<started>[0-9.]+)\.(?P<own>[a-z0-9]+)\]"
)
_SAME_START = 0.5  # seconds that two readings of one start time may differ
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE = Path("/proc/self/ns/pid")


@dataclass(frozen=True, slots=True)
class Holder:
    """One hold of one process. `own` tells two holds of the same process apart."""

    who: str
    host: str
    pid: int
    place: str
    started: float
    own: str

    @classmethod
    def here(cls, who: str, own: str) -> Holder:
        """This process."""
        import psutil

        return cls(who, socket.gethostname(), os.getpid(), _place(), psutil.Process().create_time(), own)

    @classmethod
    def read(cls, text: str) -> Holder | None:
        """A holder back from its text; None for a text of another making."""
        found = _SHAPE.fullmatch(text)
        if found is None:
            return None
        part = found.groupdict()
        return cls(part["who"], part["host"], int(part["pid"]), part["place"], float(part["started"]), part["own"])

    def __str__(self) -> str:
        return f"{self.who}@{self.host}:{self.pid} [{self.place}.{self.started:.2f}.{self.own}]"

    @property
    def certainly_dead(self) -> bool:
        """True when it was a process of this very boot and process namespace, and lives no more."""
        return self.place == _place() and not _lives(self.pid, self.started)


def _place() -> str:
    """This boot of this computer as processes are numbered here: the same number elsewhere is another process."""
    boot = _text(_BOOT) or _boot_time()
    namespace = str(_NAMESPACE.readlink()) if _NAMESPACE.is_symlink() else ""
    return hashlib.sha256(f"{socket.gethostname()}\n{boot}\n{namespace}".encode()).hexdigest()[:10]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _boot_time() -> str:
    """Where the system has no boot id: the second it came up."""
    import psutil

    return f"{sys.platform} {round(psutil.boot_time())}"


def _lives(pid: int, started: float) -> bool:
    """Whether that process is still there. What can't be looked at counts as alive."""
    import psutil

    try:
        process = psutil.Process(pid)
        alive: bool = process.status() != psutil.STATUS_ZOMBIE
        return alive and bool(abs(process.create_time() - started) <= _SAME_START)
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True
