"""The sandbox's own `temoctl serve`: started when the first event is on its way to it, gone with the stand-ins.

It is the real program in a process of its own. Its standard input is held open by the stand-ins' process: should that
die in whatever way, the pipe closes, and nobody is left behind. Must not know what an event says.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from temoctl.sandbox.folder import PROFILE, VARIABLE
from temoctl.sandbox.serving import HOST
from temoctl.systems.telegram.fake_delivery import Poster

_START_PATIENCE = 60.0
_BY = "sandbox:ci"


class Hearer:
    """Sends events on with `poster`; those for `port` of this machine start the service where it doesn't run."""

    def __init__(self, project: Path, folder: Path, port: int, poster: Poster) -> None:
        self._project, self._folder, self._poster = project, folder, poster
        self._port = port
        self._process: asyncio.subprocess.Process | None = None
        self._log: asyncio.Task[None] | None = None
        self._alone = asyncio.Lock()
        self._under_way = 0
        self._quiet = asyncio.Event()
        self._quiet.set()

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """POST an event, as the stand-in for Stripe asks. Raises OSError when nobody answers."""
        self._under_way += 1
        self._quiet.clear()
        try:
            if url.startswith(f"http://{HOST}:{self._port}/"):
                await self._ensure()
            return await self._poster(url, headers, body)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._quiet.set()

    async def quiet(self) -> None:
        """Wait until nothing is on its way."""
        await self._quiet.wait()

    async def _ensure(self) -> None:
        async with self._alone:
            if self._process is not None and self._process.returncode is None:
                return
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "temoctl", "serve", "--json", "--until-input-ends", "--as", _BY),
                *("--dir", str(self._project), "--profile", PROFILE, "--host", HOST, "--port", str(self._port)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env={**os.environ, VARIABLE: str(self._folder)},
            )
            said = self._process.stdout
            assert said is not None
            async with asyncio.timeout(_START_PATIENCE):
                await said.readline()  # it says where it listens, or what is wrong
            self._log = asyncio.create_task(self._keep(said))

    async def _keep(self, said: asyncio.StreamReader) -> None:
        """What it tells goes into a file of the world."""
        path = self._folder / "events.log"
        path.touch(mode=0o600)
        with path.open("ab", buffering=0) as file:
            while line := await said.readline():
                file.write(line)

    async def close(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()
        if self._log is not None:
            self._log.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._log
