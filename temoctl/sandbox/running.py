"""`sandbox run -- COMMAND`: a world around one command. Must not know what the command is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from temoctl.model.errors import UserError
from temoctl.sandbox import world
from temoctl.sandbox.folder import PROFILE, VARIABLE
from temoctl.sandbox.processes import Known
from temoctl.sandbox.seeding import seed

_FORWARDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


async def run(root: Path, command: Sequence[str], *, n8n: str | None = None, say: world.Say = lambda line: None) -> int:
    """The command's exit code (128 + n when signal n ended it). A world that already ran is left up."""
    me = Known.myself("")
    with _signals() as child:
        try:
            running = await world.start(root, n8n=n8n, guest=me, say=say)
            await seed(root, running)
            return child.run(command, environment(running))
        finally:
            await world.leave(root, me)


def environment(running: world.World) -> dict[str, str]:
    """What leads a command into this world, also from another folder, and to this temoctl before any other."""
    here = str(Path(sys.executable).parent)
    path = os.pathsep.join([here, os.environ.get("PATH", os.defpath)])
    return {**os.environ, "PATH": path, "TEMOCTL_PROFILE": PROFILE, VARIABLE: str(running.folder)}


class _Child:
    """The command as a process, and the signals that came before it was there."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._early: int | None = None

    def run(self, command: Sequence[str], environment: dict[str, str]) -> int:
        if self._early is not None:
            return 128 + self._early
        try:
            self._process = subprocess.Popen(command, env=environment)
        except FileNotFoundError:
            raise UserError(
                "TEMO810", f"there is no command '{command[0]}'", fix="write the command after `--`, as in a shell"
            ) from None
        code = self._process.wait()
        return code if code >= 0 else 128 - code

    def tell(self, number: int, _frame: FrameType | None) -> None:
        if self._process is None:
            self._early = number
        elif number != signal.SIGINT or not sys.stdin.isatty():
            # A terminal sends Ctrl-C to the command by itself; a second one would mean "stop at once" to it.
            self._process.send_signal(number)


@contextmanager
def _signals() -> Iterator[_Child]:
    """While this is open, signals are the command's and the world is taken down in any case."""
    child = _Child()
    before = {number: signal.signal(number, child.tell) for number in _FORWARDED}
    try:
        yield child
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
